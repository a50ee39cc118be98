"""Numbers go by the clocks of their own country, as the tz database has them: every country is compared.

`phonenumbers` names a zone of a neighbour for some countries, whose clocks agree with it for most of the year or not
at all. The tz database is that of the package tzdata, so the answer does not depend on the release of the machine.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

import phonenumbers
import pytest
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneNumberFormat, PhoneNumberType

from outbound_chat.request import zones_of, zones_of_country

_DATABASE = files("tzdata") / "zoneinfo"
_DAYS = [datetime(2026, 1, 1, 12, tzinfo=UTC) + timedelta(days=days) for days in range(3 * 365)]


def zones_by_country() -> dict[str, list[str]]:
    """Zones of each country that zone.tab has: https://data.iana.org/time-zones/tz-link.html."""
    found: dict[str, list[str]] = {}
    for line in (_DATABASE / "zone.tab").read_text("utf-8").splitlines():
        if not line.startswith("#"):
            country, _, zone, *_ = line.split("\t")
            found.setdefault(country, []).append(zone)
    return found


ZONES = zones_by_country()
COUNTRIES = sorted(ZONES.keys() & phonenumbers.SUPPORTED_REGIONS)


@cache
def clocks(zone: str) -> tuple[timedelta | None, ...]:
    """What the clocks of a zone show, on each day of three years."""
    with _DATABASE.joinpath(*zone.split("/")).open("rb") as data:
        found = ZoneInfo.from_file(data)
    return tuple(day.astimezone(found).utcoffset() for day in _DAYS)


def all_clocks(zones: Iterable[str]) -> set[tuple[timedelta | None, ...]]:
    return {clocks(zone) for zone in zones}


def examples(country: str) -> list[str]:
    """A number of each kind that the country has."""
    found = (phonenumbers.example_number_for_type(country, kind) for kind in PhoneNumberType.values())
    return [phonenumbers.format_number(number, PhoneNumberFormat.E164) for number in found if number]


@pytest.mark.parametrize("country", [country for country in COUNTRIES if len(ZONES[country]) == 1])
def test_numbers_of_a_country_with_one_zone_go_by_its_clocks(country: str) -> None:
    """In Casablanca it is another hour than on the Canaries, in Algiers than in Paris."""
    (own,) = ZONES[country]
    for number in examples(country):
        assert clocks(own) in all_clocks(zones_of(number)), number


@pytest.mark.parametrize("code", sorted(set(COUNTRY_CODE_TO_REGION_CODE)))
def test_a_calling_code_has_the_clocks_of_its_countries_and_no_others(code: int) -> None:
    """A number that does not say where in its country it is waits for all of the country."""
    countries = [country for country in COUNTRY_CODE_TO_REGION_CODE[code] if country in ZONES]
    own = all_clocks(zone for country in countries for zone in ZONES[country])
    if own:
        assert all_clocks(zones_of_country(f"+{code}0000000")) == own


@pytest.mark.parametrize(
    ("number", "zones"),
    [
        ("+212650123456", {"Africa/Casablanca", "Africa/El_Aaiun"}),
        ("+213551234567", {"Africa/Algiers"}),
        ("+218912345678", {"Africa/Tripoli"}),
        ("+50581234567", {"America/Managua"}),
        ("+74012123456", {"Europe/Kaliningrad"}),
        ("+61889123456", {"Australia/Adelaide", "Australia/Darwin", "Australia/Perth"}),
        ("+61291234567", {"Australia/Sydney"}),
        ("+56221234567", {"America/Santiago", "America/Punta_Arenas", "Pacific/Easter"}),
    ],
)
def test_examples(number: str, zones: set[str]) -> None:
    assert set(zones_of(number)) == zones
