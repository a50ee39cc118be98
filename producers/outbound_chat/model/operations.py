"""What operators see beyond jobs and batches: holds, budgets, dead letters, events, suppressed numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from outbound_chat.model.jobs import Batch, Job, JobState, Priority
from outbound_chat.model.why import WaitReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A stop: no job of its scope is called until it ends."""

    budget: str
    scope: str
    """`budget`, `sender`, `instance`, `tenant` or `batch`."""
    name: str
    """Which one: the budget, the sender, the instance's id, the tenant, or the batch's id."""
    owner: str
    """`person`: until somebody releases it. `system`: until a probe, one job, is sent. `cancel`: until all its jobs are
    cancelled."""
    code: str
    """Our stable code of the error that led to it, such as `access_denied`; empty for a person's."""
    reason: str
    since: datetime
    probe_at: datetime | None
    """When the next probe may go, of a hold of the system; past: with the next job. None for others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetStatus:
    """How a budget is doing."""

    name: str
    rate: float
    """Calls a second that it makes now at most; 0.0: nothing was sent yet."""
    ceiling: float
    """Calls a second that were configured; `rate` climbs up to it. 0.0: nothing was sent yet."""
    burst: int
    """0: no worker was ever started for it."""
    workers: int
    """Workers seen within the last 10 seconds."""
    pumps: int
    """Pumps at work."""
    accepted: int
    """Jobs it ever took."""
    counts: Mapping[str, int]
    """Jobs that are `waiting` and `leased` (a worker calls), and how many ever ended in each state."""
    oldest_due: datetime | None
    """When the first of the jobs whose turn is next was due; None: none is due."""
    holds: tuple[Hold, ...]
    webhooks: Mapping[str, int]
    """Webhooks that are `waiting` and `posting`, for the first 500 hosts, and `dead` ones that are listed."""


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
    """Those that may be called now, as far as their own time goes."""
    next_due: datetime | None
    """When the first of them is due; past: it is."""
    stopped_by: WaitReason | None
    """The rule that gives its due jobs no call now; None: none does, they wait for their turn, or none is due."""
    until: datetime | None
    """When that rule is tried again; None: an event ends it."""
    stop_reason: str
    """What a person said, or what AWS answered, where it is held; empty otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lanes:
    """The lanes with the most waiting jobs, of all budgets."""

    lanes: tuple[LaneStatus, ...]
    total: int
    """Lanes with waiting jobs."""
    looked: int
    """How many of them were looked at: all, up to 500 of a budget; of more, those in turn and a random choice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPage:
    """A page of the jobs of a batch, by their rows."""

    jobs: tuple[Job, ...]
    cursor: str | None
    """Where the next page begins; None: this was the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPage:
    """A page of the batches of a budget: those that are not final, the newest first, then those that ended last."""

    batches: tuple[Batch, ...]
    """With their counts and measured rate; the end of none is predicted."""
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
    """A job ended; of an uncertain one a second time, when its ContactId comes late."""
    BATCH_ACCEPTED = "batch_accepted"
    """A batch was closed, by its producer or by being cancelled: all its jobs are in the store."""
    BATCH_FINAL = "batch_final"
    """A batch is closed, and every job of it is final."""
    REPAIRED = "repaired"
    """A job or lane to which nobody would ever have come was put back where it belongs."""
    FAULT = "fault"
    """A count does not add up, or a record is lost; nothing was changed."""
    CLEARED = "cleared"
    """A fault no longer exists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened in a budget. Ids and codes only."""

    number: int
    """Events of a budget are numbered from 1 without a gap."""
    at: datetime
    kind: EventKind
    id: str
    """Of the job, batch or lane; the budget's name where it is about all of it."""
    state: JobState | None
    """Of a job: how it ended."""
    code: str
    """Of a failed or uncertain job: our code of its last attempt. Of what did not add up: which of the findings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """What happened since a number, the oldest first."""

    events: tuple[Event, ...]
    missed: int
    """How many events between were trimmed before they were read; 0: none."""
    next: int
    """What to give as `since` the next time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppressedNumber:
    """A number that a sender must not contact."""

    number: str = field(repr=False)
    since: datetime
    """When it was put on the list."""
    reason: str = field(repr=False)
    """What was said then; empty: nothing."""


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
    """What came of the last post, such as `status_500`; the list is in `docs/webhooks.md`."""
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
    """Posts that run, or whose courier was lost a moment ago."""
    failures: int
    """Posts in a row that came to no answer."""
    paused_until: datetime | None
    """It is left alone until then; None: it is not."""
