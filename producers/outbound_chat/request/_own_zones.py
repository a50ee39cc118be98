"""The time zones of countries for which `phonenumbers` names wrong zones or omits some.

`phonenumbers` groups zones like Unicode's metazones, so Algiers belongs to Paris, and Darwin to Adelaide, although
their clocks differ. The table has each country with a single zone, and each zone whose clocks are unique in its
country, according to the file zone.tab of the tz database. A test compares all countries with that file.
https://data.iana.org/time-zones/tz-link.html
https://unicode.org/reports/tr35/tr35-dates.html#Time_Zone_Names
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

_OWN: Mapping[str, Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        # Countries with one zone.
        "211": {"Africa/Nairobi": ("Africa/Juba",)},
        "212": {"Atlantic/Canary": ("Africa/Casablanca", "Africa/El_Aaiun")},
        "213": {"Europe/Paris": ("Africa/Algiers",)},
        "218": {"Europe/Bucharest": ("Africa/Tripoli",)},
        "231": {"Atlantic/Reykjavik": ("Africa/Monrovia",)},
        "245": {"Atlantic/Reykjavik": ("Africa/Bissau",)},
        "353": dict.fromkeys(("Europe/Guernsey", "Europe/Isle_of_Man", "Europe/London"), ("Europe/Dublin",)),
        "370": {"Europe/Bucharest": ("Europe/Vilnius",)},
        "371": {"Europe/Bucharest": ("Europe/Riga",)},
        "372": {"Europe/Bucharest": ("Europe/Tallinn",)},
        "375": {"Europe/Moscow": ("Europe/Minsk",)},
        "505": {"America/Chicago": ("America/Managua",)},
        "850": {"Asia/Seoul": ("Asia/Pyongyang",)},
        "853": {"Asia/Shanghai": ("Asia/Macau",)},
        # Countries with several: the zone named may also mean these, and no number shows which it is.
        "7": {"Europe/Bucharest": ("Europe/Kaliningrad",)},
        "52": {"America/New_York": ("America/Cancun",)},
        "56": {"America/Santiago": ("America/Santiago", "America/Punta_Arenas", "Pacific/Easter")},
        "61": {"Australia/Adelaide": ("Australia/Adelaide", "Australia/Darwin")},
        "86": {"Asia/Shanghai": ("Asia/Shanghai", "Asia/Urumqi")},
        "299": {"America/Scoresbysund": ("America/Scoresbysund", "America/Danmarkshavn")},
        "380": {"Europe/Kyiv": ("Europe/Kyiv", "Europe/Simferopol")},
        "675": {"Pacific/Port_Moresby": ("Pacific/Port_Moresby", "Pacific/Bougainville")},
        "970": {"Europe/Bucharest": ("Asia/Gaza", "Asia/Hebron")},
    }
)


def own_zones(code: str | None, named: Iterable[str]) -> tuple[str, ...]:
    """Returns the correct zones for those that `phonenumbers` names for a country calling code."""
    own = _OWN.get(code or "", {})
    return tuple(sorted({meant for zone in named for meant in own.get(zone, (zone,))}))
