"""The scripts of events about contacts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from outbound_chat.model.contact_events import Change, ContactEventStatus, Outcome
from outbound_chat.model.contacts import Basis
from outbound_chat.model.ids import split_id
from outbound_chat.model.times import from_ms
from outbound_chat.store.keys import Keys
from outbound_chat.store.scripts._reply import rows
from outbound_chat.store.scripts._script_call import ScriptCall
from outbound_chat.store.scripts.batches import is_count

MOST_CHANGES = 100
"""Changes that one script applies."""


def record_contacts(
    keys: Keys, changes: Sequence[Change], *, passed: Mapping[Outcome, int] | None = None
) -> ScriptCall[list[Outcome]]:
    """Applies at most `MOST_CHANGES` changes to the budget, in their order; returns the outcome of each.

    `passed`: events that changed nothing, which are only counted.
    """
    said = [json.dumps(passed or {}), *(_said(keys.budget, change) for change in changes)]
    return ScriptCall("record_contacts", keys, said, lambda reply: [Outcome(word) for word in reply])


def _said(budget: str, change: Change) -> str:
    said = asdict(change)
    for name in ("place", "receipt"):
        said[name] = said[name] or {}
    return json.dumps({**said, "values": [_local(budget, value) for value in change.values]})


def _local(budget: str, value: str) -> str:
    """Returns the local id of a job of this budget; every other text as it is."""
    parts = split_id(value)
    return parts[1] if parts and parts[0] == budget else value


def note_polls(keys: Keys, *, polls: int, returned: int, error: str) -> ScriptCall[str]:
    """Records receives of the queue, and how many of their unmatched events will come again."""
    return ScriptCall("note_polls", keys, [polls, returned, error], str)


def read_contact_events(keys: Keys, instances: Sequence[str]) -> ScriptCall[ContactEventStatus]:
    """Reads counts, and the open chats of the instances."""

    def read(reply: list[Any]) -> ContactEventStatus:
        first = 1 + 3 * len(instances)
        known = dict(rows(reply, first, 2))
        chats = dict(zip(instances, rows(reply[:first], 1, 3), strict=True))
        counts = {name: int(value) for name, value in known.items() if value and is_count(value)}
        last = {instance: counts.get(f"last:{instance}") for instance in instances}
        return ContactEventStatus(
            budget=keys.budget,
            records_contacts=reply[0] == 1,
            outcomes={word: counts.get(word, 0) for word in Outcome},
            matched={basis: counts[name] for basis in Basis if (name := f"matched:{basis}") in counts},
            last_events={instance: from_ms(ms) if ms else None for instance, ms in last.items()},
            open_chats={instance: is_open for instance, (is_open, *_) in chats.items()},
            lasted_seconds={instance: float(lasted) for instance, (_, lasted, _) in chats.items() if lasted},
            seen={instance: seen for instance, (*_, seen) in chats.items() if seen},
            polls=counts.get("polls", 0),
            polled_at=from_ms(counts["polled_ms"]) if "polled_ms" in counts else None,
            poll_error=known.get("poll_error") or None,
        )

    return ScriptCall("read_contact_events", keys, list(instances), read)
