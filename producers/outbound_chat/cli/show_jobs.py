"""Shows jobs: one as a record, several as a table."""

from collections.abc import Iterable

from rich.text import Text

from outbound_chat.cli.output import when
from outbound_chat.cli.tables import make_table, print_record, print_table, time_cell
from outbound_chat.model.contacts import WHY_UNKNOWN, ContactFact, Delivery, DeliveryState
from outbound_chat.model.jobs import Job, JobState, Webhook

COLOURS = {
    JobState.SENT: "green",
    JobState.FAILED: "red",
    JobState.EXPIRED: "red",
    JobState.UNCERTAIN: "yellow",
    JobState.CANCELLED: "magenta",
}


def print_jobs(jobs: Iterable[Job]) -> None:
    """Prints a table of jobs. A narrow terminal has no room for more than their states, codes and times."""
    lesser = ("replayed as", "replay of", "webhook", "message", "attempts", "contact", "time", "code", "delivery")
    table = make_table("job", "state", *reversed(lesser), numbers=("attempts",), folds={"message": 30}, extras=lesser)
    for job in jobs:
        error = job.error
        table.add_row(
            job.id,
            Text(job.state, style=COLOURS.get(job.state, "")),
            _delivery_cell(job),
            error.code if error else "",
            time_cell(job.finished_at or job.next_attempt_at),
            job.contact_id or "",
            f"{job.attempts:,}",
            error.message if error else "",
            webhook_words(job.webhook) if job.webhook else "",
            job.replay_of or "",
            job.replayed_by or "",
        )
    print_table(table)


def print_job(job: Job) -> None:
    """Prints one job as lines of a name and a value."""
    error = job.error
    print_record(
        [
            ("job", job.id),
            ("state", Text(job.state, style=COLOURS.get(job.state, ""))),
            ("contact", job.contact_id),
            ("chat", contact_words(job.contact) if job.contact else None),
            ("delivery", delivery_words(job.delivery) if job.state is JobState.SENT else None),
            ("error", ": ".join(filter(None, (error.code, error.message))) if error else None),
            ("finished" if job.final else "next attempt", _time_of(job)),
            ("attempts", f"{job.attempts:,}"),
            ("replay of", job.replay_of),
            ("replayed as", job.replayed_by),
            ("webhook", webhook_words(job.webhook) if job.webhook else None),
        ]
    )


def _delivery_cell(job: Job) -> str:
    if job.state is not JobState.SENT:
        return ""
    return f"{job.delivery.state} (carrier)" if job.delivery.basis == "carrier" else job.delivery.state


def _time_of(job: Job) -> str | None:
    instant = job.finished_at or job.next_attempt_at
    return when(instant) if instant else None


def contact_words(contact: ContactFact) -> str:
    """Describes a contact, such as `ended 2026-05-01 09:00:00 CEST: CUSTOMER_DISCONNECT`."""
    at = f" {when(contact.ended_at)}" if contact.ended_at else ""
    return ("open" if contact.open else "ended") + at + (f": {contact.reason}" if contact.reason else "")


def delivery_words(delivery: Delivery) -> str:
    """Describes a delivery, such as `undelivered 2026-05-01 09:00:00 CEST: spam (basis: context)`."""
    if delivery.state is DeliveryState.UNKNOWN:
        return f"unknown: {WHY_UNKNOWN}"
    at = f" {when(delivery.at)}" if delivery.at else ""
    code = f": {delivery.code}" if delivery.code else ""
    more = ", which accepted it and reports no more" if delivery.basis == "carrier" else ""
    more += ", contradicted by another receipt" if delivery.contradicted else ""
    return f"{delivery.state}{at}{code} (basis: {delivery.basis}{more})"


def webhook_words(webhook: Webhook) -> str:
    """Describes the state of a webhook, such as `delivered 2026-05-01 09:00:00 CEST`."""
    at = f" {when(webhook.at)}" if webhook.at else ""
    return f"{webhook.state}{at}" + (f": {webhook.code}" if webhook.code else "")
