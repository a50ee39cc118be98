"""Quiet hours as a producer meets them: the same for threads and asyncio."""

import asyncio
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import fakeredis
import pytest

from outbound_chat import AsyncOutboundChat, JobState, OutboundChat
from outbound_chat.store import AsyncStore, Store
from tests.support.harness import sender

LONDON = "+442079460100"
SENDERS = {"night": sender(quiet_hours="21:00-08:00")}


def in_london(hour: int) -> datetime:
    day = datetime.now(UTC).date() + timedelta(days=3)
    return datetime.combine(day, time(hour), ZoneInfo("Europe/London"))


@pytest.mark.parametrize(("asked", "goes"), [(3, 8), (8, 8), (20, 20)])
def test_a_job_for_a_time_in_quiet_hours_is_scheduled_for_their_end(asked: int, goes: int) -> None:
    """The caller learns it from the answer, without asking again."""
    with fakeredis.FakeRedis(decode_responses=True) as redis:
        chat = OutboundChat(store=Store("redis://", client=redis), senders=SENDERS)
        job = chat.enqueue(sender="night", to=LONDON, text="Hello", send_at=in_london(asked))

    assert (job.state, job.send_at, job.next_attempt_at) == (JobState.SCHEDULED, in_london(goes), in_london(goes))


def test_asyncio_keeps_quiet_hours_too() -> None:
    """Single jobs and rows."""

    async def enqueue() -> list[datetime | None]:
        async with fakeredis.FakeAsyncRedis(decode_responses=True) as redis:
            chat = AsyncOutboundChat(store=AsyncStore("redis://", client=redis), senders=SENDERS)
            job = await chat.enqueue(sender="night", to=LONDON, text="Hello", send_at=in_london(3))
            rows = [{"to": LONDON, "send_at": in_london(3)}]
            receipt = await chat.enqueue_batch(rows, sender="night", text="Hello")
            return [job.send_at, (await chat.status(f"{receipt.id}-1")).send_at]

    assert asyncio.run(enqueue()) == [in_london(8), in_london(8)]
