"""Time zones of a phone number, as `phonenumbers` knows them, and those of its country where that is mistaken.

A number tells less than one would like: mobile numbers of many countries, and toll-free ones everywhere, may be in any
zone of the country; and where a phone is at the moment, no number tells. The one idea: to ask of one number costs 200
µs, and most countries have one zone, or several whose clocks agree most of the day. So what all numbers of a country
can have is told at once, and what one number has only when it matters.
"""

import re
from collections.abc import Mapping
from functools import cache

import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

from outbound_chat.request._numbers import calling_code
from outbound_chat.request._own_zones import own_zones

_UNKNOWN = "Etc/Unknown"
_NORTH_AMERICA = "1"
_AREA = 5
"""Where the area code of a number of North America ends: +1206."""


def zones_of_country(number: str) -> tuple[str, ...]:
    """All zones that numbers with this one's country calling code can have; empty: none is known."""
    return _by_country().get(calling_code(number[1:4]) or "", ())


def zones_of(number: str) -> tuple[str, ...]:
    """The zones that this number can have, all of them in `zones_of_country`; empty: none is known.

    Numbers outside North America that `phonenumbers` takes for unused have all zones of their country.
    """
    if calling_code(number[1:4]) == _NORTH_AMERICA and _is_of_the_mainland(number[2:_AREA]):
        # There fixed and mobile numbers are told apart by nothing, and both have the zone of their area. All others
        # begin with no area's code, and so have the zones of the whole country.
        data = _by_beginning()
        beginnings = (number[1:end] for end in range(len(number), 1, -1))
        return next((data[beginning] for beginning in beginnings if beginning in data), ())
    from phonenumbers.timezone import time_zones_for_number  # noqa: PLC0415  # as below

    found = tuple(time_zones_for_number(phonenumbers.parse(number)))
    return zones_of_country(number) if _UNKNOWN in found else own_zones(calling_code(number[1:4]), found)


@cache
def _is_of_the_mainland(area: str) -> bool:
    # Of the two dozen countries that share +1, those with area codes of their own name them.
    others = (PhoneMetadata.metadata_for_region(region) for region in COUNTRY_CODE_TO_REGION_CODE[int(_NORTH_AMERICA)])
    return not any(other and other.leading_digits and re.match(other.leading_digits, area) for other in others)


@cache
def _by_beginning() -> Mapping[str, tuple[str, ...]]:
    # Loaded when first needed: most senders have no quiet hours.
    from phonenumbers.tzdata import TIMEZONE_DATA  # noqa: PLC0415

    return TIMEZONE_DATA


@cache
def _by_country() -> dict[str, tuple[str, ...]]:
    zones: dict[str, set[str]] = {}
    for beginning, names in _by_beginning().items():
        zones.setdefault(calling_code(beginning[:3]) or "", set()).update(names)
    return {code: own_zones(code, names - {_UNKNOWN}) for code, names in zones.items()}
