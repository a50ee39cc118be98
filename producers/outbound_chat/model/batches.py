"""What callers see of a batch, and of the rows that were given for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from outbound_chat.model.errors import FieldError
from outbound_chat.model.jobs import ACTIVE, JobState


@dataclass(frozen=True, slots=True)
class Rejection:
    """A row of a batch that was refused; nothing of it was stored."""

    row: int
    """Position in what was given, from 1."""
    errors: tuple[FieldError, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A batch as it was when it was read."""

    id: str
    name: str
    sender: str
    tenant: str | None
    accepted: int
    """Jobs accepted."""
    rejected: int
    """Rows refused before anything was stored."""
    counts: Mapping[JobState, int]
    """Jobs by state; with `unreadable` they add up to `accepted`."""
    unreadable: int
    """Records that could not be read and were set aside for a person; 0 unless somebody wrote to Redis."""
    created_at: datetime
    closed: bool
    """No more jobs can be added."""
    final: bool
    """It is closed, and every job of it is final."""
    rate: float
    """Calls a second that it gets now: measured over its last 5 to 10 seconds of progress, else its share."""
    expected_end: datetime | None
    """When the jobs it has will have been called, if nothing changes. None: it is over, `held_by` says why, or the
    batch is one of a list, where none is predicted."""
    held_by: str
    """Why no end can be predicted: who holds it and for what reason, or that no worker runs. Empty: it continues."""

    @property
    def remaining(self) -> int:
        """Jobs that are not final yet."""
        return sum(self.counts.get(state, 0) for state in ACTIVE)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchStart:
    """How `enqueue_batch` began, reported before its first row is accepted."""

    id: str
    resumed_rows: int
    """Rows that an earlier call with the same batch key added; 0 if the batch is new."""
    created_at: datetime | None
    """When that call began the batch; None if it is new."""
    repeated: bool
    """The earlier call, or a cancel, has closed it: nothing new is accepted."""
    unfinished_id: str | None
    """Another batch of the same file and name, with other options, that is still open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchReceipt:
    """What became of the rows given to `enqueue_batch`."""

    id: str
    """Id of the batch; empty: every row of a file was refused, so there is none."""
    accepted: int
    """Jobs accepted."""
    rejected: int
    """Rows refused."""
    duplicates: int
    """Rows whose idempotency key belongs to an earlier job that asked for the same; nothing was added."""
    rejections: tuple[Rejection, ...] = field(repr=False)
    """Why rows were refused, in order; empty when `on_rejected` was given, which got them instead."""
    resumed_rows: int = 0
    """Rows that an earlier call with the same batch key had added; the other counts include them."""
    repeated: bool = False
    """The batch of this batch key was closed before: nothing new was accepted."""


@dataclass(frozen=True, slots=True)
class ExpiringRow:
    """A row that would expire before its turn."""

    row: int
    """Position in what was given, from 1."""
    expires_at: datetime
    expected_turn: datetime
    """When it would be called if it did not expire."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierBatch:
    """A batch that had the same batch key, or the same file, name or nearly the same numbers."""

    id: str
    name: str
    same: tuple[str, ...]
    """What is the same: `key`, `file`, `name` or `numbers`. With `key` it is the batch that `enqueue_batch` would
    resume, or return again."""
    created_at: datetime
    closed: bool
    """No more jobs can be added."""
    final_at: datetime | None
    """When its last job became final; None: it is open or in progress."""
    resumed_rows: int
    """The last of its rows that was accepted, from 1."""
    accepted: int
    """Jobs accepted."""
    counts: Mapping[JobState, int]
    """Jobs by state; `queued` has those with a later `send_at` too."""

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
    """What would become of the rows given to `preflight_batch`, if they were enqueued now. Nothing was stored."""

    accepted: int
    """Rows that can be sent. It was not looked up whether their idempotency keys are known already."""
    rejected: int
    """Rows that would be refused."""
    rejections: tuple[Rejection, ...] = field(repr=False)
    """Why rows would be refused, in order; empty when `on_rejected` was given, which got them instead."""
    faults: tuple[FaultCount, ...]
    """The same grouped by field and code, the most frequent first; at most 100 groups."""
    previews: tuple[Preview, ...] = field(repr=False)
    """The first two accepted rows whose texts differ, and one with the most parts if it has more than these."""
    parts: int
    """Message parts of all rows together."""
    rate: float
    """Calls a second that the batch would get at first."""
    starts_at: datetime | None
    """When its first row would be called; None: no row was accepted."""
    ends_at: datetime | None
    """When its last row would be called."""
    expiring: int
    """Rows that would expire before their turn."""
    first_expiring: tuple[ExpiringRow, ...]
    """The first of them to expire, at most 10."""
    assumed_idle: bool
    """Redis could not be reached, or knows nothing about the budget yet: only the settings count, and no other jobs."""
    workers: int
    """Workers that run now; without any, the times assume that workers start now."""
    held_by: str
    """The hold that would stop it, in words; the times assume that the hold ends now. Empty: nothing is held."""
