"""Round trips to Redis, and what its scripts do in each: Redis has one core, which all workers and callers share."""

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from benchmarks.ledger import running_side
from outbound_chat import AsyncOutboundChat
from outbound_chat.client import OutboundChat, waiters
from outbound_chat.model.errors import StoreError
from outbound_chat.store import AsyncStore, ScriptCall, Store, scripts
from outbound_chat_worker.publisher import PumpPublisher
from outbound_chat_worker.pump.pump import Pump
from outbound_chat_worker.runtime import Runtime
from tests.guards.counting import Commands
from tests.support.harness import Harness, number, sender
from tests.support.waiting import T, wait_until

JOBS = 500
THREADS = 16
WAITERS = 1_000
PATIENCE = 600.0
"""Bites on failure only."""


def _lane_of(chat: OutboundChat, count: int) -> None:
    rows = ({"to": number(index)} for index in range(count))
    chat.enqueue_batch(rows, sender="support", text="Hello")


# --- callers ---


def test_a_single_job_is_one_script(chat: OutboundChat, server: Any) -> None:
    """Checks, idempotency, record, lane, counts and wake-up in one; a second one would halve what a caller can do."""
    chat.enqueue(sender="support", to=number(0), text="Hello")
    counted = Commands(server)
    for index in range(50):
        chat.enqueue(sender="support", to=number(index), text="Hello")
    assert counted.scripts() == 50
    # Counted: 10, with the clock. Nothing else was asked of the server.
    assert counted.so_far().total() <= 50 * (1 + 11)


def test_rows_go_in_by_the_hundreds(chat: OutboundChat, server: Any) -> None:
    """500 a script, and one script each to open and close the batch.

    A row is 4 commands: whether it is there, its record, its places in the lane and in the index of expiry.
    """
    _lane_of(chat, 10)
    counted = Commands(server)
    _lane_of(chat, 10 * scripts.MOST_JOBS)
    assert counted.scripts() <= 10 + 3
    assert counted.so_far().total() <= 4.5 * 10 * scripts.MOST_JOBS


def test_a_status_is_one_script_and_many_are_one_as_well(chat: OutboundChat, server: Any) -> None:
    """Callers poll by the thousand: one record is read, and nothing else is looked at."""
    ids = [chat.enqueue(sender="support", to=number(index), text="Hello").id for index in range(scripts.MOST_JOBS)]
    chat.status(ids[0])
    counted = Commands(server)
    for id_ in ids[:50]:
        chat.status(id_)
    assert counted.so_far() == {"fcall": 50, "time": 50, "get": 50}

    counted = Commands(server)
    assert all(chat.statuses(ids).values())
    assert counted.scripts() == 1


