"""The scripts of events about contacts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

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


def read_contact_events(keys: Keys, instances: Sequence[str]) -> ScriptCall[ContactEventStatus]:
    """Reads counts, and the open chats of the instances."""

    def read(reply: list[Any]) -> ContactEventStatus:
        first = 1 + 2 * len(instances)
        known = dict(rows(reply, first, 2))
        chats = dict(zip(instances, rows(reply[:first], 1, 2), strict=True))
        counts = {name: int(value) for name, value in known.items() if value and is_count(value)}
        last = {instance: counts.get(f"last:{instance}") for instance in instances}
        return ContactEventStatus(
            budget=keys.budget,
            records_contacts=reply[0] == 1,
            outcomes={word: counts.get(word, 0) for word in Outcome},
            matched={basis: counts[name] for basis in Basis if (name := f"matched:{basis}") in counts},
            last_events={instance: from_ms(ms) if ms else None for instance, ms in last.items()},
            open_chats={instance: is_open for instance, (is_open, _) in chats.items()},
            lasted_seconds={instance: float(lasted) for instance, (_, lasted) in chats.items() if lasted},
        )

    return ScriptCall("read_contact_events", keys, list(instances), read)


class WatchedInstance(NamedTuple):
    """The chats of an instance, in the time of Redis."""

    now_ms: int
    open: int
    """Chats that count."""
    last_ms: int
    """When the last event came; 0: never."""
    swept_ms: int
    """Until when lost ends were looked for; 0: never."""


def watch_chats(keys: Keys, *, instance: str, worker: str, turn_ms: int) -> ScriptCall[WatchedInstance | None]:
    """Reads the chats of an instance, and takes the turn to look for lost ends; None: another worker has it."""
    return ScriptCall(
        "watch_chats", keys, [worker, turn_ms, instance], lambda reply: WatchedInstance(*reply) if reply else None
    )
