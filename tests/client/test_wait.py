"""Waiting, on a real server: by notification, and right when one is lost."""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from outbound_chat import (
    AsyncOutboundChat,
    Batch,
    DeliveryState,
    Job,
    JobState,
    OutboundChat,
    StoreUnavailable,
    WaitReason,
    WaitTimeout,
)
from outbound_chat.model.contact_events import Change
from outbound_chat.model.ids import new_local_id
from outbound_chat.store import ScriptCall, Store, scripts
from outbound_chat.store.scripts import Claimed, Outcome, Result
from outbound_chat_worker.local.embedded import EmbeddedServer, embedded_server
from tests.client.conftest import VALUES
from tests.support.harness import number
from tests.support.waiting import wait_until

REREAD_SECONDS = 2.0
HOUR_MS = 3_600_000
PATIENCE = 600.0
"""Bites on failure only."""
PATIENT: dict[str, Any] = {**VALUES, "redis_timeout": 60}
"""What a busy machine may need for a call, hundreds of others being under way."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedServer]:
    with embedded_server(tmp_path / "valkey") as running:
        yield running


@pytest.fixture
def store(server: EmbeddedServer) -> Iterator[Store]:
    with Store(server.url, seconds=PATIENCE) as own:
        keys = own.keys("main")
        limits: dict[str, Any] = {"rate": 1000, "burst": 1000, "max_pumps": 1, "senders": {}, "weights": {}}
        own.run(scripts.configure(keys, version="v", keep_ms=HOUR_MS, keep_requests_ms=HOUR_MS, **limits))
        yield own


@pytest.fixture
def chat(server: EmbeddedServer) -> Iterator[OutboundChat]:
    with OutboundChat(redis_url=server.url, **PATIENT) as client:
        yield client


def _send_all(store: Store) -> None:
    """What a worker does, without one."""
    keys = store.keys("main")
    id_ = new_local_id()
    claim = scripts.claim(keys, pump="p", claim_id=id_, wanted=500, lease_ms=HOUR_MS, linger_ms=0, nonce="")
    claimed = store.run(claim)
    assert isinstance(claimed, Claimed)
    results = [
        Result(local_id=job.local_id, claim=id_, outcome=Outcome.SENT, contact_id=f"contact-{job.local_id}")
        for job in claimed.jobs
    ]
    store.run(scripts.finish(keys, results))


def _cut(store: Store) -> None:
    with store.redis.pipeline(transaction=True) as together:
        together.client_kill_filter(_type="pubsub")
        together.execute()


def _channel(store: Store, id_: str) -> str:
    return store.keys("main").done(id_.partition(".")[2])


def _subscribers(store: Store, id_: str) -> int:
    return int(store.redis.pubsub_numsub(_channel(store, id_))[0][1])


def _listeners(store: Store) -> int:
    return sum(client["sub"] != "0" for client in store.redis.client_list())


async def _standing(store: Store, jobs: list[Job]) -> None:
    channels = [_channel(store, job.id) for job in jobs]
    everybody = lambda: all(count for _, count in store.redis.pubsub_numsub(*channels))  # noqa: E731  # one use
    await asyncio.to_thread(wait_until, everybody, timeout=PATIENCE, what="all subscriptions")


def _script_calls(store: Store) -> int:
    statistics = store.redis.info("commandstats")
    return sum(statistics.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in ("eval", "evalsha", "fcall"))


def test_waiting_reads_the_record_a_few_times_and_not_in_a_loop(store: Store, chat: OutboundChat) -> None:
    """1,000 waiting callers must cost the server nothing."""
    chat.status(chat.enqueue(sender="support", to=number(1)).id)
    _send_all(store)  # from here on the server knows the scripts
    job = chat.enqueue(sender="support", to=number(1))
    before, began = _script_calls(store), time.monotonic()
    ends: list[Job] = []
    waiter = threading.Thread(target=lambda: ends.append(chat.wait(job.id, timeout=PATIENCE)))
    waiter.start()
    wait_until(lambda: _subscribers(store, job.id) == 1, what="the waiter's subscription")
    _send_all(store)
    waiter.join(PATIENCE)

    rereads = (time.monotonic() - began) / REREAD_SECONDS
    of_the_worker, of_the_waiter = 2, 3
    assert ends[0].state is JobState.SENT
    assert _script_calls(store) - before <= of_the_worker + of_the_waiter + rereads
    assert _subscribers(store, job.id) == 0


def test_a_lost_notification_delays_and_does_not_hang(store: Store, chat: OutboundChat) -> None:
    """Redis forgets what it publishes: the record alone is the truth."""
    job = chat.enqueue(sender="support", to=number(1))
    ends: list[Job] = []
    waiter = threading.Thread(target=lambda: ends.append(chat.wait(job.id, timeout=PATIENCE)))
    waiter.start()
    wait_until(lambda: _subscribers(store, job.id) == 1, what="the waiter's subscription")
    _cut(store)
    _send_all(store)
    waiter.join(PATIENCE)

    assert ends[0].state is JobState.SENT


def test_a_wait_that_is_too_short_says_so_and_changes_nothing(store: Store, chat: OutboundChat) -> None:
    """The job goes on; the caller may ask again."""
    job = chat.enqueue(sender="support", to=number(1))

    with pytest.raises(WaitTimeout, match="wait again"):
        chat.wait(job.id, timeout=0.05)
    assert chat.status(job.id).state is JobState.QUEUED
    assert _subscribers(store, job.id) == 0


@pytest.mark.usefixtures("store")
def test_a_wait_that_is_too_short_says_why(chat: OutboundChat, server: EmbeddedServer) -> None:
    """A line in a log must tell the cause; nobody asks `why` at that moment."""
    job = chat.enqueue(sender="support", to=number(1))
    batch = chat.enqueue_batch([{"to": number(index)} for index in range(3)], sender="support")

    async def wait(*, of_batch: bool) -> None:
        async with AsyncOutboundChat(redis_url=server.url, **PATIENT) as client:
            await (client.wait_batch(batch.id, timeout=0) if of_batch else client.wait(job.id, timeout=0))

    for waits in (lambda: chat.wait(job.id, timeout=0), lambda: asyncio.run(wait(of_batch=False))):
        with pytest.raises(WaitTimeout, match="is not final yet: No worker runs for the budget main") as error:
            waits()
        assert error.value.why
        assert (error.value.id, error.value.why.reason) == (job.id, WaitReason.NO_WORKER)
        assert error.value.why.job == job
        assert error.value.explanation == error.value.why.explanation
    for waits in (lambda: chat.wait_batch(batch.id, timeout=0), lambda: asyncio.run(wait(of_batch=True))):  # type: ignore[assignment]  # others
        with pytest.raises(WaitTimeout, match=r"3 of its 3 jobs wait. The next of them: No worker runs") as error:
            waits()
        assert error.value.why
        assert error.value.why.job.id == f"{batch.id}-1"


class _Seam(Store):
    """Lets the test do something before the reason is read."""

    before: Callable[[], None]

    def run(self, call: ScriptCall[Any]) -> Any:
        if call.script == "why":
            self.before()
        return super().run(call)


@pytest.fixture
def seam(server: EmbeddedServer) -> Iterator[tuple[_Seam, OutboundChat]]:
    with _Seam(server.url, seconds=1.0) as own, OutboundChat(store=own, **VALUES) as client:
        yield own, client


def test_what_ends_while_its_reason_is_read_is_returned(store: Store, seam: tuple[_Seam, OutboundChat]) -> None:
    """ "Not final yet: done" would help nobody."""
    own, chat = seam
    job = chat.enqueue(sender="support", to=number(1))
    batch = chat.enqueue_batch([{"to": number(2)}], sender="support")
    own.before = lambda: _send_all(store)

    assert chat.wait_batch(batch.id, timeout=0).final
    assert chat.wait(job.id, timeout=0).state is JobState.SENT


@pytest.mark.usefixtures("store")
def test_a_reason_that_redis_does_not_give_changes_nothing(
    server: EmbeddedServer, seam: tuple[_Seam, OutboundChat]
) -> None:
    """The time is over all the same, and a hanging Redis adds `redis_timeout` at most."""
    own, chat = seam
    job = chat.enqueue(sender="support", to=number(1))
    batch = chat.enqueue_batch([{"to": number(2)}], sender="support")
    own.before = lambda: os.kill(server.process.pid, signal.SIGSTOP)
    for waits, id_ in ((chat.wait, job.id), (chat.wait_batch, batch.id)):
        try:
            with pytest.raises(WaitTimeout) as error:
                waits(id_, 0.0)
        finally:
            os.kill(server.process.pid, signal.SIGCONT)
        assert (error.value.why, error.value.explanation) == (None, "")
        assert str(error.value) == f"{id_} is not final yet; it continues, wait again with the same id"


def test_a_batch_is_waited_for_until_its_last_job(store: Store, chat: OutboundChat) -> None:
    """Scripts go on when everybody has been texted."""
    receipt = chat.enqueue_batch([{"to": number(index)} for index in range(3)], sender="support")
    ends: list[Batch] = []
    waiter = threading.Thread(target=lambda: ends.append(chat.wait_batch(receipt.id, timeout=PATIENCE)))
    waiter.start()
    wait_until(lambda: _subscribers(store, receipt.id) == 1, what="the waiter's subscription")
    _send_all(store)
    waiter.join(PATIENCE)

    assert (ends[0].final, ends[0].counts[JobState.SENT], ends[0].remaining) == (True, 3, 0)


def test_hundreds_wait_at_once_on_one_client(server: EmbeddedServer, store: Store) -> None:
    """A web service has one client and many requests."""

    async def walk() -> list[Job]:
        async with AsyncOutboundChat(redis_url=server.url, **PATIENT) as chat:
            jobs = [await chat.enqueue(sender="support", to=number(index)) for index in range(200)]
            waiting = [asyncio.create_task(chat.wait(job.id, timeout=PATIENCE)) for job in jobs]
            await _standing(store, jobs)
            _send_all(store)
            return await asyncio.gather(*waiting)

    assert {job.state for job in asyncio.run(walk())} == {JobState.SENT}


def test_all_who_wait_on_one_client_share_a_connection(server: EmbeddedServer, store: Store) -> None:
    """1,000 long polls must not hold 1,000 connections, nor leave channels behind."""

    async def walk() -> None:
        async with AsyncOutboundChat(redis_url=server.url, **PATIENT) as chat:
            jobs = [await chat.enqueue(sender="support", to=number(index)) for index in range(50)]
            waiting = [asyncio.create_task(chat.wait(job.id, timeout=PATIENCE)) for job in jobs]
            waiting += [asyncio.create_task(chat.wait(jobs[0].id, timeout=PATIENCE))]
            await _standing(store, jobs)
            assert _listeners(store) == 1
            for task in waiting[1:50]:
                task.cancel()
            gone = lambda: _subscribers(store, jobs[1].id) == 0  # noqa: E731  # one use, one line
            await asyncio.to_thread(wait_until, gone, what="the end of a subscription")
            assert _subscribers(store, jobs[0].id) == 1
            _send_all(store)
            assert (await waiting[0]).state is (await waiting[-1]).state is JobState.SENT

    asyncio.run(walk())
    wait_until(lambda: _listeners(store) == 0, what="the end of the connection")


def test_what_ended_while_the_connection_was_cut_is_found(server: EmbeddedServer, store: Store) -> None:
    """A cut must cost nobody the end of a job."""

    async def walk() -> list[Job]:
        async with AsyncOutboundChat(redis_url=server.url, **PATIENT) as chat, asyncio.timeout(PATIENCE):
            jobs = [await chat.enqueue(sender="support", to=number(index)) for index in range(20)]
            batch = await chat.enqueue_batch([{"to": number(30)}], sender="support")
            waiting = [asyncio.create_task(chat.wait(job.id, timeout=PATIENCE)) for job in jobs]
            of_batch = asyncio.create_task(chat.wait_batch(batch.id, timeout=PATIENCE))
            await _standing(store, jobs)
            _cut(store)
            _send_all(store)
            assert (await of_batch).final
            return await asyncio.gather(*waiting)

    assert {job.state for job in asyncio.run(walk())} == {JobState.SENT}


def test_cuts_while_waiters_come_and_go_leave_nobody_waiting(server: EmbeddedServer, store: Store) -> None:
    """The task that subscribes and the one that listens may both see the loss, in either order."""

    async def wait_amid_cuts(chat: AsyncOutboundChat) -> set[JobState]:
        jobs = [await chat.enqueue(sender="support", to=number(index)) for index in range(10)]
        gone = [asyncio.create_task(chat.wait(job.id, timeout=PATIENCE)) for job in jobs[:5]]
        waiting = [asyncio.create_task(chat.wait(job.id, timeout=PATIENCE)) for job in jobs]
        for leaver in gone:
            await asyncio.to_thread(_cut, store)
            leaver.cancel()
        await asyncio.to_thread(_send_all, store)
        return {job.state for job in await asyncio.gather(*waiting)}

    async def walk() -> None:
        async with AsyncOutboundChat(redis_url=server.url, **PATIENT) as chat, asyncio.timeout(PATIENCE):
            for _ in range(20):
                assert await wait_amid_cuts(chat) == {JobState.SENT}

    asyncio.run(walk())


def test_those_who_wait_are_told_when_redis_goes_away(server: EmbeddedServer, store: Store) -> None:
    """Better an error now than silence until the time is over."""

    async def walk() -> None:
        async with AsyncOutboundChat(redis_url=server.url, **PATIENT) as chat:
            job = await chat.enqueue(sender="support", to=number(1))
            waiting = asyncio.create_task(chat.wait(job.id, timeout=PATIENCE))
            await _standing(store, [job])
            server.stop()
            with pytest.raises(StoreUnavailable):
                await waiting

    asyncio.run(walk())


def test_a_wait_for_what_events_report_ends_at_once_if_nobody_brings_any(store: Store, chat: OutboundChat) -> None:
    """Nothing can come, and the job says that nothing is known."""
    job = chat.enqueue(sender="support", to=number(1))
    _send_all(store)
    for until in ("ended", "delivered"):
        end = chat.wait(job.id, PATIENCE, until=until)
        assert (end.state, end.contact, end.delivery.state) == (JobState.SENT, None, DeliveryState.UNKNOWN)


def test_whoever_waits_for_the_end_of_a_chat_is_woken_by_it(
    store: Store, server: EmbeddedServer, chat: OutboundChat
) -> None:
    """For threads and for asyncio: by the event, not by reading again and again."""
    job = chat.enqueue(sender="support", to=number(1))
    _send_all(store)
    keys, contact = store.keys("main"), f"contact-{job.id.partition('.')[2]}"
    change: dict[str, Any] = {"budgets": ["main"], "contacts": [contact], "waits_at": contact}
    facts: dict[str, Any] = {"legs": {contact: [0, ""]}, "delivery": ["pending", 5, "context", ""]}
    # The first event lets the budget record contacts; the job was sent before that.
    store.run(scripts.record_contacts(keys, [Change(**change, facts=facts)]))
    store.redis.set(f"{keys.base}contact:{contact}", job.id.partition(".")[2], px=HOUR_MS)
    ends: list[Job] = []

    def wait() -> None:
        ends.append(chat.wait(job.id, PATIENCE, until="ended"))

    async def wait_async() -> None:
        async with AsyncOutboundChat(redis_url=server.url, **PATIENT) as client:
            ends.append(await client.wait(job.id, PATIENCE, until="delivered"))

    threads = [threading.Thread(target=wait), threading.Thread(target=lambda: asyncio.run(wait_async()))]
    for thread in threads:
        thread.start()
    wait_until(lambda: _subscribers(store, job.id) == 2, timeout=PATIENCE)
    facts = {"legs": {contact: [7, "CUSTOMER_DISCONNECT"]}, "delivery": ["read", 6, "context", ""]}
    assert store.run(scripts.record_contacts(keys, [Change(**change, facts=facts)])) == ["changed"]
    for thread in threads:
        thread.join(PATIENCE)
    assert [(end.contact and end.contact.reason, end.delivery.state) for end in ends] == [
        ("CUSTOMER_DISCONNECT", DeliveryState.READ)
    ] * 2
