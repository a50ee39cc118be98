"""Reads numbers in ASCII digits only, from text that others wrote.

Python's own `int` also accepts underscores, spaces and the digits of other scripts, so that a typo may pass as a
number, and it refuses more than 4,300 digits with an error of its own.
https://docs.python.org/3/library/functions.html#int
"""

import re

_MOST_DIGITS = 20
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]{1,3})?", re.IGNORECASE)
_WHOLE = re.compile(r"[+-]?[0-9]+")


def whole_number(text: str) -> int | None:
    """Returns the number that the text has in ASCII digits; None if it is empty or has other characters.

    Leading zeros are ignored. A longer number is cut to its first 20 digits, which is above all limits here.
    """
    return int(text.lstrip("0")[:_MOST_DIGITS] or "0") if text.isascii() and text.isdigit() else None


def is_number(text: str, *, whole: bool) -> bool:
    """Returns whether the text is a number in the usual form: digits, a sign and, unless `whole`, a fraction.

    `1_0`, ` 10` and digits of other scripts are not, although Python would read them.
    """
    return (_WHOLE if whole else _NUMBER).fullmatch(text) is not None
