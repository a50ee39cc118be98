"""What producers and operators ask of the numbers that a sender must not contact."""

from collections.abc import Sequence
from typing import Any

from outbound_chat.reports import SuppressedNumber
from outbound_chat.store.calls._call import Call
from outbound_chat.store.keys import Keys
from outbound_chat.store.records import from_ms

FIRST_PAGE = "0"


def suppress(keys: Keys, *, sender: str, reason: str, numbers: Sequence[str]) -> Call[int]:
    """Puts numbers, at most `MOST_JOBS`, on the list; how many were not there. Twice changes nothing."""
    return Call("suppress", keys, [sender, reason, *numbers], int)


def unsuppress(keys: Keys, *, sender: str, numbers: Sequence[str]) -> Call[int]:
    """Takes numbers, at most `MOST_JOBS`, off the list; how many were there. Twice changes nothing."""
    return Call("unsuppress", keys, [sender, *numbers], int)


def read_suppressed(
    keys: Keys, *, sender: str, cursor: str = "", numbers: Sequence[str] = ()
) -> Call[tuple[str, list[SuppressedNumber]]]:
    """Those of the numbers, at most `MOST_JOBS`, that are on the list; or, with a cursor, a page of the list.

    Answers the cursor of the next page too: `FIRST_PAGE` again when none is left.
    """

    def read(reply: list[Any]) -> tuple[str, list[SuppressedNumber]]:
        return str(reply[0]), [_entry(*pair) for pair in zip(reply[1::2], reply[2::2], strict=True)]

    return Call("read_suppressed", keys, [sender, cursor, *numbers], read)


def _entry(number: str, kept: str) -> SuppressedNumber:
    at_ms, _, reason = kept.partition(" ")
    return SuppressedNumber(number=number, since=from_ms(int(at_ms)), reason=reason)
