"""Two dialects name the same fields: the API's own names, and the short names of our options.

A path is kept as the API names it; `written` turns it into what this caller wrote, for error messages.
"""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import TypeAlias

from outbound_chat.request.options import OWN_OPTIONS, SHORT_FORM

Path: TypeAlias = tuple[str, ...]
Names: TypeAlias = Mapping[str, str]

# `to` and `text` have no member of their own: see `API_NAMES`.
OPTIONS: Mapping[str, str] = {
    option: option if option in {"to", "text"} else "".join(map(str.capitalize, option.split("_")))
    for option in sorted(SHORT_FORM)
}
"""Options of the short form, and the member that each is."""
OF_A_JOB = OWN_OPTIONS | SHORT_FORM
"""All that the short form knows."""

API_NAMES: Names = {"to": "DestinationEndpoint.Address", "text": "InitialSystemMessage.Content"}
"""What a raw request calls the two members that are kept under a short name."""
SHORT_NAMES: Names = {"DestinationEndpoint": "to", **{member: option for option, member in OPTIONS.items()}}
"""What the short form calls the members."""
DISPLAY_NAME: Names = {"ParticipantDetails.DisplayName": "display_name"}
STORED_NAMES: Names = {**SHORT_NAMES, **DISPLAY_NAME}

_HABITS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("number", "phone", "phonenumber", "mobile", "telephone", "telefon", "msisdn"), "to"),
        **dict.fromkeys(("destination", "destinationendpoint", "recipient"), "to"),
        **dict.fromkeys(("message", "body", "content"), "text"),
    },
)
"""Names that other senders of messages use, and ours."""

# What may be shown of a name that the caller chose: it must not be a phone number or a sentence.
_SHOWN = re.compile(r"[A-Za-z_][A-Za-z0-9_:-]{0,63}").fullmatch


def step(name: object, position: int) -> str:
    """The name as a step of a path; `#` and its position, from 1, when it could be private or unreadable."""
    return name if isinstance(name, str) and _SHOWN(name) else f"#{position}"


def written(path: Path, names: Names) -> str:
    """The path as the caller wrote it."""
    for end in range(len(path), 0, -1):
        short = names.get(".".join(path[:end]))
        if short is not None:
            return ".".join((short, *path[end:]))
    return ".".join(path)


def nearest(name: object, known: Iterable[str], least: float = 0.6) -> str | None:
    """The known name that is probably meant by this one; None when none is alike by `least`, 1 for the same letters."""
    by_letters = {_letters(other): other for other in known}
    letters = _letters(name[:64]) if isinstance(name, str) else ""
    habit = _HABITS.get(letters)
    if habit in by_letters:
        return habit
    near = get_close_matches(letters, by_letters, n=1, cutoff=least)
    return by_letters[near[0]] if near else None


def closest(name: object, known: Iterable[str]) -> str:
    """A sentence that names the known name nearest to this one, or all of them when none is near."""
    names = list(known)
    if near := nearest(name, names):
        return f'is not a known name; did you mean "{near}"?'
    return f"is not a known name; known are {', '.join(sorted(names))}"


def _letters(name: str) -> str:
    return name.replace("_", "").replace(" ", "").lower()
