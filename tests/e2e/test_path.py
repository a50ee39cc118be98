"""The whole path with real processes: enqueue, Celery worker, boto3 over HTTP, result."""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from outbound_chat import AsyncOutboundChat, JobState
from tests.support.harness import Harness, number
from tests.support.waiting import wait_until


def test_a_job_enqueued_before_any_worker_runs_is_sent_once_one_does(stack: Harness) -> None:
    """The first thing a newcomer tries: nothing may depend on who starts first."""
    chat = stack.chat()
    job = chat.enqueue(sender="support", to=number(1), text="Your parcel arrives today", attributes={"order": "42"})
    assert job.state is JobState.QUEUED
    stack.start_worker()

    sent = chat.wait(job.id, timeout=60)

    contact = next(iter(stack.sandbox.contacts()))
    assert (sent.state, sent.attempts, sent.contact_id) == (JobState.SENT, 1, contact.contact_id)
    assert contact.destination == number(1)
    assert contact.token == job.id
    assert contact.body["Attributes"] == {"order": "42"}


def test_wait_returns_by_notification_while_the_job_is_sent(stack: Harness) -> None:
    """Callers wait in the thousands: none of them polls."""
    stack.start_worker()
    chat = stack.chat()
    jobs = [chat.enqueue(sender="support", to=number(index), text="Hello") for index in range(20)]

    assert {chat.wait(job.id, timeout=60).state for job in jobs} == {JobState.SENT}


def test_the_async_client_walks_the_same_path(stack: Harness) -> None:
    """A FastAPI view must not block its loop, and must get the same answers."""
    stack.start_worker()

    async def walk() -> None:
        async with AsyncOutboundChat.from_settings(stack.settings) as chat:
            job = await chat.enqueue(sender="chat", to=number(1), text="Hello on WhatsApp")
            sent = await chat.wait(job.id, timeout=60)
            assert sent.state is JobState.SENT

            async def rows() -> AsyncIterator[dict[str, str]]:
                for index in range(30):
                    yield {"to": number(index + 10)}

            receipt = await chat.enqueue_batch(rows(), sender="support", text="Hello")
            batch = await chat.wait_batch(receipt.id, timeout=60)
            assert (batch.final, batch.counts[JobState.SENT]) == (True, 30)
            assert (await chat.batch(receipt.id)).accepted == receipt.accepted == 30

    asyncio.run(walk())


@pytest.mark.parametrize(
    ("stop", "code", "total"),
    # Celery ends with 1 after Ctrl-C, by design; it is a warm shutdown all the same.
    [(signal.SIGTERM, 0, 5_000), (signal.SIGINT, 1, 1_000)],
    ids=["SIGTERM", "SIGINT"],
)
def test_jobs_survive_workers_that_are_stopped_and_replaced(
    stack: Harness, stop: signal.Signals, code: int, total: int
) -> None:
    """Deployments stop workers in the middle of campaigns: nobody may be left out or texted twice."""
    stack.sandbox.configure(latency=timedelta(milliseconds=20))
    chat = stack.chat()
    receipt = chat.enqueue_batch(({"to": number(index)} for index in range(total)), sender="support", text="Hello")
    assert receipt.accepted == total
    first = [stack.start_worker("-n", f"first-{index}@%h") for index in range(2)]
    wait_until(lambda: stack.sandbox.stats().accepted > total // 10, timeout=60, what="a tenth sent")
    for worker in first:
        worker.send_signal(stop)
    assert [worker.wait(40) for worker in first] == [code, code]
    stopped_at = chat.batch(receipt.id)
    assert 0 < stopped_at.counts[JobState.SENT] < total
    assert stopped_at.counts[JobState.SENDING] == 0
    for index in range(2):
        stack.start_worker("-n", f"second-{index}@%h")

    batch = chat.wait_batch(receipt.id, timeout=120)

    assert batch.counts[JobState.SENT] == total
    times_texted = Counter(contact.destination for contact in stack.sandbox.contacts())
    assert len(times_texted) == total
    assert set(times_texted.values()) == {1}
    assert stack.sandbox.stats().repeated == 0


def test_a_job_scheduled_ahead_is_not_sent_early_and_goes_by_itself(stack: Harness) -> None:
    """`send_at` is held in Redis alone; the waker must bring a pump when the time comes."""
    stack.start_worker()
    chat = stack.chat()
    send_at = datetime.now(UTC) + timedelta(seconds=3)
    tomorrow = chat.enqueue(sender="support", to=number(2), text="Later", send_at=send_at + timedelta(days=1))
    assert tomorrow.state is JobState.SCHEDULED
    job = chat.enqueue(sender="support", to=number(1), text="Soon", send_at=send_at)

    sent = chat.wait(job.id, timeout=60)

    (contact,) = stack.sandbox.contacts()
    assert sent.state is JobState.SENT
    assert contact.destination == number(1)
    assert contact.started_at >= send_at
    assert chat.status(tomorrow.id).state is JobState.SCHEDULED


def test_a_cancelled_job_is_never_called(stack: Harness) -> None:
    """The abort button must work up to the moment of the claim."""
    chat = stack.chat()
    kept = chat.enqueue(sender="support", to=number(1), text="Hello")
    dropped = chat.enqueue(sender="support", to=number(2), text="Hello")
    assert chat.cancel(dropped.id).state is JobState.CANCELLED
    stack.start_worker()

    assert chat.wait(kept.id, timeout=60).state is JobState.SENT
    assert [contact.destination for contact in stack.sandbox.contacts()] == [number(1)]
    assert chat.status(dropped.id).state is JobState.CANCELLED


def test_jobs_that_are_throttled_again_and_again_do_not_starve_the_others(stack: Harness) -> None:
    """Each throttle empties the budget: without growing waits four such jobs would take every call."""
    stack.configure(budgets={"main": {"rate": 5.0, "burst": 5}}, retry={})
    stack.start_worker()
    chat = stack.chat()
    for _ in range(4):
        chat.enqueue(sender="support", to="+12025550142", text="Hello", priority="urgent")
    wait_until(lambda: stack.sandbox.stats().throttled > 4, timeout=60, what="throttled calls")
    receipt = chat.enqueue_batch([{"to": number(index)} for index in range(10)], sender="support", text="Hello")

    assert chat.wait_batch(receipt.id, timeout=60).counts[JobState.SENT] == 10


def test_a_call_that_hangs_does_not_stop_the_others(stack: Harness) -> None:
    """A pump whose time is over waits for its last call, for up to read_timeout: another must go on meanwhile."""
    stack.configure(
        worker={"slice": 0.5, "threads": 4, "read_timeout": 60, "lease": 90},
        budgets={"main": {"rate": 20.0, "burst": 20}},
    )
    stack.start_worker()
    chat = stack.chat()
    hanging = chat.enqueue(sender="support", to="+12025550154", text="Hello", priority="urgent")
    wait_until(lambda: chat.status(hanging.id).state is JobState.SENDING, timeout=60, what="the call that hangs")
    receipt = chat.enqueue_batch([{"to": number(index)} for index in range(60)], sender="support", text="Hello")

    assert chat.wait_batch(receipt.id, timeout=50).counts[JobState.SENT] == 60
    assert chat.status(hanging.id).state is JobState.SENDING
    stack.kill(stack.workers[0])
