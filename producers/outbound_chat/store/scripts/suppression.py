"""Writes and reads the suppression lists: the numbers that a sender must not contact.

A sender has two lists: one of plain numbers, and one of blind indexes, for numbers that are encrypted. A call is about
one of them, and reports whether the other has entries.
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
    """Nothing was done: the blind indexes of the list were made with another key."""


class ListEntry(NamedTuple):
    """An entry of a list: personal data."""

    name: str
    """The number or blind index."""
    since_ms: int
    note: str
    """What was stored with the number."""


@dataclass(frozen=True, slots=True)
class Listed:
    """Entries of a list."""

    cursor: str
    """The cursor of the next page; `FIRST_PAGE` again if there is none."""
    other: bool
    """Whether the sender's other list has entries, too."""
    total: int
    """Entries of both lists."""
    entries: Sequence[ListEntry] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Unlisted:
    """The result of `unsuppress`."""

    other: bool
    """Whether the sender's other list has entries, too."""
    removed: Sequence[bool]
    """Whether each of the given numbers was on the list."""


def suppress(
    keys: Keys, *, sender: str, key_id: str = "", entries: Sequence[tuple[str, int | str, str]]
) -> ScriptCall[int | OtherKey]:
    """Adds at most `MOST_JOBS` numbers to a list, each with a time in ms and a note; returns how many were new.

    Time 0 means now, and keeps an entry that is there, so a repeat changes nothing; any other time replaces the entry.
    A text of one more "0" and the time marks the entry as that of a sync.
    `key_id`: the key of the blind indexes, for the list of blind indexes; empty: these are plain numbers.
    """
    args: list[str | int] = [sender, key_id, *(part for entry in entries for part in entry)]
    return ScriptCall("suppress", keys, args, lambda reply: OtherKey() if reply == "other_key" else int(reply))


def unsuppress(
    keys: Keys, *, sender: str, key_id: str = "", of_sync: bool = False, names: Sequence[str]
) -> ScriptCall[Unlisted | OtherKey]:
    """Removes at most `MOST_JOBS` numbers or blind indexes from a list. A repeat changes nothing.

    `of_sync`: only entries that a sync wrote.
    """

    def read(reply: Any) -> Unlisted | OtherKey:
        return OtherKey() if reply == "other_key" else Unlisted(reply[0] == 1, [removed == 1 for removed in reply[1:]])

    return ScriptCall("unsuppress", keys, [sender, key_id, "1" if of_sync else "", *names], read)


def read_suppressed(
    keys: Keys, *, sender: str, key_id: str = "", cursor: str = "", names: Sequence[str] = ()
) -> ScriptCall[Listed | OtherKey]:
    """Reads which of at most `MOST_JOBS` numbers or blind indexes are on a list; or, with a cursor, a page of it."""

    def read(reply: Any) -> Listed | OtherKey:
        if reply == "other_key":
            return OtherKey()
        return Listed(str(reply[0]), reply[1] == 1, int(reply[2]), [_entry(*pair) for pair in rows(reply, 3, 2)])

    return ScriptCall("read_suppressed", keys, [sender, key_id, cursor, *names], read)


def _entry(name: str, kept: str) -> ListEntry:
    at_ms, _, note = kept.partition(" ")
    # A number whose entry another program wrote still counts: it must not be contacted.
    return ListEntry(name, int(at_ms or 0) if is_count(at_ms) else 0, note)
