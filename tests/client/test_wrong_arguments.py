"""Arguments of a wrong kind are errors of the program: one clear error names the argument, and nothing is stored."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import fakeredis
import pytest

from outbound_chat import AsyncOutboundChat, OutboundChat
from outbound_chat.store import AsyncStore
from outbound_chat.testing import InMemoryOutboundChat
from tests.client.conftest import VALUES
from tests.support.harness import number

JOB: dict[str, Any] = {"sender": "support", "to": number(1), "text": "Hello"}
NO_ROWS = ["notrows", b"rows", bytearray(b"rows"), {"to": number(1)}, 7, None, OutboundChat]
NO_TEXTS = ["main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR", number(1), b"x", 7, None, 1.5]
TAKING_ROWS = {"enqueue_batch": "rows", "preflight_batch": "rows", "enqueue_many": "jobs"}
TAKING_TEXTS = {
    "statuses": "job_ids",
    "cancel_jobs": "job_ids",
    "replay_webhooks": "ids",
    "suppress": "numbers",
    "unsuppress": "numbers",
    "suppressed": "numbers",
}
SENDER = {"enqueue_batch", "preflight_batch", "suppress", "unsuppress", "suppressed"}
CASES = [
    (method, argument, wrong)
    for taking, wrongs in ((TAKING_ROWS, NO_ROWS), (TAKING_TEXTS, NO_TEXTS))
    for method, argument in taking.items()
    for wrong in wrongs
    if not (method == "suppressed" and wrong is None)  # which means the whole list
]


def _given(method: str) -> dict[str, str]:
    return {"sender": "support"} if method in SENDER else {}


@pytest.mark.parametrize(("method", "argument", "wrong"), CASES)
def test_one_thing_in_place_of_many_is_refused(
    chat: OutboundChat, redis: fakeredis.FakeRedis, method: str, argument: str, wrong: Any
) -> None:
    """A text would be read as one row for each character."""
    with pytest.raises(TypeError, match=rf"^{argument} must be a list or another iterable, not \w+; put one into a"):
        getattr(chat, method)(wrong, **_given(method))
    assert redis.keys("oc:{main}:*") == []


def test_the_async_client_refuses_the_same() -> None:
    async def walk() -> None:
        async with fakeredis.FakeAsyncRedis(decode_responses=True) as redis:
            chat = AsyncOutboundChat(store=AsyncStore("redis://", client=redis), **VALUES)
            for method, argument, wrong in CASES:
                ask = getattr(chat, method)
                with pytest.raises(TypeError, match=f"^{argument} must be a list"):
                    await ask(wrong, **_given(method))
            assert await redis.keys("oc:{main}:*") == []

    asyncio.run(walk())


ONE_ID = ("status", "wait", "why", "cancel", "replay", "batch", "wait_batch", "batch_jobs")
NO_ID = r"^an id must be a string, such as job\.id, not Job$"
NO_SECONDS = "^timeout must be a number of seconds, not (timedelta|str|NoneType|bool)$"
TIMEOUTS: list[Any] = [timedelta(seconds=3), "3", None, True]


def test_a_job_in_place_of_its_id_is_refused(chat: OutboundChat) -> None:
    """`status(job)` is the slip that is made most."""
    job: Any = chat.enqueue(**JOB)
    for method in ONE_ID:
        with pytest.raises(TypeError, match=NO_ID):
            getattr(chat, method)(job)
    for method in ("statuses", "cancel_jobs"):
        with pytest.raises(TypeError, match=NO_ID):
            getattr(chat, method)([job])
    assert chat.status(job.id).state == "queued"


def test_a_timeout_that_is_no_number_is_refused(chat: OutboundChat) -> None:
    job = chat.enqueue(**JOB)
    for ask in (chat.wait, chat.wait_batch):
        for timeout in TIMEOUTS:
            with pytest.raises(TypeError, match=NO_SECONDS):
                ask(job.id, timeout=timeout)
            with pytest.raises(TypeError, match=r"^wait must be a number of seconds, not "):
                chat.events(wait=timeout)


def test_the_async_client_refuses_ids_and_timeouts_too(chat: InMemoryOutboundChat) -> None:
    async def walk(*, in_memory: bool) -> None:
        async with fakeredis.FakeAsyncRedis(decode_responses=True) as redis:
            own = AsyncOutboundChat(store=AsyncStore("redis://", client=redis), **VALUES)
            client = chat.asynchronous() if in_memory else own
            job: Any = await client.enqueue(**JOB)
            for method in ONE_ID:
                with pytest.raises(TypeError, match=NO_ID):
                    await getattr(client, method)(job)
            for ask in (client.wait, client.wait_batch):
                for timeout in TIMEOUTS:
                    with pytest.raises(TypeError, match=NO_SECONDS):
                        await ask(job.id, timeout=timeout)

    asyncio.run(walk(in_memory=False))
    asyncio.run(walk(in_memory=True))


def test_anything_that_can_be_iterated_is_taken(chat: OutboundChat) -> None:
    jobs: Any
    for jobs in ([JOB], (JOB,), iter([JOB]), {1: JOB}.values(), (job for job in [JOB])):
        (job,) = chat.enqueue_many(jobs)
        assert not isinstance(job, Exception)
        ids: Any
        for ids in ([job.id], {job.id}, {job.id: 1}, iter([job.id])):
            assert chat.statuses(ids).keys() == {job.id}


def test_asynchronous_iterables_are_taken_by_the_async_client() -> None:
    async def rows() -> AsyncIterator[dict[str, Any]]:
        yield {"to": number(1)}

    async def walk() -> int:
        async with fakeredis.FakeAsyncRedis(decode_responses=True) as redis:
            chat = AsyncOutboundChat(store=AsyncStore("redis://", client=redis), **VALUES)
            return (await chat.enqueue_batch(rows(), sender="support")).accepted

    assert asyncio.run(walk()) == 1


def test_a_row_that_is_none_is_rejected_and_loses_no_other(chat: OutboundChat) -> None:
    """Rows are data: one that is broken must not stop the 9,999 beside it."""
    rows: list[Any] = [{"to": number(1)}, "x", None, {"to": number(2)}]
    receipt = chat.enqueue_batch(rows, sender="support", text="Hello")
    assert (receipt.accepted, [one.row for one in receipt.rejections]) == (2, [2, 3])
    assert {error.code for one in receipt.rejections for error in one.errors} == {"wrong_type"}
