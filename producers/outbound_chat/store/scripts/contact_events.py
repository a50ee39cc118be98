"""The scripts of events about contacts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

from outbound_chat.model.contact_events import Change, ContactEventStatus, Outcome, Place
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
    args: list[str | int] = [json.dumps(passed or {})]
    for change in changes:
        args += (
            " ".join(change.contacts),
            " ".join(_local(keys.budget, value) for value in change.values),
            change.waits_at,
            json.dumps(change.facts),
            *_place(change.place),
            json.dumps([asdict(receipt) for receipt in change.receipts]),
        )
    return ScriptCall("record_contacts", keys, args, lambda reply: [Outcome(word) for word in reply])


def _place(place: Place | None) -> tuple[str, str, str]:
    if place is None:
        return "", "", "{}"
    rest = {
        "contact": place.contact,
        "before": place.before,
        "until_ms": place.until_ms,
        "count_all": place.count_all,
        "seconds": place.seconds,
        "asked": place.asked,
    }
    return place.move, place.instance, json.dumps(rest)


def _local(budget: str, value: str) -> str:
    """Returns the local id of a job of this budget; every other text as it is."""
    parts = split_id(value)
    return parts[1] if parts and parts[0] == budget else value


class Recording(NamedTuple):
    """What events a budget can expect."""

    contacts: bool
    """Whether calls are recorded with their contacts, since somebody brings events."""
    receipts: bool
    """Whether a job was ever found for a receipt of its delivery."""


def read_recording(keys: Keys) -> ScriptCall[Recording]:
    """Reads whether events about the budget's contacts can be expected."""
    return ScriptCall("read_recording", keys, [], lambda reply: Recording(int(reply[0]) > 0, int(reply[1]) > 0))


def read_contact_events(keys: Keys, instances: Sequence[str]) -> ScriptCall[ContactEventStatus]:
    """Reads counts, and the open chats of the instances."""

    def read(reply: list[Any]) -> ContactEventStatus:
        first = 1 + 2 * len(instances)
        known = dict(rows(reply, first, 2))
        chats = dict(zip(instances, rows(reply[:first], 1, 2), strict=True))

        def counts(prefix: str = "") -> dict[str, int]:
            found = {name.removeprefix(prefix): known[name] for name in known if name.startswith(prefix)}
            return {name: int(value) for name, value in found.items() if value and is_count(value)}

        times = {instance: from_ms(ms) for instance, ms in counts("last:").items()}
        return ContactEventStatus(
            budget=keys.budget,
            records_contacts=reply[0] == 1,
            outcomes={word: counts().get(word, 0) for word in Outcome},
            matched=counts("matched:"),
            last_events={instance: times.get(instance) for instance in instances},
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
