"""outbound-chat itself, seen from its client; its settings are those of the rig."""

from collections.abc import Sequence

from benchmarks.peers.work import TEXT
from outbound_chat.client import OutboundChat
from outbound_chat.model.jobs import JobState, Priority

SENDER = "support"


class Producer:
    """See `producer.Peer`."""

    def __init__(self) -> None:
        self._chat = OutboundChat.from_settings()

    def enqueue(self, job: dict[str, str], *, urgent: bool) -> str:
        """Takes a job in."""
        priority = Priority.URGENT if urgent else Priority.NORMAL
        return self._chat.enqueue(sender=SENDER, to=job["to"], text=job["text"], priority=priority).id

    def enqueue_other(self, job: dict[str, str]) -> str:
        """Takes in a job of another tenant, of the batch's priority."""
        chat = self._chat
        return chat.enqueue(sender=SENDER, to=job["to"], text=job["text"], priority=Priority.BULK, tenant="other").id

    def enqueue_bulk(self, jobs: Sequence[dict[str, str]]) -> str:
        """Takes a batch in that shares its text; the id of its last job."""
        rows = ({"to": job["to"]} for job in jobs)
        receipt = self._chat.enqueue_batch(rows, sender=SENDER, text=TEXT)
        return f"{receipt.id}-{len(jobs)}"

    def is_sent(self, job_id: str) -> bool:
        """Reads the status."""
        return self._chat.status(job_id).state is JobState.SENT
