"""Why a job waits: a stable code, a sentence for people, its position, and when it may be called.

Nothing is decided here: the rules are those that a claim follows, read in the same script on the same server. The first
rule that would stop the job is named; `docs/why.md` has the order, and what to do about each.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from outbound_chat.model.jobs import Job


class WaitReason(StrEnum):
    """What a job waits for, in the order in which the rules are checked."""

    FINAL = "final"
    """It is done: it has ended."""
    CANCELLING = "cancelling"
    """It was cancelled: a call in flight decides; without one, it ends with its batch or tenant."""
    SENDING = "sending"
    """A worker is calling Connect for it."""
    EXPIRING = "expiring"
    """Its time has passed: it ends without a call."""
    SCHEDULED = "scheduled"
    """Its `send_at` is in the future."""
    QUIET_HOURS = "quiet_hours"
    """Its sender has quiet hours where its number is."""
    BACKOFF = "backoff"
    """A call led to no contact, or a worker gave it back without one, and its next attempt is not due yet."""
    NO_SETTINGS = "no_settings"
    """Redis has no settings of its budget: no worker was started for it yet."""
    NO_WORKER = "no_worker"
    """No worker runs for its budget."""
    NO_KEY = "no_key"
    """Its request is encrypted with a key that no worker of its budget has."""
    BUDGET_HELD = "budget_held"
    """A person holds its budget."""
    HELD_BY_PERSON = "held_by_person"
    """A person holds its sender, instance, tenant or batch."""
    HELD_BY_SYSTEM = "held_by_system"
    """AWS refuses its sender, instance, tenant or batch; after a wait, one job is tried."""
    PROBING = "probing"
    """AWS refused its sender, instance, tenant or batch; a probe is in progress."""
    SENDER_CALLS = "sender_calls"
    """Its sender has as many calls at a time as it may."""
    BATCH_CALLS = "batch_calls"
    """Its batch has as many calls at a time as it may."""
    OPEN_CHATS = "open_chats"
    """Its instance has as many open chats as it may."""
    NUMBER_PACE = "number_pace"
    """Its source number has sent the parts that it may send now."""
    NO_PUMP = "no_pump"
    """Workers run, but none starts the work that they request through Celery."""
    PROVIDER_PAUSE = "provider_pause"
    """AWS asked all callers of the budget to wait."""
    PACED = "paced"
    """Its budget has no call for it yet; others may go first."""
    NEXT = "next"
    """Nothing stops it: one of the next claims takes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """What a job waited for when this was asked."""

    job: Job
    asked_at: datetime
    """By the clock of Redis, as all times here."""
    reason: WaitReason
    explanation: str
    """A sentence or two for people, with what to do if anything. Holds no phone number and no text."""
    then: WaitReason | None
    """What would stop it next, as things stand; None when time or its turn alone would."""
    position: int | None
    """Jobs of its lane (same priority, sender, tenant, batch) that are sent before it; None when it does not wait."""
    ahead: int | None
    """Estimate of all jobs of the budget that are sent before it; None when it does not wait."""
    next_attempt_at: datetime | None
    """Earliest time of its next call; None when that is not known, such as under a person's hold. Never in the past."""
    expected_at: datetime | None
    """Estimate of when it is called, see `docs/why.md`; None when that is not known. Never in the past."""
    scope: str | None
    """What the reason concerns, such as `sender:support` or `budget:main`; None when it is only the job."""
    held_by: str | None
    """`person` or `system`; None when nobody holds it."""
    held_reason: str | None
    """What the person said, or the answer that led to the system's hold."""
    until: datetime | None
    """When the rule may end; None when an event decides, such as a release."""
