"""What clients read page by page."""

import asyncio
import itertools
import threading

import fakeredis
import pytest

from outbound_chat import AsyncOutboundChat, InvalidJob, JobState, OutboundChat, UnknownBatch
from outbound_chat.store import AsyncStore
from tests.client.conftest import VALUES
from tests.support.harness import number


def _rows(count: int) -> list[dict[str, str]]:
    return [{"to": number(index) if index % 3 else "none"} for index in range(1, count + 1)]


def test_pages_give_every_job_of_a_batch_once_in_order(chat: OutboundChat) -> None:
    """An export must be whole."""
    receipt = chat.enqueue_batch(_rows(1_300), sender="support")
    ids: list[str] = []
    cursor = None
    while True:
        page = chat.batch_jobs(receipt.id, cursor=cursor, limit=400)
        ids += [job.id for job in page.jobs]
        cursor = page.cursor
        if cursor is None:
            break
    assert ids == [f"{receipt.id}-{row}" for row in range(1, 1_301) if row % 3]


def test_a_page_has_only_the_state_that_is_asked_for(chat: OutboundChat) -> None:
    receipt = chat.enqueue_batch(_rows(10), sender="support")
    chat.cancel(f"{receipt.id}-5")
    page = chat.batch_jobs(receipt.id, state="cancelled")
    assert ([job.id for job in page.jobs], page.cursor) == ([f"{receipt.id}-5"], None)
    assert len(chat.batch_jobs(receipt.id, state=JobState.QUEUED).jobs) == 6


@pytest.mark.parametrize("wrong", [{"state": "lost"}, {"cursor": "-1"}, {"cursor": "x"}, {"limit": 0}, {"limit": 501}])
def test_a_wrong_page_is_refused(chat: OutboundChat, wrong: dict[str, object]) -> None:
    receipt = chat.enqueue_batch(_rows(3), sender="support")
    with pytest.raises(InvalidJob) as refused:
        chat.batch_jobs(receipt.id, **wrong)  # type: ignore[arg-type]  # wrong by intention
    assert refused.value.errors[0].field == next(iter(wrong))


def test_an_unknown_batch_has_no_page(chat: OutboundChat) -> None:
    for id_ in ("nonsense", "main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR"):
        with pytest.raises(UnknownBatch):
            chat.batch_jobs(id_)


def test_a_suppression_list_is_read_in_pages(chat: OutboundChat) -> None:
    chat.suppress([number(index) for index in range(700)], sender="support")
    seen: set[str] = set()
    cursor = None
    while True:
        page = chat.suppressed_page(sender="support", cursor=cursor)
        assert page.total == 700
        seen |= {entry.number for entry in page.numbers}
        cursor = page.cursor
        if cursor is None:
            break
    assert len(seen) == 700


def test_budgets_are_listed_with_their_holds(chat: OutboundChat) -> None:
    chat.enqueue(sender="support", to=number(1))
    chat.hold(budget="main", reason="wrong text")
    (status,) = chat.budgets()
    assert (status.name, status.counts["waiting"], [hold.reason for hold in status.holds]) == (
        "main",
        1,
        ["wrong text"],
    )


def test_an_iterator_yields_what_all_pages_have(chat: OutboundChat) -> None:
    """Nobody should have to write a loop over cursors."""
    ids = [chat.enqueue_batch(_rows(2), sender="support", name=str(index)).id for index in range(120)]
    chat.cancel_batch(ids[5])
    assert {batch.id for batch in chat.each_batch()} == {*ids}
    assert {batch.id for batch in chat.each_batch(open=True)} == {*ids} - {ids[5]}
    assert list(chat.each_batch(sender="chat")) == []

    receipt = chat.enqueue_batch(_rows(1_300), sender="support")
    chat.cancel(f"{receipt.id}-5")
    assert [job.id for job in chat.each_batch_job(receipt.id)] == [
        f"{receipt.id}-{row}" for row in range(1, 1_301) if row % 3
    ]
    assert [job.id for job in chat.each_batch_job(receipt.id, "cancelled")] == [f"{receipt.id}-5"]
    with pytest.raises(UnknownBatch):
        next(chat.each_batch_job("nonsense"))


def test_events_are_yielded_to_the_last_one(chat: OutboundChat) -> None:
    ids = [chat.enqueue(sender="support", to=number(index)).id for index in range(1_203)]
    for id_ in ids:
        chat.cancel(id_)
    events = list(chat.each_event())
    assert [event.number for event in events] == [*range(1, 1_204)]
    assert [event.id for event in events] == ids
    assert [event.number for event in chat.each_event(since=1_201)] == [1_202, 1_203]
    assert list(chat.each_event(since=1_203)) == []
    with pytest.raises(InvalidJob, match="since"):
        next(chat.each_event(since=-1))


def test_events_that_are_followed_come_as_they_happen(chat: OutboundChat) -> None:
    following = chat.each_event(follow=True)
    for index in range(3):
        job = chat.cancel(chat.enqueue(sender="support", to=number(index)).id)
        assert (event := next(following)).id == job.id
        assert event.number == index + 1


def test_an_event_that_is_waited_for_is_yielded_once(chat: OutboundChat) -> None:
    jobs = [chat.enqueue(sender="support", to=number(index)) for index in range(2)]
    found: list[str] = []
    following = threading.Thread(
        target=lambda: found.extend(event.id for event in itertools.islice(chat.each_event(follow=True), 2))
    )
    following.start()
    for job in jobs:
        chat.cancel(job.id)
    following.join(60)
    assert found == [job.id for job in jobs]


def test_the_async_client_has_the_same_iterators() -> None:
    async def walk() -> None:
        async with fakeredis.FakeAsyncRedis(decode_responses=True) as redis:
            chat = AsyncOutboundChat(store=AsyncStore("redis://", client=redis), **VALUES)
            receipt = await chat.enqueue_batch(_rows(1_300), sender="support")
            assert [batch.id async for batch in chat.each_batch()] == [receipt.id]
            assert len([job async for job in chat.each_batch_job(receipt.id)]) == receipt.accepted
            await chat.cancel_batch(receipt.id)
            events = [event async for event in chat.each_event()]
            assert [event.number for event in events] == [*range(1, len(events) + 1)]
            assert len(events) >= receipt.accepted
            async for event in chat.each_event(follow=True, since=len(events) - 1):
                assert event == events[-1]
                break

    asyncio.run(walk())
