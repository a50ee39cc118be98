"""The time zones of a phone number according to `phonenumbers`, with the corrections of `_own_zones`.

A number does not show everything: mobile numbers of many countries, and toll-free numbers, may be in any zone of the
country, and no number shows where the phone is now. The main idea: looking up one number costs 200 µs, and most
countries have one zone, or several whose clocks agree most of the day. So the zones of all numbers of a country are
used first, and a single number is only looked up when it matters.
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
    """Returns all zones of numbers with the same country calling code; empty if unknown."""
    return _by_country().get(calling_code(number[1:4]) or "", ())


def zones_of(number: str) -> tuple[str, ...]:
    """Returns the zones that this number can have, a subset of `zones_of_country`; empty if unknown.

    Numbers outside North America that are unused according to `phonenumbers` have all zones of their country.
    """
    if calling_code(number[1:4]) == _NORTH_AMERICA and _is_of_the_mainland(number[2:_AREA]):
        # Fixed and mobile numbers look the same there, and both have the zone of their area. All others begin with no
        # area's code, and so have the zones of the whole country.
        data = _by_beginning()
        beginnings = (number[1:end] for end in range(len(number), 1, -1))
        return next((data[beginning] for beginning in beginnings if beginning in data), ())
    from phonenumbers.timezone import time_zones_for_number  # noqa: PLC0415  # as below

    found = tuple(time_zones_for_number(phonenumbers.parse(number)))
    return zones_of_country(number) if _UNKNOWN in found else own_zones(calling_code(number[1:4]), found)


@cache
def _is_of_the_mainland(area: str) -> bool:
    # Two dozen countries share +1; the metadata of those with their own area codes has these codes.
    others = (PhoneMetadata.metadata_for_region(region) for region in COUNTRY_CODE_TO_REGION_CODE[int(_NORTH_AMERICA)])
    return not any(other and other.leading_digits and re.match(other.leading_digits, area) for other in others)


@cache
def _by_beginning() -> Mapping[str, tuple[str, ...]]:
    # Loaded when first used: most senders have no quiet hours.
    from phonenumbers.tzdata import TIMEZONE_DATA  # noqa: PLC0415

    return TIMEZONE_DATA


@cache
def _by_country() -> dict[str, tuple[str, ...]]:
    zones: dict[str, set[str]] = {}
    for beginning, names in _by_beginning().items():
        zones.setdefault(calling_code(beginning[:3]) or "", set()).update(names)
    return {code: own_zones(code, names - {_UNKNOWN}) for code, names in zones.items()}
