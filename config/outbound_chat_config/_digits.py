"""Numbers in text that others wrote: ASCII digits alone.

Python's own `int` also takes underscores, blanks and the digits of other scripts, so that a slip is read as a
number; and it refuses more than 4,300 digits with an error of its own.
https://docs.python.org/3/library/functions.html#int
"""

import re

_MOST_DIGITS = 20
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]{1,3})?", re.IGNORECASE)
_WHOLE = re.compile(r"[+-]?[0-9]+")


def whole_number(text: str) -> int | None:
    """The number that ASCII digits alone write; None: the text has anything else, or nothing.

    Leading zeros count for nothing. One of more than 20 digits is cut to its first 20, which is beyond all limits here.
    """
    return int(text.lstrip("0")[:_MOST_DIGITS] or "0") if text.isascii() and text.isdigit() else None


def is_number(text: str, *, whole: bool) -> bool:
    """Whether the text is a number as people and programs write it: digits, a sign, and unless `whole` a fraction.

    `1_0`, ` 10` and digits of other scripts are none, though Python would read them.
    """
    return (_WHOLE if whole else _NUMBER).fullmatch(text) is not None
