"""Why a job waits: a stable code, a sentence for people, its position, and when it may be sent.

The rules are those that a claim follows, and one script reads them on the server. The reason is the first rule that
would stop the job. `docs/why.md` has the order of the rules, and what to do about each.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from outbound_chat.model.jobs import Job


class WaitReason(StrEnum):
    """Why a job waits, in the order in which the rules are checked."""

    FINAL = "final"
    """The job has ended."""
    CANCELLING = "cancelling"
    """The job was cancelled. A call in flight decides how it ends; without one, it ends with its batch or tenant."""
    SENDING = "sending"
    """A worker is calling Connect for it."""
    EXPIRING = "expiring"
    """It was not sent in time, and is about to end as `expired`."""
    SCHEDULED = "scheduled"
    """Its `send_at` is in the future."""
    QUIET_HOURS = "quiet_hours"
    """Its sender has quiet hours in the recipient's time zone."""
    RECIPIENT_CAP = "recipient_cap"
    """Its sender has contacted its number as often as `per_recipient` allows."""
    BACKOFF = "backoff"
    """A call created no contact, or a worker returned the job without a call, and the next attempt is not due yet."""
    NO_SETTINGS = "no_settings"
    """No worker was started for its budget yet, so Redis has no settings of the budget."""
    NO_WORKER = "no_worker"
    """No worker runs for its budget."""
    NO_KEY = "no_key"
    """Its request is encrypted with a key that no worker of its budget has."""
    BUDGET_HELD = "budget_held"
    """A person has put its budget on hold."""
    HELD_BY_PERSON = "held_by_person"
    """A person has put its sender, instance, tenant or batch on hold."""
    HELD_BY_SYSTEM = "held_by_system"
    """AWS refused its sender, instance, tenant or batch. One job is tried after a wait."""
    PROBING = "probing"
    """AWS refused its sender, instance, tenant or batch. One job is being tried now."""
    SENDER_CALLS = "sender_calls"
    """Its sender already has as many calls in flight as allowed."""
    BATCH_CALLS = "batch_calls"
    """Its batch already has as many calls in flight as allowed."""
    OPEN_CHATS = "open_chats"
    """Its instance already has as many open chats as allowed."""
    NUMBER_PACE = "number_pace"
    """The number of its sender has reached its rate of message parts."""
    NO_PUMP = "no_pump"
    """Workers run, but none of them starts the tasks that they publish through Celery."""
    PROVIDER_PAUSE = "provider_pause"
    """AWS asked all callers of the budget to wait."""
    PACED = "paced"
    """The budget's rate allows no call for it yet. Other jobs may go first."""
    NEXT = "next"
    """Nothing stops it: it is sent next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """Why a job waits, and when it is expected to be sent."""

    job: Job
    """The job, read together with the reason."""
    asked_at: datetime
    """When this was true. All times here are by the clock of Redis."""
    reason: WaitReason
    """The reason, for programs."""
    explanation: str
    """The reason in a sentence or two, with what to do about it. It contains no phone number and no message text."""
    then: WaitReason | None
    """What would stop the job next; None if it would only wait for a time or for its turn."""
    position: int | None
    """Jobs before it in its lane (same priority, sender, tenant and batch); None if it does not wait."""
    ahead: int | None
    """Estimate of all jobs of the budget before it; None if it does not wait."""
    next_attempt_at: datetime | None
    """Earliest time of its next call; None if unknown, for example during a person's hold. Never in the past."""
    expected_at: datetime | None
    """Estimate of when it is sent, as `docs/why.md` explains; None if unknown. Never in the past."""
    scope: str | None
    """What the reason applies to, such as `sender:support` or `budget:main`; None if only to the job."""
    held_by: str | None
    """Who holds it: `person` or `system`; None if it is not held."""
    held_reason: str | None
    """What the person gave as the reason, or what AWS answered."""
    until: datetime | None
    """When the reason may end; None if only an event ends it, such as a release."""
