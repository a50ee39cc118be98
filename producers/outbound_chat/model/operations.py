"""What operators see besides jobs and batches: holds, budgets, dead letters, events, suppressed numbers, webhooks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from outbound_chat.model.batches import Batch
from outbound_chat.model.jobs import Job, JobState, Priority
from outbound_chat.model.why import WaitReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A hold. No job in its scope is sent until it ends."""

    budget: str
    """Budget whose jobs it stops."""
    scope: str
    """`budget`, `sender`, `instance`, `tenant` or `batch`."""
    name: str
    """Name of the budget, sender or tenant, or id of the instance or batch."""
    owner: str
    """`person`: it ends when somebody releases it. `system`: it ends when a probe, a single job, is sent. `cancel`: it
    ends when all of its jobs are cancelled."""
    code: str
    """Stable code of the error that caused it, such as `access_denied`; empty for a person's hold."""
    reason: str
    """What the person gave as the reason, or what AWS answered."""
    since: datetime
    """When it began."""
    probe_at: datetime | None
    """For a hold of the system: when the next probe may start; if in the past, with the next job. None for others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetStatus:
    """The status of a budget."""

    name: str
    """Name of the budget."""
    rate: float
    """Most calls per second that it currently makes; 0.0 until something was sent."""
    ceiling: float
    """Configured calls per second, up to which `rate` can grow; 0.0 until something was sent."""
    burst: int
    """Most calls that it makes at once; 0 until a worker was started for it."""
    workers: int
    """Workers seen within the last 10 seconds."""
    pumps: int
    """Pumps that are working."""
    accepted: int
    """Jobs accepted so far."""
    counts: Mapping[str, int]
    """Jobs `waiting` and `leased` (a worker is calling Connect), and jobs that have ended so far, by state."""
    oldest_due: datetime | None
    """When the first of the next jobs became due; None: no job is due."""
    holds: tuple[Hold, ...]
    """Holds of the budget, and of what is in it."""
    webhooks: Mapping[str, int]
    """Webhooks `waiting` and `posting`, of the first 500 hosts, and `dead` ones."""
    listed: int = 0
    """Single jobs that `jobs` can list, at 18 bytes of Redis each."""
    due: int = 0
    """Jobs that are due, without those behind a gate; of each priority, the first 8 tenants and 4 lanes of each."""
    calls: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Calls that ended so far, by outcome and code, which is empty for `sent`; without those of lost workers."""
    waits: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Claims by priority and by the seconds for which the job had been due: at most `0.1`, from there `0.5` and so on
    to `+Inf`; and `ms`, the sum in milliseconds."""
    dead: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Dead letters by state and code."""
    open_chats: Mapping[str, Mapping[str, int | None]] = field(default_factory=dict)
    """`open` chats and their `limit` by instance; without a limit, which is None, none are counted."""
    faults: Mapping[str, int] = field(default_factory=dict)
    """Faults that workers have found and can't repair, by kind."""
    skewed_workers: int = 0
    """Workers that claim nothing, because the clock of their machine is wrong."""


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """A worker of a budget, seen within the last 10 seconds."""

    budget: str
    """Budget that it works for; a worker of several budgets is listed for each."""
    name: str
    """Its Celery node name, a random part and its process id, such as `outbound-chat-5f0c3a-1@host:9b21d4:4711`."""
    seen_at: datetime
    """When it was last seen; a live worker shows itself every second or so."""
    settings_version: str
    """Hash of the settings of the budget that it was started with."""
    settings_agree: bool
    """Whether all workers of the budget have the same settings; if not, restart those with the wrong ones."""
    skew_seconds: float
    """Seconds by which the clock of its machine is ahead of that of Redis, or behind (below 0), if it sends nothing
    because of that; otherwise 0.0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneStatus:
    """A lane: the waiting jobs of one priority, sender, tenant and batch."""

    budget: str
    """Budget that its calls count toward."""
    priority: Priority
    """Priority of its jobs."""
    sender: str
    """Sender of its jobs."""
    tenant: str | None
    """Tenant of its jobs, if any."""
    batch_id: str | None
    """Batch of its jobs, if any."""
    waiting: int
    """Jobs that wait."""
    due: int
    """Jobs that could be sent now if nothing stopped them."""
    next_due: datetime | None
    """When the first job is due, or was."""
    stopped_by: WaitReason | None
    """What stops its due jobs now; None: they wait for their turn, or no job is due."""
    until: datetime | None
    """When that may end; None: only an event ends it, such as a release."""
    stop_reason: str
    """If it is held: what the person gave as the reason, or what AWS answered. Otherwise empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lanes:
    """The lanes with the most waiting jobs, of all budgets."""

    lanes: tuple[LaneStatus, ...]
    """The lanes, the longest first."""
    total: int
    """Lanes with waiting jobs."""
    looked: int
    """How many of them were compared: up to 500 of each budget; beyond that, those whose turn is next and a sample."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPage:
    """A page of jobs: those of a batch in the order of the rows, single ones the newest first."""

    jobs: tuple[Job, ...]
    """The jobs."""
    cursor: str | None
    """Cursor of the next page; None if this is the last page."""


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
    """A page of the batches of a budget: those that are not final, newest first, then those that ended, last first."""

    batches: tuple[Batch, ...]
    """The batches, with counts and measured rate but without predictions."""
    cursor: str | None
    """Cursor of the next page; None if this is the last page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetters:
    """A page of failed and uncertain jobs, newest first."""

    jobs: tuple[Job, ...]
    """The jobs."""
    cursor: str | None
    """Cursor of the next page; None if this is the last page."""


