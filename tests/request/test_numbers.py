"""Phone numbers: E.164 as written, and possible by the numbering plan of the country."""

import phonenumbers
import pytest
from hypothesis import example, given, strategies as st
from phonenumbers import PhoneNumber, ValidationResult

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


_CALLING_CODES = st.sampled_from(sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE))


@given(_CALLING_CODES, st.text("0123456789", min_size=1, max_size=14))
@example(39, "0236618300")
@example(1, "0000000000")
def test_the_verdict_is_that_of_the_library_on_the_very_digits(calling_code: int, national: str) -> None:
    """The verdict is remembered by country and length; the library must never look at more than that."""
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
        assert codes(number) == ([] if possible else ["impossible_number"])
    else:
        assert codes(number) == ["invalid_number"]


@given(st.from_regex(r"\+[1-9][0-9]{1,14}", fullmatch=True))
def test_the_verdict_is_that_of_parsing_unless_parsing_changes_the_number(number: str) -> None:
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        assert codes(number) == ["impossible_number"]
        return
    if phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164) == number:
        possible = phonenumbers.is_possible_number_with_reason(parsed) == ValidationResult.IS_POSSIBLE
        assert codes(number) == ([] if possible else ["impossible_number"])
