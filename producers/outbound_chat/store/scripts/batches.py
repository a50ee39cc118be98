"""What producers and callers ask of batches."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from outbound_chat.forecast import Pace
from outbound_chat.model.errors import StoreError
from outbound_chat.model.jobs import Job
from outbound_chat.store.keys import Keys
from outbound_chat.store.records import UnreadableRecord, job_from_head
from outbound_chat.store.scripts._script_call import ScriptCall
from outbound_chat.store.scripts.forecast import read_pace_json

RECORD_TEXTS = frozenset({"name", "lane", "source"})
"""Fields of a record that are no counts and times."""
_LONGEST_COUNT = 15


class KeyUse(StrEnum):
    """What `open_batch` found of a batch key."""

    NEW = "new"
    """No batch has it, or none was given: the batch was begun."""
    SAME = "same"
    """The batch of this key has these options."""
    CONFLICT = "conflict"
    """It has other options."""
    UNREADABLE = "unreadable"
    """Another program wrote over what is kept of it."""
    NONE = "none"
    """No batch has it, or none was given: no batch was begun."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What became of `open_batch`."""

    use: KeyUse
    batch: str
    """Local id of the batch: the one begun, or the one that has the key."""
    created_ms: int = 0
    """When the batch that has the key was begun; as the next two, 0 where it was begun by this call."""
    closed_ms: int = 0
    """When it was closed; 0 while it is open."""
    rows: int = 0
    """The last row that was taken into it."""
    unfinished: str = ""
    """Local id of the batch begun last with the same source, while that one is open."""


def open_batch(
    keys: Keys,
    *,
    batch: str,
    lane: str,
    name: str,
    shared: str,
    weight: float | None = None,
    concurrency: int | None = None,
    callback: str = "",
    batch_key: str = "",
    fingerprint: str = "-",
    source: str = "",
    only_find: bool = False,
    idems: Sequence[str] = (),
) -> ScriptCall[Opened]:
    """Finds the batch of the key, or begins one unless it shall `only_find`; twice changes nothing.

    `idems`: hashes of the idempotency keys of its first rows; where each belongs to a job, none is begun either.
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

    of_key = [batch_key, fingerprint, source, "only" if only_find else ""]
    return ScriptCall("open_batch", keys, [batch, lane, name, shared, *limits, callback, *of_key, *idems], read)


def close_batch(keys: Keys, *, batch: str, rejected: int) -> ScriptCall[str]:
    """Says that no more jobs come; answers `ok` or `gone`."""
    return ScriptCall("close_batch", keys, [batch, rejected], str)


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """What the ledger says of a batch."""

    now_ms: int
    scheduled: int
    """Waiting jobs that were never called and are not due yet."""
    fields: Mapping[str, str]
    """Counts and times of its record; empty text for what is not there."""
    pace: Pace | None
    """What its end is predicted by; None: nothing waits, no worker was ever started, or it was not asked for."""


def read_batch(keys: Keys, batch: str, *, with_pace: bool = True) -> ScriptCall[BatchRecord | None]:
    """The batch's record; None: there is no such batch. `with_pace`: what its end is predicted by is read too."""

    def read(reply: list[Any]) -> BatchRecord | None:
        if len(reply) == 1:
            return None
        fields = dict(zip(reply[3::2], reply[4::2], strict=True))
        if reply[1] == "unreadable" or not is_sound(fields):
            raise StoreError(
                f"the record of batch {keys.budget}.{batch} can't be read, "
                f"another program wrote to {keys.batch(batch)}; look at that key, and delete it if it is not yours"
            )
        return BatchRecord(int(reply[0]), int(reply[1]), fields, read_pace_json(reply[2]) if reply[2] else None)

    return ScriptCall("read_batch", keys, [batch, int(with_pace)], read)


def is_sound(fields: Mapping[str, str]) -> bool:
    """Whether the fields of a record are what we wrote: its counts and times are numbers."""
    return all(is_count(fields[name]) for name in fields.keys() - RECORD_TEXTS)


def is_count(text: str) -> bool:
    """Whether the text is a count or a time as the scripts write them; empty text stands for 0."""
    return len(text) < _LONGEST_COUNT and (not text or (text.isascii() and text.isdigit()))


def read_shared(keys: Keys, batch: str) -> ScriptCall[str | None]:
    """The part of the request that all jobs of the batch share, as stored; None: it is gone, or can't be read."""
    return ScriptCall("read_shared", keys, [batch], lambda reply: reply)


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows of a batch."""

    last: int
    """The last row that was ever taken."""
    lane: str
    jobs: Mapping[int, Job]
    """By their row; rows that were refused, and jobs that passed their lifetime, are not among them."""


def read_rows(keys: Keys, *, batch: str, first: int, count: int) -> ScriptCall[Rows | None]:
    """At most `MOST_JOBS` rows of a batch from one on; None: there is no such batch."""

    def read(reply: list[Any]) -> Rows | None:
        if len(reply) == 1:
            return None
        jobs: dict[int, Job] = {}
        for row, head in enumerate(reply[3:], start=first):
            with suppress(UnreadableRecord):
                if head:
                    jobs[row] = job_from_head(keys.budget, f"{batch}-{row}", head, int(reply[0]))
        return Rows(int(reply[1]), str(reply[2]), jobs)

    return ScriptCall("read_rows", keys, [batch, first, count], read)
