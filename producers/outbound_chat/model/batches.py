"""Batches as callers see them, and the rows given for them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from outbound_chat.model.contacts import DeliveryState
from outbound_chat.model.errors import FieldError
from outbound_chat.model.jobs import ACTIVE, JobState


@dataclass(frozen=True, slots=True)
class Rejection:
    """A row of a batch that was rejected. None of it was stored."""

    row: int
    """Position among the given rows, from 1."""
    errors: tuple[FieldError, ...]
    """Everything that is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A batch at the time it was read."""

    id: str
    """Id of the batch."""
    name: str
    """Name of the batch, for people."""
    sender: str
    """Name of the sender."""
    tenant: str | None
    """Tenant that the batch counts toward, if any."""
    accepted: int
    """Jobs accepted."""
    rejected: int
    """Rows rejected before anything was stored."""
    counts: Mapping[JobState, int]
    """Jobs by state; with `unreadable` they add up to `accepted`."""
    unreadable: int
    """Records that could not be read and were set aside for inspection; 0 unless another program wrote to Redis."""
    created_at: datetime
    """When the batch was created."""
    closed: bool
    """Whether it accepts no more jobs."""
    final: bool
    """Whether it is closed and all of its jobs are final."""
    rate: float
    """Calls per second that it gets now: measured over its last 5 to 10 seconds of progress, otherwise its share."""
    expected_end: datetime | None
    """When its last job is expected to be sent, if nothing changes. None: the batch is final, `held_by` says why it
    waits, or it was read as part of a list."""
    held_by: str
    """Why no end can be predicted: who holds it and why, or that no worker runs. Empty: it makes progress."""
    deliveries: Mapping[DeliveryState, int] = field(default_factory=dict)
    """Sent jobs by what is known of their delivery; they add up to the sent ones, most of them `unknown`."""

    @property
    def remaining(self) -> int:
        """Jobs that are not final."""
        return sum(self.counts.get(state, 0) for state in ACTIVE)


def batch_state(batch: Batch) -> str:
    """Returns `open` while rows are being added, `in progress` while any job waits or runs, then `final`; `held` before
    the end while somebody holds it.
    """
    return "final" if batch.final else "held" if is_held(batch) else "in progress" if batch.closed else "open"


def failed(batch: Batch) -> int:
    """Returns how many of its jobs failed, expired, are uncertain or can't be read: all but the sent and cancelled."""
    return batch.accepted - batch.remaining - batch.counts[JobState.SENT] - batch.counts[JobState.CANCELLED]


def is_held(batch: Batch) -> bool:
    """Whether somebody holds it; else it has no end for another reason, such as that no worker runs."""
    return "hold" in batch.held_by


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchStart:
    """How `enqueue_batch` starts, reported before its first row is accepted."""

    id: str
    """Id of the batch."""
    resumed_rows: int
    """Rows that an earlier call with the same batch key added; 0 if the batch is new."""
    created_at: datetime | None
    """When that call created the batch; None if the batch is new."""
    repeated: bool
    """Whether the earlier call, or a cancellation, has closed the batch: nothing new is accepted."""
    unfinished_id: str | None
    """Another open batch of the same file and name, with other options, if any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchReceipt:
    """What happened to the rows given to `enqueue_batch`."""

    id: str
    """Id of the batch; empty if every row of a file was rejected, so that there is no batch."""
    accepted: int
    """Jobs accepted."""
    rejected: int
    """Rows rejected."""
    duplicates: int
    """Rows whose idempotency key belongs to an earlier job with the same content; nothing was added."""
    rejections: tuple[Rejection, ...] = field(repr=False)
    """The rejected rows, in order; empty if `on_rejected` was given, which received them instead."""
    resumed_rows: int = 0
    """Rows that an earlier call with the same batch key added; the other counts include them."""
    repeated: bool = False
    """Whether the batch with this batch key was already closed: nothing new was accepted."""


@dataclass(frozen=True, slots=True)
class ExpiringRow:
    """A row that would expire before it is sent."""

    row: int
    """Position among the given rows, from 1."""
    expires_at: datetime
    """When it would expire."""
    expected_turn: datetime
    """When it would be sent if it did not expire."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierBatch:
    """A batch that had the same batch key, or the same file, name or nearly the same numbers."""

    id: str
    """Id of the batch."""
    name: str
    """Name of the batch."""
    same: tuple[str, ...]
    """What is the same: `key`, `file`, `name` or `numbers`. With `key` it is the batch that `enqueue_batch` would
    resume, or return again."""
    created_at: datetime
    """When it was begun."""
    closed: bool
    """No more jobs can be added."""
    final_at: datetime | None
    """When its last job became final; None: it is open or in progress."""
    resumed_rows: int
    """The last of its rows that was accepted, from 1."""
    accepted: int
    """Jobs accepted."""
    counts: Mapping[JobState, int]
    """Jobs by state."""

    @property
    def texted(self) -> int:
        """Jobs whose number was texted, may have been, or will be."""
        never = {JobState.FAILED, JobState.EXPIRED, JobState.CANCELLED}
        return sum(number for state, number in self.counts.items() if state not in never)


