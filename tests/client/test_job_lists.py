"""Many single jobs at once: each is accepted or refused as `enqueue` would do it, in few round trips."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis

from outbound_chat import AsyncOutboundChat
from outbound_chat.model.errors import IdempotencyConflict, InvalidJob, StoreUnavailable
from outbound_chat.model.jobs import Job, JobState
from outbound_chat.store import scripts
from tests.guards.counting import Commands
from tests.support.harness import Harness, number, sender

RAW = {
    "sender": "support",
    "DestinationEndpoint": {"Type": "TELEPHONE_NUMBER", "Address": "+12025550123"},
    "SegmentAttributes": {"connect:Subtype": {"ValueString": "connect:SMS"}},
    "InitialSystemMessage": {"ContentType": "text/plain", "Content": "Hello"},
}


@pytest.fixture
def server(stack: Harness) -> Any:
    """A look at the stack's server from outside."""
    return redis.Redis.from_url(stack.server.url, decode_responses=True)


def short(row: int, **more: Any) -> Any:
    """A job in its short form."""
    return {"sender": "support", "to": number(row), "text": "Hello", **more}


def ids(outcomes: list[Any]) -> list[str]:
    """Ids of the jobs; all were accepted."""
    assert all(isinstance(one, Job) for one in outcomes), outcomes
    return [one.id for one in outcomes]


def test_each_gets_what_it_would_get_alone(stack: Harness) -> None:
    """A job that is wrong, repeated or in conflict keeps none of the others back."""
    later = datetime.now(UTC) + timedelta(hours=1)
    with stack.chat() as chat:
        known = chat.enqueue(**short(1, idempotency_key="known"))
        mixed: Any = [
            short(2, tenant="shop", priority="urgent"),
            short(3, to="+12"),
            short(1, idempotency_key="known"),
            short(4, idempotency_key="known"),
            RAW,
            short(5, idempotency_key="new", send_at=later),
            short(5, idempotency_key="new", send_at=later),
            "no job",
            {**RAW, "text": "both forms"},
        ]
        found: list[Any] = chat.enqueue_many(mixed)
        assert [type(one) for one in found] == [
            Job,
            InvalidJob,
            Job,
            IdempotencyConflict,
            Job,
            Job,
            Job,
            InvalidJob,
            InvalidJob,
        ]
        assert (found[0].tenant, found[0].priority.name) == ("shop", "URGENT")
        assert found[1].errors[0].field == "to"
        assert (found[2].id, found[2].repeated) == (known.id, True)
        assert found[3].job_id == known.id
        assert (found[5].state, found[5].repeated, found[6].repeated) == (JobState.SCHEDULED, False, True)
        assert found[5].id == found[6].id
        assert found[7].errors[0].field == "job"
        # What was returned is what is stored.
        for job in (found[0], found[4], found[5]):
            assert chat.status(job.id) == job
        assert chat.budgets()[0].accepted == 4


def test_jobs_of_a_lane_go_in_one_script(stack: Harness, server: Any) -> None:
    """A round trip for each lane, however many jobs; any number of jobs is taken by the 500."""
    with stack.chat() as chat:
        chat.enqueue(**short(0))
        counted = Commands(server)
        two_lanes = [short(row, tenant=f"t{row % 2}") for row in range(400)]
        assert len(set(ids(chat.enqueue_many(two_lanes)))) == 400
        assert counted.scripts() == 2
        counted = Commands(server)
        assert len(set(ids(chat.enqueue_many(short(row) for row in range(2 * scripts.MOST_JOBS + 1))))) == 1_001
        assert counted.scripts() == 3
        # Those that were there before are read together as well.
        keyed = [short(row, idempotency_key=f"k{row}") for row in range(300)]
        first = ids(chat.enqueue_many(keyed))
        counted = Commands(server)
        assert ids(chat.enqueue_many(keyed)) == first
        assert counted.scripts() == 2


def test_jobs_of_a_lane_keep_their_order(stack: Harness, server: Any) -> None:
    with stack.chat() as chat:
        accepted = ids(chat.enqueue_many([short(row) for row in range(50)]))
    (lane,) = server.keys("oc:{main}:lane:*")
    assert [f"main.{member}" for member in server.zrange(lane, 0, -1)] == accepted


def test_long_jobs_go_in_several_scripts(stack: Harness, server: Any) -> None:
    """No script is given more than a megabyte."""
    attributes = {f"k{index}": "x" * 200 for index in range(100)}
    with stack.chat() as chat:
        chat.enqueue(**short(0))
        counted = Commands(server)
        ids(chat.enqueue_many([short(row, attributes=attributes) for row in range(100)]))
        assert 2 <= counted.scripts() <= 4


def test_quiet_hours_are_asked_for_once(stack: Harness, server: Any) -> None:
    quiet = sender(quiet_hours="00:00-23:59")
    stack.configure(senders={"support": quiet})
    with stack.chat() as chat:
        chat.enqueue(**short(0))
        counted = Commands(server)
        found: list[Any] = chat.enqueue_many([short(row) for row in range(100)])
        assert {one.state for one in found} <= {JobState.SCHEDULED, JobState.QUEUED}
        assert counted.scripts() == 2


def test_they_are_on_disk_when_that_was_asked_for(stack: Harness, server: Any) -> None:
    """One wait covers all of them: one each would take as many seconds as there are jobs."""
    with stack.chat() as chat:
        chat.enqueue(**short(0))
        counted = Commands(server)
        ids(chat.enqueue_many([short(row, durability="fsync") for row in range(50)]))
        assert counted.so_far()["waitaof"] == 2


def test_a_store_that_is_away_is_tried_once(stack: Harness) -> None:
    """Each job gets the error; a time-out for each lane would add up."""
    stack.configure(redis_url="redis://127.0.0.1:1/0", redis_timeout=1)
    with stack.chat() as chat:
        found = chat.enqueue_many([short(row, tenant=f"t{row}") for row in range(100)])
    assert {type(one) for one in found} == {StoreUnavailable}


def test_the_client_for_asyncio_does_the_same(stack: Harness) -> None:
    async def walk() -> list[Any]:
        async with AsyncOutboundChat.from_settings(stack.settings) as chat:

            async def jobs() -> Any:
                for row in range(3):
                    yield short(row)

            return [*await chat.enqueue_many(jobs()), *await chat.enqueue_many([short(3, to="")])]

    *accepted, refused = asyncio.run(walk())
    assert len(set(ids(accepted))) == 3
    assert isinstance(refused, InvalidJob)


def test_nothing_is_asked_for_an_empty_list(stack: Harness, server: Any) -> None:
    with stack.chat() as chat:
        chat.enqueue(**short(0))
        counted = Commands(server)
        assert chat.enqueue_many([]) == []
        assert counted.scripts() == 0


def test_a_name_that_is_no_text_refuses_its_job_alone(stack: Harness) -> None:
    """A reader of CSV files puts what is too much in a line under the name None."""
    job: Any = {None: ["x"], **short(2)}
    first, second, third = stack.chat().enqueue_many([short(1), job, short(3)])
    assert isinstance(second, InvalidJob)
    assert second.errors[0].code == "unknown_field"
    assert ids([first, third])
