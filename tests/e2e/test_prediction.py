"""The end that a batch is said to have, against the one that its allowance gives it, with real workers."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from outbound_chat import Batch, JobState, OutboundChat
from tests.support.harness import Harness, number
from tests.support.waiting import wait_until

RATE, BURST, JOBS = 20.0, 20, 200
CLOSE = 0.1
"""Of the time that is left."""


def start(stack: Harness) -> OutboundChat:
    stack.configure(budgets={"main": {"rate": RATE, "burst": BURST}})
    for index in range(2):
        stack.start_worker("-n", f"w{index}@%h")
    chat = stack.chat()
    wait_until(lambda: len(chat.workers()) == 2, timeout=60, what="two workers")
    return chat


def enqueue(chat: OutboundChat, jobs: int, tenant: str) -> str:
    rows = ({"to": number(index)} for index in range(jobs))
    return chat.enqueue_batch(rows, sender="support", text="Hello", tenant=tenant).id


def ended_at(chat: OutboundChat, batch_id: str, jobs: int) -> datetime:
    found = chat.statuses([f"{batch_id}-{row}" for row in range(1, jobs + 1)]).values()
    return max(job.finished_at for job in found if job and job.finished_at)


@dataclass(frozen=True, slots=True)
class Seen:
    """A batch that was read between two instants: however slow the machine is, it was told for one of them."""

    batch: Batch
    before: datetime
    after: datetime

    def says(self, end: datetime | None, left: float) -> bool:
        """Whether `end` is so many seconds away, or closely so."""
        assert end
        about = timedelta(seconds=left)
        return self.before + about * (1 - CLOSE) <= end <= self.after + about * (1 + CLOSE)


def see(chat: OutboundChat, batch_id: str) -> Seen:
    before = datetime.now(UTC)
    batch = chat.batch(batch_id)
    return Seen(batch, before, datetime.now(UTC))


def half_way(chat: OutboundChat, batch_id: str) -> Seen:
    def look() -> Seen | None:
        seen = see(chat, batch_id)
        return seen if seen.batch.remaining <= seen.batch.accepted / 2 else None

    found = wait_until(look, timeout=60, what="half of the batch")
    assert found
    return found


@pytest.mark.parametrize("others", [0, 100])
def test_the_predicted_end_of_a_batch_is_that_of_the_allowance(stack: Harness, others: int) -> None:
    """An operator who promises an hour must not need a day; also where a second tenant takes turns."""
    chat = start(stack)
    other = enqueue(chat, others, "other") if others else ""
    before = datetime.now(UTC)
    flight = chat.preflight_batch(({"to": number(1)} for _ in range(JOBS)), sender="support", tenant="acme")
    batch_id = enqueue(chat, JOBS, "acme")
    at_first = see(chat, batch_id)
    middle = half_way(chat, batch_id)
    middle_of_other = chat.batch(other).remaining if other else 0
    end = chat.wait_batch(batch_id, timeout=90)
    ended = ended_at(chat, batch_id, JOBS)

    whole = (JOBS + others - BURST) / RATE
    assert replace(at_first, before=before).says(flight.ends_at, whole)
    assert at_first.says(at_first.batch.expected_end, whole)
    assert middle.says(middle.batch.expected_end, (middle.batch.remaining + middle_of_other) / RATE)
    # Workers that are held up end later than the allowance lets them, and none ends sooner.
    assert at_first.batch.expected_end
    assert ended >= at_first.batch.expected_end - timedelta(seconds=whole * CLOSE)
    assert at_first.batch.held_by == middle.batch.held_by == ""
    assert at_first.batch.rate == pytest.approx(RATE / (2 if others else 1))
    assert (end.rate, end.expected_end, end.counts[JobState.SENT]) == (0.0, None, JOBS)
    if other:
        chat.wait_batch(other)


def test_a_batch_that_is_slowed_down_by_something_else_goes_by_its_measured_rate(stack: Harness) -> None:
    """Slow answers and few calls at a time: the budget could give far more."""
    stack.configure(budgets={"main": {"rate": 1_000.0, "burst": 1_000}})
    stack.sandbox.configure(latency=timedelta(milliseconds=400))
    stack.start_worker()
    chat = stack.chat()
    rows = ({"to": number(index)} for index in range(120))
    batch_id = chat.enqueue_batch(rows, sender="support", text="Hello", concurrency=4).id
    middle = half_way(chat, batch_id)

    # Four calls in 0.4 s at the most, whatever the machine.
    assert 0 < middle.batch.rate < 20
    assert middle.says(middle.batch.expected_end, middle.batch.remaining / middle.batch.rate)
    chat.cancel_batch(batch_id)


def test_a_batch_that_is_held_has_no_end_and_says_why(stack: Harness) -> None:
    """A date that is wrong is worse than none."""
    chat = start(stack)
    batch_id = enqueue(chat, 100, "acme")
    chat.hold(batch=batch_id, reason="wrong text")
    batch = chat.batch(batch_id)

    assert (batch.rate, batch.expected_end) == (0.0, None)
    assert batch.held_by == "a person holds the batch: wrong text"
    assert "held, no end known: a person holds the batch: wrong text" in stack.run("status", batch_id).stdout
    chat.release(batch=batch_id)
    assert chat.wait_batch(batch_id, timeout=60).final
