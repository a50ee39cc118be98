"""Phone numbers: E.164 as written, and possible by the numbering plan of the country."""

import re

import phonenumbers
import pytest
from hypothesis import example, given, strategies as st
from phonenumbers import PhoneMetadata, PhoneNumber, PhoneNumberType, ValidationResult

from outbound_chat.request import ChatRequest

from .senders import SMS


def codes(number: object) -> list[str]:
    return [error.code for error in ChatRequest.from_short({"to": number}).errors(SMS)]


@pytest.mark.parametrize(
    "number",
    ["+12065550100", "+442079460000", "+4915112345678", "+390236618300", "+80012345678", "+2902257", "+541123456789"],
)
def test_possible_numbers_pass(number: str) -> None:
    assert codes(number) == []


@pytest.mark.parametrize(
    "number",
    [
        "",
        "+",
        "+1",
        "+02065550100",
        "12065550100",
        "0012065550100",
        "+1 206 555 0100",
        "+1-206-555-0100",
        "+1(206)5550100",
        " +12065550100",
        "+12065550100\n",
        "+1206555010O",
        "+" + "1" * 16,
        "+1206555010\N{ARABIC-INDIC DIGIT ONE}",
        "tel:+12065550100",
    ],
)
def test_what_is_not_e164_is_refused_with_the_form_wanted(number: str) -> None:
    (error,) = ChatRequest.from_short({"to": number}).errors(SMS)
    assert (error.field, error.code) == ("to", "invalid_number")
    assert "without spaces or dashes" in error.message


@pytest.mark.parametrize(
    ("number", "why"),
    [
        ("+1206555010", "one digit short"),
        ("+120655501000", "one digit long"),
        ("+15550100", "can be dialled only within its area"),
        ("+4402079460000", "has the trunk prefix 0"),
        ("+99912345678", "no country has 999"),
        ("+358", "country code alone"),
        ("+21", "half a country code"),
    ],
)
def test_impossible_numbers_are_refused(number: str, why: str) -> None:
    assert codes(number) == ["impossible_number"], why


@pytest.mark.parametrize("number", [12065550100, ["+12065550100"], True])
def test_a_number_must_be_text(number: object) -> None:
    assert codes(number) == ["wrong_type"]


KINDS = [kind for kind in PhoneNumberType.values() if kind != PhoneNumberType.UNKNOWN]
COUNTRIES = sorted(phonenumbers.SUPPORTED_REGIONS)


def examples(region: str) -> set[tuple[str, str]]:
    """Calling code and national number of each kind of number of a country, from the metadata of `phonenumbers`."""
    found = (phonenumbers.example_number_for_type(region, kind) for kind in KINDS)
    return {(str(number.country_code), phonenumbers.national_significant_number(number)) for number in found if number}


def is_dialled_from_abroad(code: str, national: str) -> bool:
    """Whether it has a full length: Canada's example of one kind can only be dialled at home."""
    number = PhoneNumber(country_code=int(code), national_number=int("1" * len(national)))
    return phonenumbers.is_possible_number_with_reason(number) == ValidationResult.IS_POSSIBLE


def plans(calling_code: int) -> list[PhoneMetadata]:
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE[calling_code]
    return [plan for region in regions if (plan := PhoneMetadata.metadata_for_region(region))]


def begins_as_dialled_at_home(calling_code: int, national: str) -> bool:
    """Whether a trunk prefix, or the calling code again, stands before a number of a plan that has none like it."""

    def planned(digits: str) -> bool:
        patterns = (plan.general_desc.national_number_pattern for plan in plans(calling_code) if plan.general_desc)
        return any(pattern and re.fullmatch(pattern, digits) for pattern in patterns)

    trunk = next((plan.national_prefix for plan in plans(calling_code)), None)
    doubled = national.startswith(str(calling_code)) and planned(national.removeprefix(str(calling_code)))
    return not planned(national) and (bool(trunk and national.startswith(trunk)) or doubled)


