"""Reads the state, history and workers of a whole budget, and which encryption keys its jobs need, for operators."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from outbound_chat.model.operations import BudgetStatus, Hold, WorkerStatus
from outbound_chat.model.times import from_ms
from outbound_chat.store.keys import Keys
from outbound_chat.store.scripts._reply import rows
from outbound_chat.store.scripts._script_call import ScriptCall
from outbound_chat.store.scripts.batches import is_count

COUNTERS = ("waiting", "leased", "sent", "failed", "expired", "cancelled", "uncertain", "unreadable")
_RECORD = re.compile("[0-9]{1,16}( [0-9]{1,16}){6}")


def read_budget(keys: Keys, holds: list[Hold]) -> ScriptCall[BudgetStatus]:
    """Reads the state of the budget; `holds`: read before, and part of the result."""

    def read(reply: list[Any]) -> BudgetStatus:
        _, rate, ceiling, burst, workers, pumps, skewed, due, oldest, listed = reply[:10]
        counts, calls, waits, dead = map(_counts, reply[10:14])
        chats, faults, *webhooks = reply[14:]
        return BudgetStatus(
            name=keys.budget,
            rate=float(rate or 0),
            ceiling=float(ceiling or 0),
            burst=int(burst or 0),
            workers=workers,
            pumps=pumps,
            accepted=counts.get("accepted", 0),
            counts={counter: counts.get(counter, 0) for counter in COUNTERS},
            oldest_due=from_ms(int(oldest)) if oldest else None,
            holds=tuple(holds),
            webhooks=dict(zip(("waiting", "posting", "dead"), webhooks, strict=True)),
            listed=listed,
            due=due,
            # A job is sent by one call.
            calls=_by_two({**calls, "sent:": counts.get("sent", 0)}),
            waits=_by_two(waits),
            dead=_by_two(dead),
            open_chats={name: {"open": opened, "limit": most or None} for name, opened, most in rows(chats, 0, 3)},
            faults=Counter(name.partition(":")[0] for name in faults),
            skewed_workers=skewed,
        )

    return ScriptCall("read_budget", keys, [], read)


def read_workers(keys: Keys) -> ScriptCall[list[WorkerStatus]]:
    """Reads the workers that the budget had in the last 10 seconds."""

    def read(reply: list[list[str]]) -> list[WorkerStatus]:
        agree = len({version for _, version, *_ in reply}) == 1
        return [
            WorkerStatus(keys.budget, name, from_ms(int(seen_ms)), version, agree, int(skew_ms) / 1000)
            for name, version, seen_ms, skew_ms in sorted(reply)
        ]

    return ScriptCall("read_workers", keys, [], read)


def _counts(pairs: Sequence[str]) -> dict[str, int]:
    return {field: int(count or 0) for field, count in rows(pairs, 0, 2) if is_count(count)}


def _by_two(numbers: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """Returns the numbers by the parts of their names."""
    found: dict[str, dict[str, int]] = {}
    for name, number in numbers.items():
        first, _, second = name.partition(":")
        found.setdefault(first, {})[second] = number
    return found


def read_history(keys: Keys, *, minutes: int) -> ScriptCall[list[tuple[int, ...]]]:
    """Reads the records of the last minutes and this one, the oldest first: minute since 1970, and its counters."""

    def read(reply: list[Any]) -> list[tuple[int, ...]]:
        found, later = list[tuple[int, ...]](), int(reply[0]) // 60_000 + 1
        first = later - 1 - minutes
        for record in (tuple(map(int, text.split())) for text in reply[1] if _RECORD.fullmatch(text)):
            # Where the clock was set back, the records from after that count.
            if first <= record[0] < later:
                found.append(record)
                later = record[0]
        return found[::-1]

    return ScriptCall("read_history", keys, [minutes], read)


@dataclass(frozen=True, slots=True)
class KeyIdsPage:
    """The encryption keys that the jobs of a page need."""

    cursor: str
    """The cursor of the next page; `FIRST_PAGE` again if there is none."""
    looked: int
    """Jobs on this page."""
    jobs: Mapping[str, int]
    """Name of a key → jobs that can't be read without it."""


def read_key_ids(keys: Keys, *, index: str, cursor: str) -> ScriptCall[KeyIdsPage]:
    """Reads a page of jobs. `index`: `expiry` for jobs that are not final, `dead:STATE:CODE` for dead letters."""

    def read(reply: list[Any]) -> KeyIdsPage:
        return KeyIdsPage(str(reply[0]), int(reply[1]), {name: int(jobs) for name, jobs in rows(reply, 2, 2)})

    return ScriptCall("read_key_ids", keys, [index, cursor], read)
