"""What producers, operators and workers ask of the numbers that a sender must not contact.

A sender has two lists: one of plain numbers, and one of blind indexes, for numbers that are encrypted. A call is about
one of them, and reports whether the other has anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from outbound_chat.store.keys import Keys
from outbound_chat.store.scripts._reply import rows
from outbound_chat.store.scripts._script_call import ScriptCall
from outbound_chat.store.scripts.batches import is_count

FIRST_PAGE = "0"


@dataclass(frozen=True, slots=True)
class OtherKey:
    """Nothing was done: the list's blind indexes were made with another key."""


class ListEntry(NamedTuple):
    """What a list has of a number. Personal."""

    name: str
    """Number or blind index."""
    since_ms: int
    note: str
    """What was stored with it."""


@dataclass(frozen=True, slots=True)
class Listed:
    """What is on a list."""

    cursor: str
    """Of the next page; `FIRST_PAGE` again when none is left."""
    other: bool
    """The sender's other list has something, too."""
    entries: Sequence[ListEntry] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Unlisted:
    """What was taken off a list."""

    other: bool
    """The sender's other list has something, too."""
    removed: Sequence[bool]
    """Which of those given were on it."""


def suppress(
    keys: Keys, *, sender: str, key_id: str = "", entries: Sequence[tuple[str, int, str]]
) -> ScriptCall[int | OtherKey]:
    """Puts numbers, at most `MOST_JOBS`, on a list, each with a time in ms and a note; how many were not there.

    Time 0: from now on, unless they are there already, so twice changes nothing; else the entry is written anew.
    `key_id`: that of the blind indexes, on the list of blind indexes; empty: they are numbers.
    """
    args: list[str | int] = [sender, key_id, *(part for entry in entries for part in entry)]
    return ScriptCall("suppress", keys, args, lambda reply: OtherKey() if reply == "other_key" else int(reply))


def unsuppress(keys: Keys, *, sender: str, key_id: str = "", names: Sequence[str]) -> ScriptCall[Unlisted | OtherKey]:
    """Takes numbers or blind indexes, at most `MOST_JOBS`, off a list. Twice changes nothing."""

    def read(reply: Any) -> Unlisted | OtherKey:
        return OtherKey() if reply == "other_key" else Unlisted(reply[0] == 1, [removed == 1 for removed in reply[1:]])

    return ScriptCall("unsuppress", keys, [sender, key_id, *names], read)


def read_suppressed(
    keys: Keys, *, sender: str, key_id: str = "", cursor: str = "", names: Sequence[str] = ()
) -> ScriptCall[Listed | OtherKey]:
    """Reads which of the numbers or blind indexes, at most `MOST_JOBS`, are on a list; or, with a cursor, a page of it."""

    def read(reply: Any) -> Listed | OtherKey:
        if reply == "other_key":
            return OtherKey()
        return Listed(str(reply[0]), reply[1] == 1, [_entry(*pair) for pair in rows(reply, 2, 2)])

    return ScriptCall("read_suppressed", keys, [sender, key_id, cursor, *names], read)


def _entry(name: str, kept: str) -> ListEntry:
    at_ms, _, note = kept.partition(" ")
    # Of what another program wrote, the number counts all the same: who may not be called is on it.
    return ListEntry(name, int(at_ms or 0) if is_count(at_ms) else 0, note)
