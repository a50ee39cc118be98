"""Phone numbers: written as E.164, of a length that the country has, and without digits that are dialled at home only.

Not for asking whether a number is in service: only the carrier knows. The one idea: whether a number is possible
depends on its country calling code and its length, so the answer of `phonenumbers` is asked for once for each; only a
number that begins with a trunk prefix, or with its country code again, is compared with the numbering plan.
"""

import re
from functools import cache

import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata, PhoneNumber, ValidationResult

from outbound_chat.request._codes import FieldCode

# Amazon Connect's own PhoneNumber shape; [0-9], since \d would also take the digits of other scripts.
# https://docs.aws.amazon.com/connect/latest/APIReference/API_StartOutboundChatContact.html
_E164 = re.compile(r"\+[1-9][0-9]{1,14}")
is_e164 = _E164.fullmatch

_CALLING_CODES = frozenset(map(str, COUNTRY_CODE_TO_REGION_CODE))


_IMPOSSIBLE = "has a country code or a length that no phone number has; write it as dialled from abroad"


def number_fault(value: object) -> tuple[FieldCode, str] | None:
    """What keeps the value from being a number to send to; None: nothing. Never shows the value.

    A number that can be dialled only within its own area is not possible: Amazon Connect dials from outside. The
    digits count as written; unlike `phonenumbers.parse`, a trunk prefix (+44 0…) is refused and not removed.
    https://github.com/google/libphonenumber/blob/master/FAQ.md
    """
    if not isinstance(value, str):
        return FieldCode.WRONG_TYPE, "must be text"
    if not is_e164(value):
        message = 'must be "+", country code and number in digits only, without spaces or dashes, such as +12065550100'
        return FieldCode.INVALID_NUMBER, message
    suspects = _suspects(value[1:4], len(value) - 1)
    if suspects is None:
        return FieldCode.IMPOSSIBLE_NUMBER, _IMPOSSIBLE
    if value.startswith(suspects) and (inserted := _inserted(value)):
        return FieldCode.IMPOSSIBLE_NUMBER, inserted
    return None


@cache  # at most 999 beginnings
def calling_code(beginning: str) -> str | None:
    """The country calling code with which a number begins, of which at least the first three digits are given."""
    return next((beginning[:end] for end in (1, 2, 3) if beginning[:end] in _CALLING_CODES), None)


@cache  # at most 999 beginnings times 15 lengths
def _suspects(beginning: str, length: int) -> tuple[str, ...] | None:
    """The beginnings of such numbers that need a second look; None: no number has that calling code and length."""
    code = calling_code(beginning)
    if code is None or length <= len(code):
        return None
    national = PhoneNumber(country_code=int(code), national_number=int("1" * (length - len(code))))
    if phonenumbers.is_possible_number_with_reason(national) != ValidationResult.IS_POSSIBLE:
        return None
    trunk = _trunk_prefix(code)
    return (f"+{code}{code}", f"+{code}{trunk}") if trunk else (f"+{code}{code}",)


def _inserted(number: str) -> str | None:
    """The fault of a number that has a trunk prefix, or its country code twice; None: its country has such numbers.

    Italy and Ivory Coast have numbers that begin with 0, and Germany has some that begin with 49. So a number is
    refused only where the numbering plan has none that begins like it.
    """
    code = calling_code(number[1:4]) or ""
    national, trunk = number[1 + len(code) :], _trunk_prefix(code)
    if _is_planned(code, national):
        return None
    if trunk and national.startswith(trunk):
        return f"has a {trunk} after the country code, and no number of that country begins so; leave it out"
    if _is_planned(code, national.removeprefix(code)):
        return "has its country code twice; leave one out"
    return None


def _is_planned(code: str, national: str) -> bool:
    patterns = (plan.general_desc.national_number_pattern for plan in _plans(code) if plan.general_desc)
    return any(pattern and re.fullmatch(pattern, national) for pattern in patterns)


def _trunk_prefix(code: str) -> str | None:
    # Countries that share a calling code share the prefix, too.
    return next((plan.national_prefix for plan in _plans(code)), None)


@cache
def _plans(code: str) -> tuple[PhoneMetadata, ...]:
    """The numbering plans of the countries with this calling code; empty: it belongs to no country, as +800 does."""
    regions = COUNTRY_CODE_TO_REGION_CODE[int(code)]
    return tuple(plan for region in regions if (plan := PhoneMetadata.metadata_for_region(region)))