class EventKind(StrEnum):
    """Kind of an event."""

    JOB_FINAL = "job_final"
    """A job ended. An uncertain job ends a second time if its ContactId arrives late."""
    BATCH_ACCEPTED = "batch_accepted"
    """A batch was closed, by its producer or by a cancellation: all of its jobs are in the store."""
    BATCH_FINAL = "batch_final"
    """A batch is closed, and all of its jobs are final."""
    REPAIRED = "repaired"
    """A job or lane that would have waited forever was repaired."""
    FAULT = "fault"
    """A count does not add up, or a record is lost. Nothing was changed."""
    CLEARED = "cleared"
    """A fault no longer exists."""
    RECEIPTS_REFUSED = "receipts_refused"
    """The share of messages of a source number that were blocked, spam or invalid has jumped in this hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened in a budget. It contains only ids and codes."""

    number: int
    """Number of the event: events of a budget are numbered from 1 without gaps."""
    at: datetime
    """When it happened."""
    kind: EventKind
    """What happened."""
    id: str
    """Id of the job, batch or lane, or the name of the budget; a source number follows the budget and a dot."""
    state: JobState | None
    """For a job: how it ended."""
    code: str
    """For a failed or uncertain job: the code of its last attempt. For a repair or fault: which one it is. For refused
    receipts: the kind of the last one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """Events after a given number."""

    events: tuple[Event, ...]
    """The events, oldest first."""
    missed: int
    """How many events were trimmed before they could be read."""
    next: int
    """Number to pass as `since` in the next call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberReceipts:
    """Of how many messages that a source number sent within an hour receipts came, whether or not jobs are known.

    Each message counts once, by a count of distinct ids that is about 1 % off where there are thousands.
    """

    budget: str
    """Budget of the senders in the account and Region of the number."""
    number: str
    """Source number as the receipts name it; `unknown` if they name none."""
    hour: datetime
    """Beginning of the hour in which the messages were sent, or in which the status changed if that is all that the
    receipts tell."""
    messages: int
    """Messages with at least one receipt."""
    kinds: Mapping[str, int]
    """Messages by kind of receipt, such as `TEXT_DELIVERED` or `WHATSAPP_READ`; a message can have several."""
    refused: int
    """Messages that were blocked, spam or invalid, or that WhatsApp could not deliver."""
    matched: int
    """Messages whose job is known, by `context`."""
    parts: int
    """Parts of the messages, as far as receipts tell."""
    price: float
    """Price of the messages in US dollars without carrier fees, as far as receipts tell."""
    jumped_at: datetime | None
    """When the share of refused messages had jumped; None: it has not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppressedNumber:
    """A number that a sender must not contact."""

    number: str = field(repr=False)
    """Phone number in E.164 form."""
    since: datetime
    """When it was added to the list."""
    reason: str = field(repr=False)
    """Why it is on the list; may be empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppressedPage:
    """A page of a suppression list, in no particular order."""

    numbers: tuple[SuppressedNumber, ...]
    """The numbers."""
    cursor: str | None
    """Cursor of the next page; None if this is the last page."""
    total: int
    """Numbers on the whole list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadWebhook:
    """A webhook that was given up. It can be replayed."""

    id: str
    """Id of the webhook, which receivers see in `webhook-id`: that of a job with its state, or that of a batch."""
    host: str
    """Host that it was posted to. The rest of the URL may be secret."""
    attempts: int
    """How often it was posted."""
    code: str
    """Result of the last post, such as `status_500`; `docs/webhooks.md` lists all of them."""
    first_at: datetime | None
    """When its first post ended; None: it was never posted."""
    dead_at: datetime
    """When it was given up."""


@dataclass(frozen=True, slots=True)
class WebhookHost:
    """A host that webhooks are posted to."""

    budget: str
    """Budget of the jobs and batches."""
    host: str
    """Host of their URLs."""
    waiting: int
    """Webhooks that wait."""
    posting: int
    """Posts in progress, including those whose courier was just lost."""
    failures: int
    """Posts in a row that got no response."""
    paused_until: datetime | None
    """When posting resumes; None: it is not paused."""