def test_a_thousand_who_wait_read_once_and_after_a_lost_connection_in_bulk(
    stack: Harness, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long polls of the HTTP service do: all of its process share a client, and so a subscription.

    Each reads once it is subscribed; from then on nobody asks. A lost connection may have cost a notification:
    2 scripts read for all, where a read each would be 1,000 at once, just when the server comes back.
    """
    # The server says when it is lost, and nobody else: not a silence, nor the time for a look at all of them.
    monkeypatch.setattr(waiters, "READ_SECONDS", PATIENCE)
    monkeypatch.setattr(waiters, "REREAD_SECONDS", PATIENCE)

    def standing() -> bool:
        # One channel more is the connection's own.
        return bool(server.info("stats")["pubsub_channels"] > WAITERS)

    async def walk() -> None:
        store = AsyncStore(stack.server.url, seconds=PATIENCE)
        async with AsyncOutboundChat(store=store, senders={"support": sender()}) as chat:
            rows = ({"to": number(index)} for index in range(WAITERS))
            batch = (await chat.enqueue_batch(rows, sender="support", text="Hello")).id
            ids = [f"{batch}-{row}" for row in range(1, WAITERS + 1)]
            # From here on the server knows the scripts.
            await chat.status(ids[0])
            before = Commands(server)
            waiting = [asyncio.create_task(chat.wait(id_, timeout=PATIENCE)) for id_ in ids]
            await asyncio.to_thread(wait_until, standing, timeout=PATIENCE, what="all subscriptions")
            read = WAITERS
            await asyncio.to_thread(wait_until, lambda: before.scripts() >= read, timeout=PATIENCE, what="their reads")
            assert before.scripts() == read

            before = Commands(server)
            server.client_kill_filter(_type="pubsub")
            await asyncio.to_thread(
                wait_until, lambda: before.scripts() >= 2 and standing(), timeout=PATIENCE, what="all again"
            )
            # A look follows the one under way if more channels stand by then.
            assert before.scripts() <= 12
            for waiter in waiting:
                waiter.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            await store.close()

    asyncio.run(walk())


# --- workers ---


class CountingStore(Store):
    """A store that counts what it is asked to run, by script, and its round trips."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.ran: Counter[str] = Counter()
        self.trips = 0

    def run(self, call: ScriptCall[T]) -> T:
        self._count(call)
        return super().run(call)

    def run_together(self, calls: Sequence[ScriptCall[Any]]) -> list[Any | StoreError]:
        if len(calls) > 1:
            self._count(*calls)
        return super().run_together(calls)

    def run_at_signal(self, key: str, timeout: float, call: ScriptCall[T]) -> tuple[StoreError | None, T]:
        self._count(call)
        return super().run_at_signal(key, timeout, call)

    def _count(self, *calls: ScriptCall[Any]) -> None:
        self.ran.update(call.script for call in calls)
        self.trips += 1


def test_a_pump_shares_its_round_trips_among_jobs(stack: Harness, chat: OutboundChat, runtime: Runtime) -> None:
    """0.14 scripts a job in 0.08 round trips: while threads call, results gather, and places for the next claim.

    Two a job, one claim and one finish, is what a pump would need that took jobs one by one.
    """
    _lane_of(chat, JOBS)
    runtime.store = store = CountingStore(stack.server.url)
    done = 0
    with store:
        while done < JOBS:
            pump = Pump(runtime, "main", stopping=threading.Event(), publisher=PumpPublisher(lambda *_: None))
            store.ran, store.trips, before = Counter(), 0, done
            done += pump.work()
            slice_ = int(runtime.settings.worker.slice.total_seconds())
            of_jobs = {name: store.ran.pop(name, 0) for name in ("claim", "finish")}
            assert of_jobs["claim"] + of_jobs["finish"] <= 0.5 * (done - before) + 4
            # Results and the next claim go together.
            assert store.trips <= 0.25 * (done - before) + THREADS + slice_ + 8
            # Each thread may ask for what the rows share, before the first has the answer.
            assert store.ran.pop("read_shared", 0) <= THREADS
            # What is left is for the slice, however many jobs it sends.
            assert store.ran.keys() <= {"renew", "leave", "read_jobs"}
            assert store.ran.total() <= slice_ + 4
    assert stack.sandbox.stats().calls == JOBS


def test_a_job_of_a_claim_costs_redis_few_commands(tmp_path: Path) -> None:
    """For a job of 16 that are taken, sent and recorded together: 5 in, 11 claimed, 10 finished.

    A command costs Redis a microsecond or less, and a script is held up by nothing else: their number is its time.
    """
    with running_side(tmp_path / "valkey") as side:
        side.open_batch()
        (lane,) = side.due_lanes
        side.fill(200)
        side.finish(side.claim(THREADS))
        submitted = Commands(side.redis)
        side.submit(lane, side.new_jobs(lane, THREADS))
        assert submitted.so_far().total() <= THREADS * 6
        # Turns are shared out by the 16 jobs, so that claims differ a little; five of them see each kind.
        for _ in range(5):
            claimed = Commands(side.redis)
            taken = side.claim(THREADS)
            assert claimed.so_far().total() <= THREADS * 12.5
            finished = Commands(side.redis)
            side.finish(taken)
            assert finished.so_far().total() <= THREADS * 11


def _rate(server: Any, name: str, count: int) -> tuple[Counter[str], float]:
    """Commands until one of them ran so often, and the seconds that it took."""
    began, counted = _seconds(server), Commands(server)
    wait_until(lambda: counted.so_far()[name] >= count, timeout=60, what=f"{count} times {name}")
    return counted.so_far(), _seconds(server) - began


def _seconds(server: Any) -> float:
    seconds, micros = server.time()
    return float(seconds + micros / 1e6)


def test_an_idle_worker_asks_redis_a_few_times_a_second(stack: Harness, server: Any) -> None:
    """Two scripts a second look for lost work, and one blocking read brings what is new at once.

    Fifty idle workers must be nothing to a server. Celery's own reads are not ours, and are left out.
    """
    stack.start_worker()
    wait_until(lambda: " ready." in stack.logs(), timeout=60, what="the worker")
    _rate(server, "fcall", 8)  # what a worker asks once, as it starts, is behind it
    counted, seconds = _rate(server, "fcall", 8)
    assert counted["fcall"] + counted["eval"] <= 3 * seconds + 4


@pytest.fixture
def idle_pump(stack: Harness) -> None:
    """Settings of a pump that waits for work as long as it can."""
    stack.configure(worker={"linger": 5, "slice": 60})


@contextmanager
def waiting_pump(runtime: Runtime, server: Any) -> Iterator[None]:
    stopping = threading.Event()
    pump = Pump(runtime, "main", stopping=stopping, publisher=PumpPublisher(lambda *_: None))
    working = threading.Thread(target=pump.work)
    working.start()
    try:
        wait_until(lambda: server.exists("oc:{main}:waiting"), what="a pump that waits")
        yield
    finally:
        stopping.set()
        server.lpush("oc:{main}:poke", "stop")
        working.join(60)


@pytest.mark.usefixtures("idle_pump")
def test_an_idle_pump_only_says_that_it_lives(runtime: Runtime, server: Any) -> None:
    """It blocks until it is poked; once a second it tells the others that it is there."""
    with waiting_pump(runtime, server):
        counted, seconds = _rate(server, "fcall", 3)
    assert counted["fcall"] <= seconds + 3
    assert counted["blpop"] <= 2


@pytest.mark.usefixtures("idle_pump")
def test_a_job_that_comes_alone_is_two_round_trips_of_its_pump(
    stack: Harness, chat: OutboundChat, runtime: Runtime, server: Any
) -> None:
    """The poke brings the claim with it, and that claim is the next wait; the result is the other one."""
    jobs = 20
    runtime.store = store = CountingStore(stack.server.url)
    with store, waiting_pump(runtime, server):
        before, store.ran, (began, _) = store.trips, Counter(), server.time()
        for index in range(jobs):
            chat.wait(chat.enqueue(sender="support", to=number(index), text="Hello").id, timeout=PATIENCE)
        # A wait that nobody ended is begun again after 5 seconds, and leases are renewed each second.
        seconds = server.time()[0] - began + 1
        assert store.ran["claim"] + store.ran["finish"] <= 2 * jobs + 1 + seconds / 5
        assert store.trips - before <= 2 * jobs + 2 + seconds * 1.2


@pytest.mark.usefixtures("idle_pump")
def test_a_new_client_enqueues_and_waits_in_few_round_trips(stack: Harness, runtime: Runtime, server: Any) -> None:
    """Its job, its subscription, and two looks at the record at most; each of its two connections begins with one.

    Where Redis is 50 ms away, each is as long as a call of Amazon Connect.
    """
    with waiting_pump(runtime, server), stack.chat() as chat, stack.chat() as other:
        # The first job of a budget is noted beside the budget.
        other.wait(other.enqueue(sender="support", to=number(0), text="Hello").id, timeout=PATIENCE)
        began, counted = _seconds(server), Commands(server)
        chat.wait(chat.enqueue(sender="support", to=number(1), text="Hello").id, timeout=PATIENCE)
        found, seconds = counted.so_far(), _seconds(server) - began
    assert found["subscribe"] == 1
    of_pump = 2 + seconds
    rereads = seconds / 2
    assert found["fcall"] <= 1 + 2 + of_pump + rereads
    assert found["hello"] == 2
    assert found["client|setinfo"] == found["auth"] == 0


@pytest.mark.usefixtures("idle_pump")
def test_a_wait_connects_once_and_leaves_the_connection_of_calls_open(
    stack: Harness, runtime: Runtime, server: Any
) -> None:
    """A subscription ends with its connection; the next call must not find a closed one in the place of its own."""
    waits = 10
    with waiting_pump(runtime, server), stack.chat() as chat:
        chat.wait(chat.enqueue(sender="support", to=number(0), text="Hello").id, timeout=PATIENCE)
        before = server.info("stats")["total_connections_received"]
        for index in range(waits):
            chat.wait(chat.enqueue(sender="support", to=number(1 + index), text="Hello").id, timeout=PATIENCE)
        made = server.info("stats")["total_connections_received"] - before
    of_pump = 3
    assert made <= waits + of_pump
