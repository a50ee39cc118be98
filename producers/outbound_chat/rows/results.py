"""What became of a job of a batch, as a row of a file of results."""

from outbound_chat.model.jobs import Job, JobState

RESULT_COLUMNS = (
    *("id", "row", "state", "code", "contact_id", "attempts", "created_at", "finished_at"),
    *("contact_ended_at", "contact_reason", "delivery", "delivery_basis", "delivery_code"),
)


def row_of(job: Job) -> int:
    """Returns the row of the job in its batch, from 1."""
    return int(job.id.rpartition("-")[2])


def values_of(job: Job) -> tuple[str | int | None, ...]:
    """Returns the values of `RESULT_COLUMNS`. Delivery is `unknown` for most of the jobs that were sent."""
    error, contact, known = job.error, job.contact, job.delivery
    values = (job.id, row_of(job), job.state.value, error.code if error else None, job.contact_id, job.attempts)
    moments = (job.created_at, job.finished_at, contact.ended_at if contact else None)
    times = (at.isoformat(timespec="milliseconds") if at else None for at in moments)
    delivery = (known.state.value, known.basis.value, known.code) if job.state is JobState.SENT else (None, None, None)
    return (*values, *times, contact.reason if contact else None, *delivery)
