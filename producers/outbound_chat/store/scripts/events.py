"""Reads events, for programs that follow them."""

from collections.abc import Sequence
from typing import Any

from outbound_chat.model.jobs import JobState
from outbound_chat.model.operations import Event, EventKind, Events
from outbound_chat.model.times import from_ms
from outbound_chat.store.keys import Keys
from outbound_chat.store.scripts._reply import rows
from outbound_chat.store.scripts._script_call import ScriptCall


def read_events(keys: Keys, *, since: int, count: int) -> ScriptCall[Events]:
    """Reads at most `count` events after the number `since`; 0: from the first that is kept."""

    def read(reply: list[Any]) -> Events:
        last = int(reply[0])
        events = tuple(event for row in rows(reply, 1, 6) if (event := _event(keys.budget, row)))
        # After the server lost its data, numbers start again.
        known = since if since <= last else 0
        first = events[0].number if events else last + 1
        return Events(events=events, missed=first - known - 1, next=events[-1].number if events else last)

    return ScriptCall("read_events", keys, [since, count], read)


def _event(budget: str, row: Sequence[str]) -> Event | None:
    """Reads an event; None: another program wrote it."""
    number, at_ms, kind, local_id, state, code = row
    try:
        return Event(
            number=int(number),
            at=from_ms(int(at_ms)),
            kind=EventKind(kind),
            id=f"{budget}.{local_id}" if local_id else budget,
            state=JobState(state) if state else None,
            code=code,
        )
    except (ArithmeticError, OSError, ValueError):
        return None
