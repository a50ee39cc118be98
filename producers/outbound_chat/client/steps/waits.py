"""Decides when a wait is over, and ends one that has timed out with the reason."""

import time
from contextlib import suppress
from typing import Literal, TypeVar, get_args

from outbound_chat.client.steps.base import Steps, ask
from outbound_chat.client.steps.context import Context
from outbound_chat.client.steps.progress import batch as read
from outbound_chat.client.steps.why import why, why_next
from outbound_chat.model.batches import Batch
from outbound_chat.model.contacts import WHY_UNKNOWN, Basis, DeliveryState
from outbound_chat.model.errors import FieldError, InvalidJob, StoreError, WaitTimeout, WrittenByNewerVersion
from outbound_chat.model.jobs import Job, JobState
from outbound_chat.request import FieldCode
from outbound_chat.store import scripts

Ending = TypeVar("Ending", Job, Batch)
Until = Literal["final", "ended", "delivered"]
"""What a wait is for: the end of a job or batch, of a job's contact, or what became of the delivery."""


def deadline_of(seconds: object, name: str = "timeout") -> float:
    """Returns when a wait that begins now is over, by the monotonic clock."""
    if not isinstance(seconds, (int, float)) or isinstance(seconds, bool):
        raise TypeError(f"{name} must be a number of seconds, not {type(seconds).__name__}")
    return time.monotonic() + seconds


def check_until(until: str) -> None:
    """Raises `InvalidJob` for what nobody can wait for."""
    if until not in get_args(Until):
        message = f"must be one of {', '.join(get_args(Until))}"
        raise InvalidJob([FieldError("until", FieldCode.NOT_ALLOWED, message)])


def is_over(context: Context, found: Job | Batch, until: Until) -> Steps[bool]:
    """Returns whether a wait is over: what it waits for has come, or it can't come any more.

    Nothing comes for a job that was not sent, nor if nobody brings events about contacts. Receipts may come after the
    contact has ended, but only where AWS sends some that name a contact or a job.
    """
    if until == "final" or not found.final or not isinstance(found, Job) or found.state is not JobState.SENT:
        return found.final
    has_ended = found.contact is not None and not found.contact.open
    if (has_ended and until == "ended") or (found.delivery.final and until == "delivered"):
        return True
    events = yield from ask(scripts.read_contact_events(context.keys(found.id.partition(".")[0]), []))
    are_matched = events.matched.keys() & {Basis.CONTEXT, Basis.CARRIER}
    return not events.records_contacts or (until == "delivered" and has_ended and not are_matched)


def time_is_over(context: Context, found: Ending, until: Until) -> Steps[Ending]:
    """Returns the job or batch if it has ended meanwhile. It takes one round trip, or two if no job of a batch waits.

    Raises:
        WaitTimeout: it has not, or what was waited for has not come.
    """
    reason = None
    # Without an answer the time is over all the same.
    with suppress(StoreError, WrittenByNewerVersion):
        if isinstance(found, Job):
            reason = yield from why(context, found.id)
        elif (reason := (yield from why_next(context, found.id))) is None:
            found = yield from read(context, found.id, with_pace=False)
    if isinstance(found, Batch):
        if found.final:
            return found
        raise WaitTimeout(found.id, reason, _of_batch(found, reason.explanation if reason else ""))
    if reason and reason.job.final:
        if (yield from is_over(context, reason.job, until)):
            return reason.job
        raise WaitTimeout(found.id, None, _of_sent(reason.job, until), until)
    raise WaitTimeout(found.id, reason, until=until)


def _of_sent(job: Job, until: Until) -> str:
    contact = "no event of its contact has come" if job.contact is None else "its contact is open"
    if until == "ended":
        return f"It was sent, and {contact}."
    if job.delivery.state is DeliveryState.UNKNOWN:
        return f"It was sent, and {WHY_UNKNOWN}."
    return f"It was sent, and the last receipt says: {job.delivery.state}."


def _of_batch(batch: Batch, of_next: str) -> str:
    waiting, sending = (batch.counts[state] for state in (JobState.SCHEDULED, JobState.SENDING))
    waiting += batch.counts[JobState.QUEUED]
    if of_next:
        return f"{max(1, waiting):,} of its {batch.accepted:,} jobs wait. The next of them: {of_next}"
    if waiting:
        return ""
    if sending:
        return f"Workers are calling Connect for its last {sending:,} jobs."
    return "" if batch.closed else "It is open: its producer has not closed it and may add more jobs."