@dataclass(frozen=True, slots=True)
class FaultCount:
    """How many rows have the same fault."""

    field: str
    """What is wrong, such as `to`."""
    code: str
    """Such as `invalid_number`."""
    message: str
    """That of the first of them."""
    count: int
    """Rows that have it."""
    first_rows: tuple[int, ...]
    """The first 5, by their position from 1."""


@dataclass(frozen=True, slots=True)
class Preview:
    """A row as its recipient will get it."""

    row: int
    """Position in what was given, from 1."""
    text: str | None = field(repr=False)
    """The message, with its placeholders filled in; None: the chat starts silent, or with a template of WhatsApp."""
    parts: int
    """Message parts of it."""
    request: Mapping[str, Any] = field(repr=False)
    """What `enqueue_request` takes to send the same to another number: all but DestinationEndpoint and ClientToken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """What would happen to the rows given to `preflight_batch` if they were enqueued now. Nothing was stored."""

    accepted: int
    """Rows that would be accepted. Whether their idempotency keys were used before is not checked."""
    rejected: int
    """Rows that would be rejected."""
    rejections: tuple[Rejection, ...] = field(repr=False)
    """The rows that would be rejected, in order; empty if `on_rejected` was given, which received them instead."""
    faults: tuple[FaultCount, ...]
    """The same grouped by field, code and message, the most frequent first; at most 100 groups."""
    previews: tuple[Preview, ...] = field(repr=False)
    """The first two accepted rows whose texts differ, and one with the most parts if it has more than these."""
    parts: int
    """Message parts of all rows together."""
    rate: float
    """Calls per second that the batch would get at first."""
    starts_at: datetime | None
    """When its first row would be sent; None: no row would be accepted."""
    ends_at: datetime | None
    """When its last row would be sent."""
    expiring: int
    """Rows that would expire before they are sent."""
    first_expiring: tuple[ExpiringRow, ...]
    """The first of them to expire, at most 10."""
    assumed_idle: bool
    """Redis was unavailable or had no data about the budget, so the times assume that no other jobs wait."""
    workers: int
    """Workers that run now. If there are none, the times assume that workers start now."""
    held_by: str
    """The hold that would stop the batch, in words; the times assume that the hold ends now. Empty: there is none."""
    chats_lasted_seconds: float | None = None
    """How long chats of the instance lasted on average, as the times assume; None: not known, or its chats are not
    counted, so the times assume that each lasts its whole duration."""
    open_chats: int | None = None
    """Most chats that the batch would have open at once if it got `rate` all the time; None: no row would be accepted.
    """
    max_open_chats: int | None = None
    """How many chats the sender's instance may have open at once, by the settings; None: they don't say."""
