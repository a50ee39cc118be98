"""Batches as callers read them, with counts, rate and expected end."""

from dataclasses import replace
from datetime import datetime, timedelta

from outbound_chat.client.steps.base import Steps, ask
from outbound_chat.client.steps.batch_keys import is_source
from outbound_chat.client.steps.context import Context
from outbound_chat.forecast import Pace, forecast, rate_now
from outbound_chat.model.batches import Batch
from outbound_chat.model.contacts import DeliveryState
from outbound_chat.model.errors import UnknownBatch
from outbound_chat.model.ids import split_id
from outbound_chat.model.jobs import ACTIVE, FINAL, JobState
from outbound_chat.model.times import from_ms
from outbound_chat.store import scripts
from outbound_chat.store.scripts import BatchRecord
from outbound_chat_config import DEFAULT_CHAT_DURATION, chat_duration

SHORTEST_MS, LATEST_MS = 1_000, 20_000
"""A rate is measured over at least the first duration, and is valid for the second after the last progress."""
SLOWER = 0.9
"""Below this part of its share, while the budget has calls to spare, something else limits a batch, and its measured
rate is used."""
FARTHEST_SECONDS = 100 * 365 * 86_400.0
"""The latest predicted end, since a date can't represent all later ones."""
NO_WORKER = "no worker runs"


def batch(context: Context, batch_id: str, *, with_pace: bool = True) -> Steps[Batch]:
    """Reads a batch. Without `with_pace` nothing is predicted, which only matters before its end."""
    found = yield from _read(context, batch_id, with_pace=with_pace)
    sender = context.settings.senders.get(found.lane.sender)
    lasts = chat_duration(sender) if sender else DEFAULT_CHAT_DURATION
    return batch_from_record(batch_id, found, lasts, found.pace.workers if found.pace else 0)


def is_file_of(context: Context, batch_id: str, content: str) -> Steps[bool | None]:
    """Returns whether all rows of the batch came from a file with this hash; None if that is not known."""
    found = yield from _read(context, batch_id, with_pace=False)
    if not found.source:
        return None
    return is_source(context.cipher, found.source, tenant=found.lane.tenant or None, name=found.name, content=content)


def _read(context: Context, batch_id: str, *, with_pace: bool) -> Steps[BatchRecord]:
    parts = split_id(batch_id)
    call = scripts.read_batch(context.keys(parts[0]), parts[1], with_pace=with_pace) if parts else None
    found = (yield from ask(call)) if call else None
    if found is None:
        raise UnknownBatch(batch_id)
    return found


def counts_of(record: BatchRecord) -> dict[JobState, int]:
    """Returns the jobs of a batch by state."""
    return {
        JobState.SCHEDULED: record.scheduled,
        JobState.QUEUED: record.waiting - record.scheduled,
        JobState.SENDING: record.leased,
        **{state: getattr(record, state.value) for state in JobState if state in FINAL},
    }


def batch_from_record(batch_id: str, record: BatchRecord, chat_duration: timedelta, workers: int) -> Batch:
    """Makes a batch from its record. `chat_duration`: that of its sender. `workers`: how many are alive."""
    counts = counts_of(record)
    waits, runs = record.waiting > 0, record.leased > 0
    measured = _measured(record) if waits or runs else None
    held_by = record.held_by or (NO_WORKER if waits and not workers else "")
    expected_end = None
    if waits and record.pace and not held_by:
        expected_end = _expected_end(record, record.pace, measured, chat_duration)
    elif runs and not waits and not held_by:
        # Only calls in flight are left, and the last of them ends at any moment.
        expected_end = from_ms(record.now_ms)
    return Batch(
        id=batch_id,
        name=record.name,
        sender=record.lane.sender,
        tenant=record.lane.tenant or None,
        accepted=record.accepted,
        rejected=record.rejected,
        counts=counts,
        unreadable=record.unreadable,
        created_at=from_ms(record.created_at),
        closed=record.closed_at > 0,
        final=record.closed_at > 0 and not any(counts[state] for state in ACTIVE),
        rate=0.0 if held_by else _rate(record.pace, measured),
        expected_end=expected_end,
        held_by=held_by,
        deliveries=deliveries_of(record),
    )


def deliveries_of(record: BatchRecord) -> dict[DeliveryState, int]:
    """Returns the sent jobs of a batch by what is known of their delivery."""
    found = {state: record.deliveries.get(state, 0) for state in DeliveryState}
    found[DeliveryState.UNKNOWN] = max(0, record.sent - sum(found.values()))
    return found


def _measured(record: BatchRecord) -> float | None:
    """Returns the calls per second that ended recently; None if they are too few to measure."""
    passed_ms = record.now_ms - record.mark_ms
    if not record.mark_ms or passed_ms < SHORTEST_MS or record.now_ms - record.last_ms > LATEST_MS:
        return None
    done = record.sent + record.failed + record.uncertain
    return max(0.0, (done - record.mark_done) * 1000 / passed_ms)


def _rate(pace: Pace | None, measured: float | None) -> float:
    if measured is not None:
        return measured
    due_now = pace is not None and any(jobs for seconds, jobs in pace.due if seconds <= 0)
    return rate_now(pace) if pace and due_now else 0.0


def _expected_end(record: BatchRecord, pace: Pace, measured: float | None, chat_duration: timedelta) -> datetime | None:
    explained = pace.limited or pace.chats is not None or bool(pace.own.number)
    if not explained and measured and any(jobs for due, jobs in pace.due if due <= 0):
        share = rate_now(pace)
        if measured < share * SLOWER:
            pace = replace(pace, rate=pace.rate * measured / share, tokens=0.0)
    seconds = forecast(pace, chat_seconds=chat_duration.total_seconds()).time_of(record.waiting)
    return from_ms(record.now_ms + min(seconds, FARTHEST_SECONDS) * 1000)