@pytest.mark.parametrize("region", COUNTRIES)
def test_a_trunk_prefix_after_the_country_code_is_refused_in_every_country(region: str) -> None:
    """Else "+49 0170…" is texted although "+49 170…" opted out."""
    plan = PhoneMetadata.metadata_for_region(region)
    trunk = plan.national_prefix if plan else None
    for code, national in examples(region):
        assert codes(f"+{code}{national}") == ([] if is_dialled_from_abroad(code, national) else ["impossible_number"])
        if trunk:
            assert codes(f"+{code}{trunk}{national}") in (["impossible_number"], ["invalid_number"])


@pytest.mark.parametrize(
    "number", ["+4901701234567", "+610412345678", "+4306641234567", "+5501112345678", "+8109012345678"]
)
def test_the_error_names_the_digit_after_the_country_code(number: str) -> None:
    (error,) = ChatRequest.from_short({"to": number}).errors(SMS)
    assert "has a 0 after the country code" in error.message
    assert error.code == "impossible_number"


@pytest.mark.parametrize(
    "number",
    [
        "+390612345678",  # Italy: Rome
        "+3780549886377",  # San Marino
        "+2250789881234",  # Ivory Coast
        "+24106031234",  # Gabon
        "+242061234567",  # Congo
        "+78121234567",  # Russia: Saint Petersburg has 812, and 8 is the trunk prefix
        "+78001234567",
        "+77011234567",  # Kazakhstan
        "+375294911911",  # Belarus
        "+3758011234567",
        "+5491123456789",  # Argentina: mobile
        "+4949411234567",  # Germany: Aurich
        "+919123456789",  # India: a mobile number that begins with 91
    ],
)
def test_numbers_that_begin_like_a_prefix_and_are_none_pass(number: str) -> None:
    assert codes(number) == []


@pytest.mark.parametrize("number", ["+91918123456789", "+90905012345678", "+972972502345678", "+302106912345678"])
def test_a_country_code_written_twice(number: str) -> None:
    assert codes(number) == ["impossible_number"]


_CALLING_CODES = st.sampled_from(sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE))


@given(_CALLING_CODES, st.text("0123456789", min_size=1, max_size=14))
@example(39, "0236618300")
@example(1, "0000000000")
def test_the_verdict_is_that_of_the_library_on_the_very_digits(calling_code: int, national: str) -> None:
    """The verdict is remembered by country and length, unless the digits begin with those dialled at home."""
    number = f"+{calling_code}{national}"
    zeros = len(national[:-1]) - len(national[:-1].lstrip("0"))
    uncached = PhoneNumber(
        country_code=calling_code,
        national_number=int(national),
        italian_leading_zero=zeros > 0,
        number_of_leading_zeros=zeros,
    )
    assert phonenumbers.national_significant_number(uncached) == national
    possible = phonenumbers.is_possible_number_with_reason(uncached) == ValidationResult.IS_POSSIBLE
    if len(number) <= 16:
        inserted = begins_as_dialled_at_home(calling_code, national)
        assert codes(number) == ([] if possible and not inserted else ["impossible_number"])
    else:
        assert codes(number) == ["invalid_number"]


@given(st.from_regex(r"\+[1-9][0-9]{1,14}", fullmatch=True))
@example("+430000")
def test_the_verdict_is_that_of_parsing_unless_parsing_changes_the_number(number: str) -> None:
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        assert codes(number) == ["impossible_number"]
        return
    if phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164) == number:
        possible = phonenumbers.is_possible_number_with_reason(parsed) == ValidationResult.IS_POSSIBLE
        # Of digits too few for a number, the library takes no trunk prefix away.
        code = parsed.country_code or 0
        inserted = begins_as_dialled_at_home(code, number.removeprefix(f"+{code}"))
        assert codes(number) == ([] if possible and not inserted else ["impossible_number"])
