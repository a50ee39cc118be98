"""Checks contact events by what Redis knows of them: whether they come, and whether they find their jobs."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from outbound_chat.model.contact_events import ContactEventStatus, Outcome
from outbound_chat.model.diagnostics import Check, Level
from outbound_chat.model.durations import length_of
from outbound_chat.model.words import number_of
from outbound_chat_config import Settings

HOW_TO = "docs/howto/contact-events.md"
SILENCE = timedelta(hours=1)
"""How long no event may come of an instance with open chats."""


def contact_event_checks(settings: Settings, status: ContactEventStatus) -> Iterator[Check]:
    """Checks the contact events of one budget."""
    subject = f"contact events of {status.budget}"
    if not any(status.last_events.values()) and settings.contact_events is None:
        senders = [sender for sender in settings.senders.values() if sender.budget == status.budget]
        if any(sender.max_open_chats and not sender.endpoint_url for sender in senders):
            finding = "max_open_chats is set, but none came: each chat counts as open for its whole duration"
            yield Check(subject, Level.WARNING, finding, f"tell workers when chats end: {HOW_TO}")
        return
    if not status.records_contacts:
        finding = "calls are not recorded with their contacts, so events find no jobs"
        yield Check(subject, Level.WARNING, finding, "add [contact_events] to the settings, and restart the workers")
    yield _matched(subject, status)
    for instance, last in status.last_events.items():
        yield _last(f"contact events of {instance}", last, status.open_chats[instance])


def _last(subject: str, last: datetime | None, is_open: int) -> Check:
    """Reports the last event of an instance."""
    age = datetime.now(UTC) - last if last else None
    finding = f"the last one came {length_of(age)} ago" if age is not None else "none ever came"
    if is_open and (age is None or age > SILENCE):
        advice = f"check the EventBridge rule, its target, and the queue or route that it fills: {HOW_TO}"
        return Check(
            subject, Level.WARNING, f"{finding}, though {number_of(is_open, 'chat is', 'chats are')} open", advice
        )
    return Check(subject, Level.OK, finding)


def _matched(subject: str, status: ContactEventStatus) -> Check:
    """Reports how many events found their job, and by what."""
    # Events that start a contact are about a job too, but none is looked for, so outcomes don't count those found.
    found = sum(status.matched.values())
    about_jobs = found + status.outcomes[Outcome.UNMATCHED] + status.outcomes[Outcome.LATE]
    bases = ", ".join(f"{basis} {number:,}" for basis, number in sorted(status.matched.items()))
    if not about_jobs:
        return Check(subject, Level.OK, "none of them was about a job yet")
    share = f"{found / about_jobs:.0%} of {about_jobs:,} that name a contact or job found the job"
    return Check(subject, Level.OK, f"{share} ({bases})" if bases else share)
