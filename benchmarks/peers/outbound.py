"""outbound-chat itself, seen from its client; its settings are those of the rig."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.peers import work
from outbound_chat.client import AsyncOutboundChat, OutboundChat
from outbound_chat.model.jobs import JobState, Priority

SENDER = "support"
SHARED: Any = {
    "contact_flow_id": work.SHARED["ContactFlowId"],
    "chat_duration_in_minutes": work.SHARED["ChatDurationInMinutes"],
    "related_contact_id": work.SHARED["RelatedContactId"],
    "supported_messaging_content_types": work.SHARED["SupportedMessagingContentTypes"],
    "segment_attributes": {"campaign": {"ValueString": work.CAMPAIGN}},
    "attributes": {"language": work.LANGUAGE},
}
"""Options that all rows of a batch share."""
_BY_KEY = ("segment_attributes", "attributes")


def job_of(index: int) -> dict[str, Any]:
    """The request of `work.job_of` as options of `enqueue`, without what comes from the sender: instance and source."""
    request = work.job_of(index)
    segment = request["SegmentAttributes"]
    return {
        "to": request["DestinationEndpoint"]["Address"],
        "text": request["InitialSystemMessage"]["Content"],
        "contact_flow_id": request["ContactFlowId"],
        "segment_attributes": {key: value for key, value in segment.items() if not key.startswith("connect:")},
        "attributes": request["Attributes"],
        "chat_duration_in_minutes": request["ChatDurationInMinutes"],
        "participant_details": request["ParticipantDetails"],
        "initial_templated_system_message": request["InitialTemplatedSystemMessage"],
        "related_contact_id": request["RelatedContactId"],
        "supported_messaging_content_types": request["SupportedMessagingContentTypes"],
        "client_token": request["ClientToken"],
    }


def row_of(index: int) -> dict[str, Any]:
    """The same as a row of a batch, without what all rows share."""
    job = job_of(index)
    own = {option: value for option, value in job.items() if option not in SHARED}
    return own | {option: _without(job[option], SHARED[option]) for option in _BY_KEY}


def _without(values: Mapping[str, Any], shared: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in shared}


class Producer:
    """See `producer.Peer`."""

    job_of, row_of = staticmethod(job_of), staticmethod(row_of)

    def __init__(self) -> None:
        self._chat = OutboundChat.from_settings()

    def enqueue(self, job: dict[str, Any], *, urgent: bool) -> str:
        """Takes a job in."""
        priority = Priority.URGENT if urgent else Priority.NORMAL
        return self._chat.enqueue(sender=SENDER, priority=priority, **job).id

    def enqueue_other(self, job: dict[str, Any]) -> str:
        """Takes in a job of another tenant, of the batch's priority."""
        return self._chat.enqueue(sender=SENDER, priority=Priority.BULK, tenant="other", **job).id

    def enqueue_bulk(self, jobs: Sequence[dict[str, Any]]) -> str:
        """Takes a batch in that has what its rows share; the id of its last job."""
        receipt = self._chat.enqueue_batch(jobs, sender=SENDER, **SHARED)
        return f"{receipt.id}-{len(jobs)}"

    def enqueue_unshared(self, jobs: Sequence[dict[str, Any]]) -> str:
        """The same where each row has all options, and the batch none."""
        receipt = self._chat.enqueue_batch(jobs, sender=SENDER)
        return f"{receipt.id}-{len(jobs)}"

    def is_sent(self, job_id: str) -> bool:
        """Reads the status."""
        return self._chat.status(job_id).state is JobState.SENT

    def statuses(self, job_ids: Sequence[str]) -> None:
        """Reads them at once."""
        self._chat.statuses(job_ids)

    def wait(self, job_id: str, timeout: float) -> None:
        """Until it is final."""
        self._chat.wait(job_id, timeout)

    async def wait_for(self, job_ids: Sequence[str], timeout: float) -> None:  # noqa: ASYNC109  # the client's own
        """Until all are."""
        async with AsyncOutboundChat.from_settings() as chat:
            await asyncio.gather(*(chat.wait(job_id, timeout) for job_id in job_ids))
