"""The scripts of events about contacts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from outbound_chat.model.contact_events import Change, Outcome, Place
from outbound_chat.model.ids import split_id
from outbound_chat.store.keys import Keys
from outbound_chat.store.scripts._script_call import ScriptCall

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
    }
    return place.move, place.instance, json.dumps(rest)


def _local(budget: str, value: str) -> str:
    """Returns the local id of a job of this budget; every other text as it is."""
    parts = split_id(value)
    return parts[1] if parts and parts[0] == budget else value
