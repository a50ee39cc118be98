"""Jobs go when they should, not a millisecond early, and say so beforehand; the clock is moved by the test."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from outbound_chat import JobState
from tests.support.harness import number, running_harness

from .night import DAY, Night

NOON = DAY + timedelta(hours=12)
MS = timedelta(milliseconds=1)


@pytest.fixture
def clocked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Night]:
    """A worker and a client by a clock that stands at noon."""
    with running_harness(tmp_path) as stack:
        for name, value in stack.environment.items():
            monkeypatch.setenv(name, value)
        night = Night(stack)
        night.store.now = NOON
        yield night
        assert stack.counts_add_up()


A_YEAR_AHEAD = datetime.now(UTC).replace(microsecond=0) + timedelta(days=364)
"""By this machine's clock, which says how far ahead a job may be scheduled."""


@pytest.mark.parametrize("goes_at", [NOON + timedelta(minutes=1), A_YEAR_AHEAD], ids=["a minute", "a year"])
def test_a_scheduled_job_goes_at_its_time(clocked: Night, goes_at: datetime) -> None:
    """Nothing of it is held in the memory of a worker, which may be started anew a hundred times until then."""
    job = clocked.chat.enqueue(sender="awake", to=number(1), text="Hello", send_at=goes_at)
    assert (job.state, job.send_at, job.next_attempt_at) == (JobState.SCHEDULED, goes_at, goes_at)
    assert clocked.chat.why(job.id).until == goes_at

    assert clocked.work(goes_at - MS) == 0
    assert clocked.chat.status(job.id).state is JobState.SCHEDULED
    assert clocked.work(goes_at) == 1
    assert clocked.chat.status(job.id).state is JobState.SENT


def test_a_job_that_is_paced_expires_at_its_time(clocked: Night) -> None:
    """The allowance of an hour is used up, and its message is worth nothing later."""
    clocked.stack.configure(
        budgets={"main": {"rate": 0.001, "burst": 1}},
        senders=clocked.stack.values["senders"],
        worker=clocked.stack.values["worker"],
    )
    clocked.runtime.settings = clocked.stack.settings
    clocked.runtime.configure("main")
    first = clocked.chat.enqueue(sender="awake", to=number(1), text="Hello")
    ends_at = NOON + timedelta(minutes=2)
    paced = clocked.chat.enqueue(sender="awake", to=number(2), text="Hello", expires_at=ends_at)
    assert clocked.work(NOON) == 1
    assert clocked.chat.status(first.id).state is JobState.SENT
    why = clocked.chat.why(paced.id)
    assert "expire" in f"{why.explanation} {why.then}"

    assert clocked.work(ends_at - MS) == 1
    assert clocked.chat.status(paced.id).state is JobState.QUEUED
    assert clocked.work(ends_at) == 1
    assert clocked.chat.status(paced.id).state is JobState.EXPIRED


@pytest.mark.parametrize("scope", [{"budget": "main"}, {"sender": "awake"}])
def test_a_job_that_is_held_expires_at_its_time(clocked: Night, scope: dict[str, str]) -> None:
    """Whoever releases it on Friday must not send Monday's news."""
    ends_at = NOON + timedelta(minutes=2)
    job = clocked.chat.enqueue(sender="awake", to=number(1), text="Hello", expires_at=ends_at)
    clocked.chat.hold(reason="look at it", **scope)
    assert clocked.work(ends_at - MS) == 0
    assert clocked.chat.status(job.id).state is JobState.QUEUED
    assert clocked.work(ends_at) == 0
    assert clocked.chat.status(job.id).state is JobState.EXPIRED

    clocked.chat.release(**scope)
    assert clocked.work(ends_at + timedelta(hours=1)) == 0


def test_a_job_without_an_end_of_its_own_expires_by_its_senders_max_age(clocked: Night) -> None:
    """A backlog from Friday does not text on Tuesday."""
    job = clocked.chat.enqueue(sender="awake", to=number(1), text="Hello")
    clocked.chat.hold(reason="look at it", sender="awake")
    assert job.expires_at == NOON + timedelta(days=3)
    clocked.work(job.expires_at - MS)
    assert clocked.chat.status(job.id).state is JobState.QUEUED
    clocked.work(job.expires_at)
    assert clocked.chat.status(job.id).state is JobState.EXPIRED
