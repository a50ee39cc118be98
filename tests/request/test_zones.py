"""The time zones of a number are those that `phonenumbers` knows, by a shorter way."""

import random
from functools import cache

import phonenumbers
import pytest
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneNumberType
from phonenumbers.timezone import time_zones_for_number
from phonenumbers.tzdata import TIMEZONE_DATA

from outbound_chat.request import zones_of, zones_of_country


def by_phonenumbers(number: str) -> set[str]:
    return {*time_zones_for_number(phonenumbers.parse(number))}


@cache
def named_by_phonenumbers(code: int) -> set[str]:
    """All zones that it names for numbers with a calling code."""
    return {zone for beginning in TIMEZONE_DATA if beginning.startswith(str(code)) for zone in TIMEZONE_DATA[beginning]}


def examples() -> list[str]:
    """A number of each kind of each country that has one."""
    kinds = [PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, PhoneNumberType.TOLL_FREE, PhoneNumberType.VOIP]
    found = (
        phonenumbers.example_number_for_type(region, kind)
        for regions in COUNTRY_CODE_TO_REGION_CODE.values()
        for region in regions
        for kind in kinds
        if region != "001"
    )
    return [phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) for number in found if number]


def test_they_are_those_that_phonenumbers_knows() -> None:
    """The short way must lead to the same place, for every kind of number, wherever the library has a country right."""
    compared = 0
    for number in examples():
        known, country = by_phonenumbers(number), set(zones_of_country(number))
        named = named_by_phonenumbers(phonenumbers.parse(number).country_code or 0)
        if known != {"Etc/Unknown"} and named == country:
            assert set(zones_of(number)) == known, number
            compared += 1
        assert set(zones_of(number)) <= country, number
    assert compared > 500


def test_area_codes_of_north_america_tell_what_phonenumbers_tells() -> None:
    """They take the shortest way; islands have mobile numbers of their own."""
    chosen = random.Random(7)  # noqa: S311  # numbers, no secrets
    for _ in range(3_000):
        number = f"+1{chosen.randint(200, 999)}{chosen.randint(200, 999)}{chosen.randint(0, 9999):04}"
        known = by_phonenumbers(number)
        if known != {"Etc/Unknown"}:
            assert set(zones_of(number)) == known, number


@pytest.mark.parametrize(
    ("number", "zones"),
    [
        ("+12065550100", {"America/Los_Angeles"}),
        ("+12125550100", {"America/New_York"}),
        ("+81312345678", {"Asia/Tokyo"}),
        ("+80012345678", set()),
        ("+870773111632", set()),
        # Not in use as far as phonenumbers knows: any zone of the country.
        ("+447700900123", {"Europe/London", "Europe/Guernsey", "Europe/Isle_of_Man", "Europe/Jersey"}),
    ],
)
def test_examples(number: str, zones: set[str]) -> None:
    assert set(zones_of(number)) == zones


def test_a_toll_free_number_may_be_anywhere_in_north_america() -> None:
    assert {"America/New_York", "Pacific/Honolulu", "America/Puerto_Rico"} <= set(zones_of("+18005550100"))
