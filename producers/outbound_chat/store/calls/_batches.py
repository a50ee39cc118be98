"""What producers and callers ask of batches."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from outbound_chat.errors import StoreError
from outbound_chat.jobs import Job
from outbound_chat.prediction import Pace
from outbound_chat.store.calls._call import Call
from outbound_chat.store.calls._pace import read_pace_json
from outbound_chat.store.keys import Keys
from outbound_chat.store.records import UnreadableRecord, job_from_head

_TEXTS = frozenset({"name", "lane"})
_LONGEST_COUNT = 15


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
) -> Call[str]:
    """Begins a batch; twice changes nothing."""
    limits: list[str | float] = ["" if limit is None else limit for limit in (weight, concurrency)]
    return Call("open_batch", keys, [batch, lane, name, shared, *limits, callback], str)


def close_batch(keys: Keys, *, batch: str, rejected: int) -> Call[str]:
    """Says that no more jobs come; answers `ok` or `gone`."""
    return Call("close_batch", keys, [batch, rejected], str)


@dataclass(frozen=True, slots=True)
class Book:
    """What the ledger says of a batch."""

    now_ms: int
    scheduled: int
    """Waiting jobs that were never called and are not due yet."""
    fields: Mapping[str, str]
    """Counts and times of its book; empty text for what is not there."""
    pace: Pace | None
    """What its end is predicted by; None: nothing waits, no worker was ever started, or it was not asked for."""


def read_batch(keys: Keys, batch: str, *, with_pace: bool = True) -> Call[Book | None]:
    """The batch's book; None: there is no such batch. `with_pace`: what its end is predicted by is read too."""

    def read(reply: list[Any]) -> Book | None:
        if len(reply) == 1:
            return None
        fields = dict(zip(reply[3::2], reply[4::2], strict=True))
        if reply[1] == "unreadable" or not all(is_count(fields[name]) for name in fields.keys() - _TEXTS):
            raise StoreError(
                f"the book of batch {keys.budget}.{batch} can't be read, another program wrote to {keys.batch(batch)}; "
                "look at that key, and delete it if it is not yours"
            )
        return Book(int(reply[0]), int(reply[1]), fields, read_pace_json(reply[2]) if reply[2] else None)

    return Call("read_batch", keys, [batch, int(with_pace)], read)


def is_count(text: str) -> bool:
    """Whether the text is a count or a time as the scripts write them; empty text stands for 0."""
    return len(text) < _LONGEST_COUNT and (not text or (text.isascii() and text.isdigit()))


def read_shared(keys: Keys, batch: str) -> Call[str | None]:
    """The part of the request that all jobs of the batch share, as stored; None: it is gone, or can't be read."""
    return Call("read_shared", keys, [batch], lambda reply: reply)


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows of a batch."""

    last: int
    """The last row that was ever taken."""
    lane: str
    jobs: Mapping[int, Job]
    """By their row; rows that were refused, and jobs that passed their lifetime, are not among them."""


def read_rows(keys: Keys, *, batch: str, first: int, count: int) -> Call[Rows | None]:
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

    return Call("read_rows", keys, [batch, first, count], read)
