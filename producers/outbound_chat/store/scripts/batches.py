"""Opens, closes and reads batches, for producers and callers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from outbound_chat.forecast import Pace
from outbound_chat.model.errors import StoreError
from outbound_chat.model.jobs import Job
from outbound_chat.model.lanes import Lane
from outbound_chat.store.keys import Keys
from outbound_chat.store.records import readable_job
from outbound_chat.store.scripts._reply import rows
from outbound_chat.store.scripts._script_call import ScriptCall
from outbound_chat.store.scripts.forecast import held_by_json, read_pace_json

_LONGEST_COUNT = 15
_TEXTS = frozenset({"name", "lane", "source"})
_DELIVERY = "delivery:"


class KeyUse(StrEnum):
    """What `open_batch` found out about a batch key."""

    NEW = "new"
    """No batch has the key, or none was given: the batch was begun."""
    SAME = "same"
    """The batch of this key has these options."""
    CONFLICT = "conflict"
    """It has other options."""
    UNREADABLE = "unreadable"
    """Another program overwrote what is stored about the key."""
    NONE = "none"
    """No batch has the key, or none was given: no batch was begun."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The result of `open_batch`."""

    use: KeyUse
    batch: str
    """Local id of the batch that was begun, or that has the key."""
    created_ms: int = 0
    """When the batch that has the key was begun. This and the next two are 0 if this call began it."""
    closed_ms: int = 0
    """When it was closed; 0 while it is open."""
    rows: int = 0
    """The last row that was accepted."""
    unfinished: str = ""
    """Local id of the batch that was begun last with the same source, if it is still open."""


def open_batch(
    keys: Keys,
    *,
    batch: str,
    lane: Lane,
    name: str,
    shared: str,
    weight: float | None = None,
    concurrency: int | None = None,
    callback: str = "",
    batch_key: str = "",
    fingerprint: str = "-",
    source: str = "",
    alike: Sequence[str] = (),
    only_find: bool = False,
    hold: str = "",
    idems: Sequence[str] = (),
) -> ScriptCall[Opened]:
    """Finds the batch of the key, or begins one unless `only_find`; a repeat changes nothing.

    `alike`: hashes by which `find_batches` finds it. `hold`: why a person holds it before its first job.
    `idems`: hashes of the idempotency keys of its first rows; if each belongs to a job, no batch is begun either.
    """
    limits: list[str | float] = ["" if limit is None else limit for limit in (weight, concurrency)]

    def read(reply: list[Any]) -> Opened:
        use = KeyUse(reply[0])
        if use is KeyUse.NEW:
            return Opened(use, batch, unfinished=reply[1])
        if use in {KeyUse.UNREADABLE, KeyUse.NONE}:
            return Opened(use, batch)
        id_, *numbers = reply[1:]
        created_ms, closed_ms, rows = (int(number or 0) if is_count(number) else 0 for number in numbers)
        return Opened(use, id_, created_ms, closed_ms, rows)

    of_key = [batch_key, fingerprint, source, " ".join(alike), "only" if only_find else "", hold]
    return ScriptCall("open_batch", keys, [batch, str(lane), name, shared, *limits, callback, *of_key, *idems], read)


@dataclass(frozen=True, slots=True)
class FoundBatches:
    """The result of `find_batches`: local ids of batches."""

    of_key: str
    """The batch that has the batch key; empty: none."""
    alike: Sequence[Sequence[str]]
    """For each hash at most two batches, the newer one first."""


def find_batches(keys: Keys, *, batch_key: str, alike: Sequence[str]) -> ScriptCall[FoundBatches]:
    """Finds the batch of a batch key, and those that were begun last with each hash; nothing is written."""
    return ScriptCall(
        "find_batches",
        keys,
        [batch_key, *alike],
        lambda reply: FoundBatches(reply[0], [ids.split() for ids in reply[1:]]),
    )


