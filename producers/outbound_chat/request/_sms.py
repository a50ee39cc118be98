"""Measures texts as they are sent: units of the GSM alphabet or of UTF-16, and message parts.

https://docs.aws.amazon.com/sms-voice/latest/userguide/sms-limitations-character.html
The alphabet is that of 3GPP TS 23.038, section 6.2.1: https://www.3gpp.org/dynareport/23038.htm
"""

import re
from collections.abc import Callable

_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
# Each is sent as an escape and a character, so it counts twice.
_EXTENSION = "\f^{}\\[~]|€"

_ALL_GSM = re.compile(f"[{re.escape(_BASIC + _EXTENSION)}]*").fullmatch
_EXTENDED = re.compile(f"[{re.escape(_EXTENSION)}]")

_GSM_SINGLE, _GSM_PART = 160, 153
_UCS2_SINGLE, _UCS2_PART = 70, 67
_LAST_BMP = "\uffff"


def is_gsm(text: str) -> bool:
    """Returns whether the GSM alphabet has all characters of the text."""
    return _ALL_GSM(text) is not None


def utf16_units(text: str) -> int:
    """Returns the length in UTF-16 code units: most emoji count twice."""
    return len(text) if text.isascii() else len(text) + sum(map(_LAST_BMP.__lt__, text))


def sms_parts(text: str) -> int:
    """Returns how many message parts the text takes: 160 GSM or 70 UCS-2 units in a single part, or 153 or 67 in each.

    A character of two units is never split across parts.
    """
    if len(text) <= _UCS2_SINGLE and text.isascii():
        return 1 if text else 0
    if is_gsm(text):
        units = len(text) + len(_EXTENDED.findall(text))
        return 1 if units <= _GSM_SINGLE else _fill(text, units, _GSM_PART, _EXTENDED.match)
    units = utf16_units(text)
    return 1 if units <= _UCS2_SINGLE else _fill(text, units, _UCS2_PART, _LAST_BMP.__lt__)


def _fill(text: str, units: int, part: int, is_double: Callable[[str], object]) -> int:
    if units == len(text):
        return -(-units // part)
    parts, used = 1, 0
    for size in (2 if is_double(character) else 1 for character in text):
        if used + size > part:
            parts, used = parts + 1, 0
        used += size
    return parts
