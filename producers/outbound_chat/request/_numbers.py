"""Phone numbers: written as E.164, and of a length that the country has.

Not for asking whether a number is in service: only the carrier knows. The one idea: whether a number is possible
depends on its country calling code and its length alone, so the answer of `phonenumbers` is asked for once for each.
"""

import re
from functools import cache

import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneNumber, ValidationResult

from outbound_chat.request._codes import Code

# Amazon Connect's own PhoneNumber shape; [0-9], since \d would also take the digits of other scripts.
# https://docs.aws.amazon.com/connect/latest/APIReference/API_StartOutboundChatContact.html
_E164 = re.compile(r"\+[1-9][0-9]{1,14}")
is_e164 = _E164.fullmatch

_CALLING_CODES = frozenset(map(str, COUNTRY_CODE_TO_REGION_CODE))


def number_fault(value: object) -> tuple[Code, str] | None:
    """What keeps the value from being a number to send to; None: nothing. Never shows the value."""
    if not isinstance(value, str):
        return Code.WRONG_TYPE, "must be text"
    if not is_e164(value):
        message = 'must be "+", country code and number in digits only, without spaces or dashes, such as +12065550100'
        return Code.INVALID_NUMBER, message
    if not is_possible(value):
        message = "has a country code or a length that no phone number has; write it as dialled from abroad"
        return Code.IMPOSSIBLE_NUMBER, message
    return None


def is_possible(number: str) -> bool:
    """Whether a number that is E.164 has a known country calling code and a full length for it.

    A number that can be dialled only within its own area is not possible: Amazon Connect dials from outside. The
    digits count as written; unlike `phonenumbers.parse`, a trunk prefix (+44 0…) is not taken away in silence.
    https://github.com/google/libphonenumber/blob/master/FAQ.md
    """
    return _is_possible(number[1:4], len(number) - 1)


@cache  # at most 999 beginnings
def calling_code(beginning: str) -> str | None:
    """The country calling code with which a number begins, of which at least the first three digits are given."""
    return next((beginning[:end] for end in (1, 2, 3) if beginning[:end] in _CALLING_CODES), None)


@cache  # at most 999 beginnings times 15 lengths
def _is_possible(beginning: str, length: int) -> bool:
    code = calling_code(beginning)
    if code is None or length <= len(code):
        return False
    national = PhoneNumber(country_code=int(code), national_number=int("1" * (length - len(code))))
    return phonenumbers.is_possible_number_with_reason(national) == ValidationResult.IS_POSSIBLE
