"""What callers see of a batch: its counts, the rate it goes at, and when it will end."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from outbound_chat.forecast import Pace, predict, rate_now
from outbound_chat.model.jobs import ACTIVE, FINAL, Batch, JobState
from outbound_chat.store.records import from_ms
from outbound_chat.store.scripts import RECORD_TEXTS, BatchRecord

SHORTEST_MS, LATEST_MS = 1_000, 20_000
"""A rate is measured over at least so long, and counts for so long after the last note of progress."""
SLOWER = 0.9
"""Under this part of its share, while the budget has calls to spare, something else limits a batch: its measured rate
is what it gets."""
FARTHEST_SECONDS = 100 * 365 * 86_400.0
"""A date can't hold every end."""
NO_WORKER = "no worker runs"


def batch_from_record(
    batch_id: str, record: BatchRecord, chat_duration: timedelta, held_by: str | None = None
) -> Batch:
    """The batch as it stands. `chat_duration`: of its sender's chats. `held_by`: of a record without a pace."""
    fields = record.fields
    numbers = {field: int(value or 0) for field, value in fields.items() if field not in RECORD_TEXTS}
    _, sender, tenant, _ = fields["lane"].split(":")
    counts = {
        JobState.SCHEDULED: record.scheduled,
        JobState.QUEUED: numbers["waiting"] - record.scheduled,
        JobState.SENDING: numbers["leased"],
        **{state: numbers[state.value] for state in JobState if state in FINAL},
    }
    waits, runs = numbers["waiting"] > 0, numbers["leased"] > 0
    measured = _measured(record.now_ms, numbers) if waits or runs else None
    if held_by is None:
        held_by = _held_by(record.pace) if waits else ""
    expected_end = None
    if waits and record.pace and not held_by:
        expected_end = _expected_end(record, record.pace, numbers["waiting"], measured, chat_duration)
    elif runs and not waits:
        # Its calls run: that of the last one ends any moment.
        expected_end = from_ms(record.now_ms)
    return Batch(
        id=batch_id,
        name=fields["name"],
        sender=sender,
        tenant=tenant or None,
        accepted=numbers["accepted"],
        rejected=numbers["rejected"],
        counts=counts,
        unreadable=numbers["unreadable"],
        created_at=from_ms(numbers["created_at"]),
        closed=numbers["closed_at"] > 0,
        final=numbers["closed_at"] > 0 and not any(counts[state] for state in ACTIVE),
        rate=0.0 if held_by else _rate(record.pace, measured),
        expected_end=expected_end,
        held_by=held_by,
    )


def _held_by(pace: Pace | None) -> str:
    if pace is None or not pace.workers:
        return pace.held_by if pace and pace.held_by else NO_WORKER
    return pace.held_by


def _measured(now_ms: int, numbers: Mapping[str, int]) -> float | None:
    """Calls a second that ended lately; None: too few to tell."""
    passed_ms = now_ms - numbers["mark_ms"]
    if not numbers["mark_ms"] or passed_ms < SHORTEST_MS or now_ms - numbers["last_ms"] > LATEST_MS:
        return None
    done = numbers["sent"] + numbers["failed"] + numbers["uncertain"]
    return max(0.0, (done - numbers["mark_done"]) * 1000 / passed_ms)


def _rate(pace: Pace | None, measured: float | None) -> float:
    if measured is not None:
        return measured
    due_now = pace is not None and any(jobs for seconds, jobs in pace.due if seconds <= 0)
    return rate_now(pace) if pace and due_now else 0.0


def _expected_end(
    record: BatchRecord, pace: Pace, waiting: int, measured: float | None, chat_duration: timedelta
) -> datetime | None:
    explained = pace.limited or pace.chats is not None or bool(pace.own.number)
    if not explained and measured and any(jobs for due, jobs in pace.due if due <= 0):
        share = rate_now(pace)
        if measured < share * SLOWER:
            pace = replace(pace, rate=pace.rate * measured / share, tokens=0.0)
    seconds = predict(pace, chat_seconds=chat_duration.total_seconds()).time_of(waiting)
    return from_ms(record.now_ms + min(seconds, FARTHEST_SECONDS) * 1000)
