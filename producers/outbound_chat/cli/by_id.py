"""Reads jobs and batches by their ids, and shows them."""

from collections.abc import Sequence

from outbound_chat.cli.errors import UnknownId, unknown_id
from outbound_chat.cli.output import print_json
from outbound_chat.cli.show_batches import print_batch, print_batches
from outbound_chat.cli.show_jobs import print_job, print_jobs
from outbound_chat.client import OutboundChat
from outbound_chat.model.batches import Batch
from outbound_chat.model.errors import UnknownBatch
from outbound_chat.model.jobs import Job, JobState


def read_each(chat: OutboundChat, ids: list[str]) -> tuple[list[Job | Batch], list[UnknownId]]:
    """Returns jobs and batches in the order of the ids, and an error for each id that belongs to none."""
    found: list[Job | Batch] = []
    unknown: list[UnknownId] = []
    for id_, job in chat.statuses(ids).items():
        try:
            found.append(job or chat.batch(id_))
        except UnknownBatch:
            unknown.append(unknown_id(id_))
    return found, unknown


def all_in(one: Job | Batch, state: JobState) -> bool:
    """Returns whether a job, or every job of a batch, is in this state."""
    return one.state is state if isinstance(one, Job) else one.counts[state] == one.accepted


def print_each(found: Sequence[Job | Batch], as_json: bool, errors: Sequence[BaseException]) -> None:
    """Prints one as a record, several as tables."""
    if as_json:
        print_json(found, errors)
        return
    if len(found) == 1:
        one = found[0]
        print_job(one) if isinstance(one, Job) else print_batch(one)
        return
    print_jobs(one for one in found if isinstance(one, Job))
    print_batches(one for one in found if isinstance(one, Batch))
