"""Translates between the two names of each field: the API's own, and the short name of our option.

A path is kept in the API's names; `written` returns it as the caller wrote it, for error messages.
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
"""Options of the short form with their members in the API."""
OF_A_JOB = OWN_OPTIONS | SHORT_FORM
"""All names of the short form."""

API_NAMES: Names = {"to": "DestinationEndpoint.Address", "text": "InitialSystemMessage.Content"}
"""Names in a raw request of the two members that are kept under a short name."""
SHORT_NAMES: Names = {"DestinationEndpoint": "to", **{member: option for option, member in OPTIONS.items()}}
"""Names of the members in the short form."""
DISPLAY_NAME: Names = {"ParticipantDetails.DisplayName": "display_name"}
STORED_NAMES: Names = {**SHORT_NAMES, **DISPLAY_NAME}

_HABITS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("number", "phone", "phonenumber", "mobile", "telephone", "telefon", "msisdn"), "to"),
        **dict.fromkeys(("destination", "destinationendpoint", "recipient"), "to"),
        **dict.fromkeys(("message", "body", "content"), "text"),
    },
)
"""Names that other messaging APIs use, with ours."""

# What may be shown of a name that the caller chose: it must not be a phone number or a sentence.
_SHOWN = re.compile(r"[A-Za-z_][A-Za-z0-9_:-]{0,63}").fullmatch


def step(name: object, position: int) -> str:
    """Returns the name as a step of a path, or `#` and its position, from 1, if it could be private or unreadable."""
    return name if isinstance(name, str) and _SHOWN(name) else f"#{position}"


def written(path: Path, names: Names) -> str:
    """Returns the path as the caller wrote it."""
    for end in range(len(path), 0, -1):
        short = names.get(".".join(path[:end]))
        if short is not None:
            return ".".join((short, *path[end:]))
    return ".".join(path)


def nearest(name: object, known: Iterable[str], least: float = 0.6) -> str | None:
    """Returns the most similar known name; None if none is similar by `least`, where 1 is the same letters."""
    by_letters = {_letters(other): other for other in known}
    letters = _letters(name[:64]) if isinstance(name, str) else ""
    habit = _HABITS.get(letters)
    if habit in by_letters:
        return habit
    near = get_close_matches(letters, by_letters, n=1, cutoff=least)
    return by_letters[near[0]] if near else None


def closest(name: object, known: Iterable[str]) -> str:
    """Returns a sentence with the most similar known name, or with all known names if none is similar."""
    names = list(known)
    if near := nearest(name, names):
        return f'is not a known name; did you mean "{near}"?'
    return f"is not a known name; use one of: {', '.join(sorted(names))}"


def _letters(name: str) -> str:
    return name.replace("_", "").replace(" ", "").lower()
