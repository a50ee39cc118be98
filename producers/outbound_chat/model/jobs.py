"""Jobs as callers see them.

The life of one job:

    1. a producer enqueues it: it is `queued`, or `scheduled` when it is to go later;
    2. a pump claims it when the budget allows a call: it is `sending`, under a lease;
    3. Connect accepts it: it is `sent`, and `contact_id` names the contact; delivery to the phone is another matter;
    4. or the call fails for a passing reason: it is `queued` again, with `attempts`, `next_attempt_at` and `error`;
    5. or it can't be sent: it is `failed`, `expired` or `cancelled`;
    6. or a call may have reached Connect, without an answer: it is `uncertain`, and only a ContactId moves it on.

        scheduled ──▶ queued ◀──▶ sending ──▶ sent ◀── uncertain
            │            │            │
            └────────────┴────────────┴──▶ failed · expired · cancelled · uncertain
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum


class JobState(StrEnum):
    """Where a job is."""

    SCHEDULED = "scheduled"
    """It waits for its `send_at`, which may be the end of quiet hours."""
    QUEUED = "queued"
    """It waits for its turn, for another attempt, or for the end of quiet hours."""
    SENDING = "sending"
    """A worker has it and is calling Connect."""
    SENT = "sent"
    """Connect accepted it: a contact exists. Connect does not report here whether the phone received it."""
    FAILED = "failed"
    """It can't be sent; `error` says why. No contact exists."""
    EXPIRED = "expired"
    """Its time passed before it could be sent. No contact exists."""
    CANCELLED = "cancelled"
    """It was cancelled before it was sent. No contact exists."""
    UNCERTAIN = "uncertain"
    """A call may have reached Connect, and another can't be made safely. A contact may exist."""


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
"""The allowed moves. `queued → sent` is a ContactId that arrives after its lease was lost; `queued → failed` a number
that must not be contacted."""


class Priority(IntEnum):
    """Which jobs go first; inside a priority, tenants take turns."""

    URGENT = 1
    """One-time codes and answers that a person waits for."""
    NORMAL = 2
    """Single messages."""
    BULK = 3
    """Campaigns."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call to Connect that did not lead to a contact, and why."""

    at: datetime
    """When the job was claimed for the call."""
    outcome: str
    """`retry`, `snooze` (paced by the provider, counts as no attempt), `failed` or `uncertain`."""
    code: str
    """Our stable code, such as `throttled`; the list is in `docs/errors.md`."""
    aws_code: str
    """The provider's error code; empty without an answer."""
    message: str
    """The provider's message, with anything like a phone number removed."""
    request_id: str
    """AWS request id; empty without an answer."""


class WebhookState(StrEnum):
    """Where the webhook for the end of a job is."""

    PENDING = "pending"
    """It waits, is being posted, or will be posted again."""
    DELIVERED = "delivered"
    """Its receiver has it."""
    DEAD = "dead"
    """It was given up; it can be replayed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """What became of the webhook that reports a job's end."""

    state: WebhookState
    at: datetime | None
    """When it was delivered or given up; None while it is pending."""
    code: str
    """Of a dead one: the result of its last post, such as `status_500`; the list is in `docs/webhooks.md`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as it was when it was read. It has no phone number and no text."""

    id: str
    state: JobState
    sender: str
    tenant: str | None
    priority: Priority
    batch_id: str | None
    attempts: int
    """Calls made to Connect, without those that were only paced."""
    contact_id: str | None
    """Connect's id of the contact, if `state` is `sent`."""
    created_at: datetime
    send_at: datetime | None
    """It is not sent before this time: as given, or the end of the quiet hours in which it would have been due."""
    expires_at: datetime
    """No call is made for it after this time."""
    next_attempt_at: datetime | None
    """While it waits: the earliest time of its next call."""
    finished_at: datetime | None
    cancel_requested: bool
    """It was cancelled while a call ran; the answer of that call decides."""
    maybe_sent: bool
    """A call may have reached Connect without an answer; it is repeated only with the same token."""
    replay_of: str | None
    """The failed or uncertain job that this one sends again."""
    replayed_by: str | None
    """The job that sends this one again."""
    history: tuple[Attempt, ...] = field(repr=False)
    """The last attempts that led to no contact, oldest first, at most 5."""
    webhook: Webhook | None = field(default=None, repr=False)
    """Of a final job: what became of the webhook for its end. None: there is no webhook."""
    repeated: bool = field(default=False, repr=False, compare=False)
    """Only in the answer of `enqueue`: an earlier call with the same idempotency key created it."""

    @property
    def final(self) -> bool:
        """Whether it stays as it is; only a late ContactId still turns `uncertain` into `sent`."""
        return self.state in FINAL

    @property
    def error(self) -> Attempt | None:
        """The last attempt that led to no contact; None when the job was sent."""
        return self.history[-1] if self.history and self.state is not JobState.SENT else None
