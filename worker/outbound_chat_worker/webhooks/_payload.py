"""What a webhook says: the job or batch as `status --json` shows it. No number and no text: those are not in there."""

from datetime import datetime

from outbound_chat.jobs import Batch, Job
from outbound_chat.plain import to_plain_json


def payload(kind: str, at: datetime, of: Job | Batch) -> bytes:
    """The body. `kind`: such as `job.sent` or `batch.finished`. `at`: when that was."""
    return to_plain_json({"type": kind, "timestamp": at, "data": of})
