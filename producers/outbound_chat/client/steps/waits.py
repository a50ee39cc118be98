"""Ends a wait that has timed out, with the reason why the job or batch is not final."""

from contextlib import suppress
from typing import TypeVar

from outbound_chat.client.steps.base import Steps
from outbound_chat.client.steps.context import Context
from outbound_chat.client.steps.progress import batch as read
from outbound_chat.client.steps.why import why, why_next
from outbound_chat.model.batches import Batch
from outbound_chat.model.errors import StoreError, WaitTimeout, WrittenByNewerVersion
from outbound_chat.model.jobs import Job, JobState

Ending = TypeVar("Ending", Job, Batch)


def time_is_over(context: Context, found: Ending) -> Steps[Ending]:
    """Returns the job or batch if it has ended meanwhile. It takes one round trip, or two if no job of a batch waits.

    Raises:
        WaitTimeout: it has not.
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
        return reason.job
    raise WaitTimeout(found.id, reason)


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
