"""Caps on how often a sender contacts one number, such as `3/P1D`: 3 contacts in any 24 hours."""

import re
from datetime import timedelta
from functools import cache
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, TypeAdapter, ValidationError

from outbound_chat_config._values import Duration

MOST_CONTACTS = 100
LONGEST_WINDOW = timedelta(days=31)

_FORM = re.compile(r"\s*(\d{1,9})\s*/\s*(\S.*?)\s*", re.ASCII)
_WINDOW: TypeAdapter[timedelta] = TypeAdapter(Duration)


class RecipientCap(NamedTuple):
    """At most so many contacts with one number in any window of this length."""

    contacts: int
    window: timedelta

    @classmethod
    @cache
    def parse(cls, text: str) -> "RecipientCap":
        """Reads a cap such as `1/PT10M`; the window may have every form of a duration, such as `1/600`.

        Raises:
            ValueError: the text does not have this form, or a value is out of range.
        """
        found = _FORM.fullmatch(text)
        try:
            window = _WINDOW.validate_python(found[2]) if found else None
        except ValidationError:
            window = None
        if not found or window is None:
            raise ValueError('must be a number of contacts and a duration, such as "1/PT10M" or "3/P1D"')
        contacts = int(found[1])
        if not 1 <= contacts <= MOST_CONTACTS:
            raise ValueError(f"must allow 1 to {MOST_CONTACTS} contacts; change the number before the /")
        if not timedelta(seconds=1) <= window <= LONGEST_WINDOW:
            raise ValueError(f"must have a window of 1 second to {LONGEST_WINDOW.days} days; change what follows the /")
        return cls(contacts, window)


def _check(text: str) -> str:
    RecipientCap.parse(text)
    return text


RecipientCapText = Annotated[str, AfterValidator(_check)]
