"""Checks phone numbers: E.164 form, a length that the country has, and no digits that are only dialled at home.

It can't know whether a number is in service: only the carrier does. The main idea: whether a number is possible depends
on its country calling code and its length, so `phonenumbers` is asked once for each pair. Only a number that begins
with a trunk prefix, or with its country code twice, is compared with the numbering plan.
"""

import re
from functools import cache

import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata, PhoneNumber, ValidationResult

from outbound_chat.request._codes import FieldCode

# Amazon Connect's own PhoneNumber shape; [0-9], because \d would also match the digits of other scripts.
# https://docs.aws.amazon.com/connect/latest/APIReference/API_StartOutboundChatContact.html
_E164 = re.compile(r"\+[1-9][0-9]{1,14}")
is_e164 = _E164.fullmatch

_FORM = 'must be "+", country code and number in digits only, without spaces or dashes, such as +12065550100'
LACKS_COUNTRY = 'lacks "+" and the country code: add them'
_HABITS = (
    (
        r"\+?[0-9]+([.,][0-9]+)?[eE]\+?[0-9]+",
        "was shortened by a spreadsheet, as 1.2E+10 is, and lost digits: format the column as text, or send the .xlsx",
    ),
    (r"['\u2018\u2019=].*", 'begins with an apostrophe or "=", as spreadsheets mark text: remove it'),
    (r"[0-9]+\.0+", "ends in .0, as a program writes a number: write its digits only"),
    (r"00[0-9 ()./-]+", 'begins with 00: write "+" in place of it'),
    (r"(?i:tel|sms|whatsapp):.*", "has a word before it: remove it"),
    (r"[0-9 ()./-]+", LACKS_COUNTRY),
    (r".*[^\x20-\x7e].*", "has an invisible character or a sign of another script: type it again"),
)
"""What else is written in place of E.164, in the order in which it is looked for, and the fix."""
_DIALLED = re.compile(r"\+?[0-9 ()./\xa0\u2010-\u2015-]*[0-9]")
_NOT_DIALLED = re.compile(r"[^0-9+]")

_CALLING_CODES = frozenset(map(str, COUNTRY_CODE_TO_REGION_CODE))
_IMPOSSIBLE = "is not a possible phone number: check its country code and its length; write it as dialled from abroad"


def number_fault(value: object) -> tuple[FieldCode, str] | None:
    """Returns why the value is not a number to send to; None if it is valid. The reason never contains the value.

    A number that can only be dialled within its own area is not possible: Amazon Connect dials from outside. The digits
    are checked as written; unlike in `phonenumbers.parse`, a trunk prefix (+44 0…) is refused, not removed.
    https://github.com/google/libphonenumber/blob/master/FAQ.md
    """
    if not isinstance(value, str):
        return FieldCode.WRONG_TYPE, "must be a string"
    if not is_e164(value):
        return FieldCode.INVALID_NUMBER, _FORM + _habit(value)
    suspects = _suspects(value[1:4], len(value) - 1)
    if suspects is None:
        return FieldCode.IMPOSSIBLE_NUMBER, _IMPOSSIBLE
    if value.startswith(suspects) and (inserted := _inserted(value)):
        return FieldCode.IMPOSSIBLE_NUMBER, inserted
    return None


def _habit(value: str) -> str:
    text = value[:64].strip(" ")
    return next((f"; it {words}" for form, words in _HABITS if re.fullmatch(form, text, re.DOTALL)), "")


def to_e164(written: str, country: str) -> str | tuple[FieldCode, str]:
    """Returns a number that is written as it is dialled in a country (ISO 3166) in E.164 form.

    A number with `+` only loses its spaces, dashes and the like. A code and a message say what is wrong where it is no
    number at all, where the country has no such number, or where the digits may begin with a calling code as well as
    with an area code: nothing is guessed. Where a 0 is dialled before area codes, digits without it may begin with the
    calling code of any country.
    """
    text = written.strip()
    if re.fullmatch(r"[0-9]+\.0", text):  # as programs write whole numbers; nothing is lost
        text = text[:-2]
    if not _DIALLED.fullmatch(text):
        form = f'must be written as it is dialled in {country}, or with "+" and country code, such as +12065550100'
        return FieldCode.INVALID_NUMBER, form + _habit(written).replace(f"; it {LACKS_COUNTRY}", "")
    digits = _NOT_DIALLED.sub("", text)
    if digits.startswith("+"):
        return digits
    number = _planned(digits, country)
    if number is None:
        return FieldCode.IMPOSSIBLE_NUMBER, f'is not a number of {country}; write it with "+" and country code'
    found = str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
    code = str(number.country_code)
    is_unclear = digits.startswith(code) or (_trunk_prefix(code) == "0" and not digits.startswith("0"))
    if is_unclear and f"+{digits}" != found and _planned(f"+{digits}"):
        message = 'may begin with its country code or with an area code; write "+" or the 0 of the area before it'
        return FieldCode.INVALID_NUMBER, message
    return found


def _planned(digits: str, country: str | None = None) -> PhoneNumber | None:
    """Returns a number that the numbering plan of its country has; None if it has none."""
    try:
        number = phonenumbers.parse(digits, country)
    except phonenumbers.NumberParseException:
        return None
    return number if phonenumbers.is_valid_number(number) else None


@cache  # at most 999 beginnings
def calling_code(beginning: str) -> str | None:
    """Returns the country calling code of a number. `beginning` has at least its first three digits."""
    return next((beginning[:end] for end in (1, 2, 3) if beginning[:end] in _CALLING_CODES), None)


@cache  # at most 999 beginnings times 15 lengths
def _suspects(beginning: str, length: int) -> tuple[str, ...] | None:
    """Returns which beginnings need a closer check; None if no number has this code and length."""
    code = calling_code(beginning)
    if code is None or length <= len(code):
        return None
    national = PhoneNumber(country_code=int(code), national_number=int("1" * (length - len(code))))
    if phonenumbers.is_possible_number_with_reason(national) != ValidationResult.IS_POSSIBLE:
        return None
    trunk = _trunk_prefix(code)
    return (f"+{code}{code}", f"+{code}{trunk}") if trunk else (f"+{code}{code}",)


def _inserted(number: str) -> str | None:
    """Returns what is wrong with a number that seems to have a trunk prefix or its country code twice, or None.

    Italy and Ivory Coast have numbers that begin with 0, and Germany has some that begin with 49. So a number is only
    refused if the numbering plan has no number with that beginning.
    """
    code = calling_code(number[1:4]) or ""
    national, trunk = number[1 + len(code) :], _trunk_prefix(code)
    if _is_planned(code, national):
        return None
    if trunk and national.startswith(trunk):
        return f"has a {trunk} after the country code, but no number of that country begins like this; leave it out"
    if _is_planned(code, national.removeprefix(code)):
        return "has its country code twice; remove one of them"
    return None


def _is_planned(code: str, national: str) -> bool:
    patterns = (plan.general_desc.national_number_pattern for plan in _plans(code) if plan.general_desc)
    return any(pattern and re.fullmatch(pattern, national) for pattern in patterns)


def _trunk_prefix(code: str) -> str | None:
    # Countries that share a calling code share the prefix, too.
    return next((plan.national_prefix for plan in _plans(code)), None)


@cache
def _plans(code: str) -> tuple[PhoneMetadata, ...]:
    """Returns the numbering plans of the countries with this calling code; empty if there are none, as for +800."""
    regions = COUNTRY_CODE_TO_REGION_CODE[int(code)]
    return tuple(plan for region in regions if (plan := PhoneMetadata.metadata_for_region(region)))
