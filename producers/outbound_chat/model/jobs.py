"""Jobs as callers see them.

The life of one job:

    1. a producer enqueues it: it is `queued`, or `scheduled` if it is to be sent later;
    2. a pump claims it when the budget allows a call: it is `sending`, under a lease;
    3. Connect accepts it: it is `sent`, and `contact_id` names the contact; that does not mean that it was delivered;
    4. or the call fails temporarily: it is `queued` again, with `attempts`, `next_attempt_at` and `error`;
    5. or it can't be sent: it is `failed`, `expired` or `cancelled`;
    6. or a call may have reached Connect, without an answer: it is `uncertain`, and only a ContactId changes that.

        scheduled ──▶ queued ◀──▶ sending ──▶ sent ◀── uncertain
            │            │            │
            └────────────┴────────────┴──▶ failed · expired · cancelled · uncertain
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum

from outbound_chat.model.contacts import UNKNOWN, ContactFact, Delivery


class JobState(StrEnum):
    """State of a job."""

    SCHEDULED = "scheduled"
    """It waits for its `send_at`, which may be the end of quiet hours."""
    QUEUED = "queued"
    """It waits for its turn, for another attempt, or for the end of quiet hours."""
    SENDING = "sending"
    """A worker is calling Connect for it."""
    SENT = "sent"
    """Connect accepted it: a contact exists. Connect does not report whether the phone received the message."""
    FAILED = "failed"
    """It can't be sent; `error` says why. No contact exists."""
    EXPIRED = "expired"
    """It could not be sent in time. No contact exists."""
    CANCELLED = "cancelled"
    """It was cancelled before it was sent. No contact exists."""
    UNCERTAIN = "uncertain"
    """A call may have reached Connect, and it is not safe to make another. A contact may exist."""


FINAL = frozenset({JobState.SENT, JobState.FAILED, JobState.EXPIRED, JobState.CANCELLED, JobState.UNCERTAIN})
ACTIVE = frozenset(JobState) - FINAL

_ENDS = frozenset({JobState.FAILED, JobState.EXPIRED, JobState.CANCELLED, JobState.UNCERTAIN})
MOVES: Mapping[JobState, frozenset[JobState]] = {
    JobState.SCHEDULED: frozenset({JobState.QUEUED, JobState.SENDING}) | (_ENDS - {JobState.UNCERTAIN}),
    JobState.QUEUED: frozenset({JobState.SENDING, JobState.SENT}) | _ENDS,
    JobState.SENDING: frozenset({JobState.QUEUED, JobState.SENT}) | (_ENDS - {JobState.EXPIRED}),
    JobState.SENT: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.EXPIRED: frozenset(),
    JobState.CANCELLED: frozenset(),
    JobState.UNCERTAIN: frozenset({JobState.SENT}),
}
"""The allowed transitions. `queued → sent`: a ContactId arrived after the lease was lost. `queued → failed`: the number
must not be contacted."""


class Priority(IntEnum):
    """Which jobs go first. Within a priority, tenants take turns."""

    URGENT = 1
    """One-time codes and replies that a person is waiting for."""
    NORMAL = 2
    """Single messages."""
    BULK = 3
    """Campaigns."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A call to Connect that did not create a contact, and why."""

    at: datetime
    """When the job was claimed for the call."""
    outcome: str
    """`retry`, `snooze` (tried again, without counting as an attempt), `failed` or `uncertain`."""
    code: str
    """Stable code, such as `throttled`; `docs/errors.md` lists all of them."""
    aws_code: str
    """AWS's error code; empty if there was no answer."""
    message: str
    """AWS's message, without anything that looks like a phone number."""
    request_id: str
    """AWS's request id; empty if there was no answer."""


class WebhookState(StrEnum):
    """State of the webhook that reports the end of a job."""

    PENDING = "pending"
    """It waits, is being posted, or will be posted again."""
    DELIVERED = "delivered"
    """The receiver accepted it."""
    DEAD = "dead"
    """It was given up. It can be replayed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """The webhook that reports the end of a job."""

    state: WebhookState
    """Whether it was delivered."""
    at: datetime | None
    """When it was delivered or given up; None while it is pending."""
    code: str
    """If it is dead: the result of the last post, such as `status_500`; `docs/webhooks.md` lists all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job at the time it was read. It contains no phone number and no message text."""

    id: str
    """Id of the job."""
    state: JobState
    """State of the job."""
    sender: str
    """Name of the sender."""
    tenant: str | None
    """Tenant that the job counts toward, if any."""
    priority: Priority
    """Which jobs go first."""
    batch_id: str | None
    """Batch that the job belongs to, if any."""
    attempts: int
    """Calls made to Connect, not counting those that AWS throttled."""
    contact_id: str | None
    """Connect's id of the contact, if the job is `sent`."""
    created_at: datetime
    """When the job was enqueued."""
    send_at: datetime | None
    """Earliest time to send, if any: as given, or the end of the quiet hours that the job would have been due in."""
    expires_at: datetime
    """Latest time to send. No call is made after it."""
    next_attempt_at: datetime | None
    """Earliest time of the next call, while the job waits."""
    finished_at: datetime | None
    """When the job became final."""
    cancel_requested: bool
    """The job was cancelled during a call; the result of that call decides."""
    maybe_sent: bool
    """A call may have reached Connect without an answer. It is only repeated with the same client token."""
    replay_of: str | None
    """The failed or uncertain job that this job replays, if any."""
    replayed_by: str | None
    """The job that replays this job, if any."""
    history: tuple[Attempt, ...] = field(repr=False)
    """The last attempts that created no contact, oldest first, at most 5."""
    webhook: Webhook | None = field(default=None, repr=False)
    """The webhook that reports the end of the job, once the job is final. None: there is none."""
    contact: ContactFact | None = field(default=None, repr=False)
    """Whether the contact is open or has ended. None: the job is not `sent`, or no event of its contact has come."""
    delivery: Delivery = field(default=UNKNOWN, repr=False)
    """What is known of the delivery, if the job is `sent`; most often `unknown`."""
    repeated: bool = field(default=False, repr=False, compare=False)
    """Only in the result of `enqueue`: whether an earlier call with the same idempotency key created the job."""

    @property
    def final(self) -> bool:
        """Whether the job has ended. Only a late ContactId can still turn `uncertain` into `sent`."""
        return self.state in FINAL

    @property
    def error(self) -> Attempt | None:
        """The last attempt that created no contact; None if the job was sent."""
        return self.history[-1] if self.history and self.state is not JobState.SENT else None
