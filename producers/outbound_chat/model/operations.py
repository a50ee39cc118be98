"""What operators see besides jobs and batches: holds, budgets, dead letters, events, suppressed numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from outbound_chat.model.batches import Batch
from outbound_chat.model.jobs import Job, JobState, Priority
from outbound_chat.model.why import WaitReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A hold: no job of its scope is sent until it ends."""

    budget: str
    scope: str
    """`budget`, `sender`, `instance`, `tenant` or `batch`."""
    name: str
    """Which one: the budget, the sender, the instance's id, the tenant, or the batch's id."""
    owner: str
    """`person`: until somebody releases it. `system`: until a probe, one job, is sent. `cancel`: until all its jobs are
    cancelled."""
    code: str
    """Our stable code of the error that led to it, such as `access_denied`; empty for a person's hold."""
    reason: str
    since: datetime
    probe_at: datetime | None
    """When the next probe may start, for a hold of the system; in the past: with the next job. None for others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetStatus:
    """How a budget is doing."""

    name: str
    rate: float
    """The most calls a second that it makes now; 0.0: nothing was sent yet."""
    ceiling: float
    """Calls a second that are configured; `rate` climbs up to it. 0.0: nothing was sent yet."""
    burst: int
    """Calls that it may make at once; 0: no worker was started for it yet."""
    workers: int
    """Workers seen within the last 10 seconds."""
    pumps: int
    """Pumps at work."""
    accepted: int
    """All jobs it has accepted so far."""
    counts: Mapping[str, int]
    """Jobs that are `waiting` and `leased` (a worker is calling), and how many have ended in each state so far."""
    oldest_due: datetime | None
    """When the first of the jobs whose turn is next was due; None: none is due."""
    holds: tuple[Hold, ...]
    webhooks: Mapping[str, int]
    """Webhooks that are `waiting` and `posting`, for the first 500 hosts, and `dead` ones that are listed."""
    listed: int = 0
    """Single jobs that `jobs` looks at, 18 bytes of Redis each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneStatus:
    """The waiting jobs of one sender, tenant, priority and batch."""

    budget: str
    priority: Priority
    sender: str
    tenant: str | None
    batch_id: str | None
    waiting: int
    due: int
    """Those whose own time has come."""
    next_due: datetime | None
    """When the first of them is due, or was."""
    stopped_by: WaitReason | None
    """The rule that stops its due jobs now; None: they wait for their turn, or none is due."""
    until: datetime | None
    """When that rule is tried again; None: an event ends it."""
    stop_reason: str
    """What a person said, or what AWS answered, if it is held; empty otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lanes:
    """The lanes with the most waiting jobs, of all budgets."""

    lanes: tuple[LaneStatus, ...]
    total: int
    """Lanes with waiting jobs."""
    looked: int
    """How many of them were looked at: all, up to 500 of a budget; of more, those whose turn is next and a sample."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPage:
    """A page of jobs: those of a batch by their rows, single ones the newest first."""

    jobs: tuple[Job, ...]
    cursor: str | None
    """Where the next page begins; None: this was the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancellation:
    """What became of many jobs that were to be cancelled."""

    counts: Mapping[JobState, int]
    """The jobs by the state that they have now: `cancelled`, `sending` (the answer to a call in progress decides), or
    the state in which they had ended before."""
    unknown: tuple[str, ...]
    """Ids that no job has. Rows of a batch that were rejected have no job and are not listed."""
    newer: tuple[str, ...]
    """Ids of jobs that a newer version has to cancel: nothing was done."""
    looked: int
    """Ids or rows that were looked at so far."""
    total: int
    """Ids or rows to look at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPage:
    """A page of the batches of a budget: those that are not final, the newest first, then those that ended last."""

    batches: tuple[Batch, ...]
    """With their counts and measured rate, without predictions."""
    cursor: str | None
    """Where the next page begins; None: this was the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetters:
    """A page of failed and uncertain jobs, the newest first."""

    jobs: tuple[Job, ...]
    cursor: str | None
    """Where the next page begins; None: this was the last."""


class EventKind(StrEnum):
    """What happened."""

    JOB_FINAL = "job_final"
    """A job ended; an uncertain one ends a second time if its ContactId arrives late."""
    BATCH_ACCEPTED = "batch_accepted"
    """A batch was closed, by its producer or because it was cancelled: all its jobs are in the store."""
    BATCH_FINAL = "batch_final"
    """A batch is closed, and every job of it is final."""
    REPAIRED = "repaired"
    """A job or lane that would have waited for ever was put back where it belongs."""
    FAULT = "fault"
    """A count does not add up, or a record is lost; nothing was changed."""
    CLEARED = "cleared"
    """A fault no longer exists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened in a budget. It has only ids and codes."""

    number: int
    """Events of a budget are numbered from 1 without a gap."""
    at: datetime
    kind: EventKind
    id: str
    """Of the job, batch or lane; the budget's name if it is about the whole budget."""
    state: JobState | None
    """Of a job: how it ended."""
    code: str
    """Of a failed or uncertain job: our code of its last attempt. Of a repair or fault: which finding it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """What happened since a number, the oldest first."""

    events: tuple[Event, ...]
    missed: int
    """How many events in between were trimmed before they were read; 0: none."""
    next: int
    """What to pass as `since` the next time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppressedNumber:
    """A number that a sender must not contact."""

    number: str = field(repr=False)
    since: datetime
    """When it was put on the list."""
    reason: str = field(repr=False)
    """The reason that was given then; may be empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppressedPage:
    """A page of a suppression list, in no order."""

    numbers: tuple[SuppressedNumber, ...]
    cursor: str | None
    """Where the next page begins; None: this was the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadWebhook:
    """A webhook that was given up."""

    id: str
    """As its receiver would see it in `webhook-id`: of a job and its state, or of a batch."""
    host: str
    """Where it was posted to. The rest of the URL may be secret."""
    attempts: int
    code: str
    """The result of the last post, such as `status_500`; the list is in `docs/webhooks.md`."""
    first_at: datetime | None
    """When its first post ended; None: none was made."""
    dead_at: datetime


@dataclass(frozen=True, slots=True)
class WebhookHost:
    """A host that webhooks wait for."""

    budget: str
    host: str
    waiting: int
    posting: int
    """Posts in progress, or whose courier was lost a moment ago."""
    failures: int
    """Posts in a row that got no answer."""
    paused_until: datetime | None
    """Nothing is posted to it until then; None: it is not paused."""