def close_batch(keys: Keys, *, batch: str, rejected: int) -> ScriptCall[Literal["ok", "gone"]]:
    """Closes a batch: no more jobs will come; `gone`: there is no such batch."""
    return ScriptCall("close_batch", keys, [batch, rejected], lambda reply: reply)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRecord:
    """What the store holds about a batch. Times are in milliseconds; 0: not yet."""

    now_ms: int
    scheduled: int
    """Waiting jobs that were never called and are not due yet."""
    pace: Pace | None = None
    """What its end is predicted from; None: nothing waits, there was no worker yet, or it was not asked for."""
    name: str
    held_by: str = ""
    """Who holds it, in words; empty: nobody, it is final, or it was not asked for."""
    lane: Lane
    source: str
    """The file that its rows came from; empty: not known."""
    created_at: int
    closed_at: int
    final_at: int
    accepted: int
    rejected: int
    waiting: int
    leased: int
    sent: int
    failed: int
    expired: int
    cancelled: int
    uncertain: int
    unreadable: int
    mark_ms: int
    """When its progress was noted; `mark_done`: calls that had ended then; `last_ms`: when the last one ended."""
    mark_done: int
    last_ms: int
    rows: int = 0
    """The last row that was accepted."""
    deliveries: Mapping[str, int] = field(default_factory=dict)
    """Sent jobs by what is known of their delivery, without those of which nothing is."""


def record_of(
    fields: Mapping[str, str], now_ms: int, scheduled: int, stop: str, pace: Pace | None = None
) -> BatchRecord | None:
    """Makes the record from the names and values of its fields; None: another program wrote to it.

    `stop`: JSON of what holds it.
    """
    counts = {name: value for name, value in fields.items() if name not in _TEXTS and not name.startswith(_DELIVERY)}
    # Another program's text must not hide the batch.
    deliveries = {
        name.removeprefix(_DELIVERY): int(value)
        for name, value in fields.items()
        if name.startswith(_DELIVERY) and value and is_count(value)
    }
    try:
        lane = Lane.parse(fields["lane"])
    except ValueError:
        return None
    if not all(map(is_count, counts.values())):
        return None
    return BatchRecord(
        now_ms=now_ms,
        scheduled=scheduled,
        pace=pace,
        held_by=held_by_json(stop),
        name=fields["name"],
        lane=lane,
        source=fields["source"],
        deliveries=deliveries,
        **{name: int(count or 0) for name, count in counts.items()},
    )


def read_batch(keys: Keys, batch: str, *, with_pace: bool = True) -> ScriptCall[BatchRecord | None]:
    """Reads the batch's record; None: there is no such batch. `with_pace`: with what its end is predicted from."""

    def read(reply: list[Any]) -> BatchRecord | None:
        if len(reply) == 1:
            return None
        found = None
        if reply[1] != "unreadable":
            pace = read_pace_json(reply[3]) if reply[3] else None
            found = record_of(dict(rows(reply, 4, 2)), int(reply[0]), int(reply[1]), reply[2], pace)
        if found is None:
            raise StoreError(
                f"the record of batch {keys.budget}.{batch} can't be read, another program wrote to "
                f"{keys.batch(batch)}; look at that key, and delete it if it is not yours"
            )
        return found

    return ScriptCall("read_batch", keys, [batch, int(with_pace)], read)


def is_count(text: str) -> bool:
    """Whether the text is a count or a time as the scripts write it; empty text means 0."""
    return len(text) < _LONGEST_COUNT and (not text or (text.isascii() and text.isdigit()))


def read_shared(keys: Keys, batch: str) -> ScriptCall[str | None]:
    """Reads the part of the request that all jobs of the batch share; None: it is gone or unreadable."""
    return ScriptCall("read_shared", keys, [batch], lambda reply: reply)


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows of a batch."""

    last: int
    """The last row that was accepted."""
    jobs: Mapping[int, Job]
    """By row; without rejected rows, and without jobs that were removed after their lifetime."""


def read_rows(keys: Keys, *, batch: str, first: int, count: int) -> ScriptCall[Rows | None]:
    """Reads at most `MOST_JOBS` rows of a batch from `first` on; None: there is no such batch."""

    def read(reply: list[Any]) -> Rows | None:
        if len(reply) == 1:
            return None
        found = {
            row: readable_job(keys.budget, f"{batch}-{row}", head, int(reply[0]))
            for row, head in enumerate(reply[3:], start=first)
        }
        return Rows(int(reply[1]), {row: job for row, job in found.items() if job})

    return ScriptCall("read_rows", keys, [batch, first, count], read)
