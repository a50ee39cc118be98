"""Reads the state of a whole budget, its workers, and which encryption keys its jobs need, for operators."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from outbound_chat.model.operations import BudgetStatus, Hold, WorkerStatus
from outbound_chat.model.times import from_ms
from outbound_chat.store.keys import Keys
from outbound_chat.store.scripts._reply import rows
from outbound_chat.store.scripts._script_call import ScriptCall
from outbound_chat.store.scripts.batches import is_count

COUNTERS = ("waiting", "leased", "sent", "failed", "expired", "cancelled", "uncertain", "unreadable")


def read_budget(keys: Keys, holds: list[Hold]) -> ScriptCall[BudgetStatus]:
    """Reads the state of the budget; `holds`: read before, and part of the result."""

    def read(reply: list[Any]) -> BudgetStatus:
        _, rate, ceiling, burst, workers, pumps, oldest, listed, waiting, posting, dead = reply[:11]
        counts = {field: int(count or 0) for field, count in rows(reply, 11, 2) if is_count(count)}
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
            webhooks={"waiting": waiting, "posting": posting, "dead": dead},
            listed=listed,
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
