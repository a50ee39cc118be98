"""A Redis that hangs: each call ends in time, the next one too, and what it asked for is done once.

"In time" is measured by nothing but the server: it hangs until the call has ended.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
import redis
from redis.exceptions import (
    AskError,
    AuthenticationError,
    BusyLoadingError,
    ClusterDownError,
    ClusterError,
    ConnectionError as RedisConnectionError,
    InvalidResponse,
    MasterDownError,
    MovedError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    ResponseError,
    SlotNotCoveredError,
    TimeoutError as RedisTimeoutError,
    TryAgainError,
)

from outbound_chat.children import end, spawn
from outbound_chat.client import OutboundChat
from outbound_chat.model.errors import StoreError, StoreUnavailable
from outbound_chat.model.ids import new_local_id
from outbound_chat.store import AsyncStore, Keys, ScriptCall, Store, scripts
from outbound_chat.store.deadline import Deadline
from outbound_chat.store.inspection import Audited, audit_budget
from outbound_chat.store.scripts import Submitted
from outbound_chat_worker.local.embedded import EmbeddedServer, find_server
from tests.support.harness import free_port, number, sender
from tests.support.proxy import Proxy, Way, running_proxy
from tests.support.waiting import wait_until

from .test_failover import submit_one

C = TypeVar("C", bound=ScriptCall[Any])
KEYS = Keys("oc", "main")
SECONDS = 0.25
PATIENCE = 60.0
"""Bites on failure only."""


@dataclass
class Place:
    """A server, and the address that leads to it."""

    url: str
    server: EmbeddedServer

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        os.kill(self.server.process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.server.process.pid, signal.SIGCONT)

    def accepted(self) -> int:
        with redis.Redis(port=self.server.port, decode_responses=True) as client:
            return int(client.hget(KEYS.counts, "accepted") or 0)


def _alone(folder: Path, stack: ExitStack) -> Place:
    server = EmbeddedServer(folder, fsync="no")
    stack.callback(server.stop)
    return Place(server.url, server)


def _cluster(folder: Path, stack: ExitStack) -> Place:
    options = ("--cluster-enabled", "yes", "--cluster-port", str(free_port()))
    server = EmbeddedServer(folder, fsync="no", options=options)
    stack.callback(server.stop)
    with redis.Redis(port=server.port, decode_responses=True) as client:
        client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        wait_until(lambda: "cluster_state:ok" in str(client.execute_command("CLUSTER", "INFO")))
    return Place(f"redis+cluster://127.0.0.1:{server.port}", server)


def _sentinel(folder: Path, stack: ExitStack) -> Place:
    """A sentinel that never finds its server down."""
    server = EmbeddedServer(folder / "server", fsync="no")
    stack.callback(server.stop)
    port, conf = free_port(), folder / "sentinel.conf"
    conf.write_text(
        f"port {port}\nbind 127.0.0.1\ndir {folder}\nsentinel monitor s 127.0.0.1 {server.port} 1\n"
        "sentinel down-after-milliseconds s 600000\n"
    )
    stack.callback(end, spawn([find_server(), str(conf), "--sentinel"], output=subprocess.DEVNULL))

    def watches() -> bool:
        with contextlib.suppress(redis.RedisError), redis.Redis(port=port, decode_responses=True) as client:
            return "master" in client.sentinel_master("s")["flags"]
        return False

    wait_until(watches, what="the sentinel")
    return Place(f"redis+sentinel://127.0.0.1:{port}/s", server)


PLACES: dict[str, Callable[[Path, ExitStack], Place]] = {"alone": _alone, "cluster": _cluster, "sentinel": _sentinel}


@pytest.fixture(scope="module", params=PLACES)
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with ExitStack() as stack:
        yield PLACES[request.param](tmp_path_factory.mktemp("place"), stack)


def surely(run: Callable[[C], object], call: C) -> None:
    """Where the server answers: a machine with much to do may need longer for it than the calls under test may."""
    ends = time.monotonic() + PATIENCE
    while True:
        try:
            run(call)
        except StoreUnavailable:
            assert time.monotonic() < ends
        else:
            return


async def surely_async(run: Callable[[C], Awaitable[object]], call: C) -> None:
    ends = time.monotonic() + PATIENCE
    while True:
        try:
            await run(call)
        except StoreUnavailable:
            assert time.monotonic() < ends
        else:
            return


def test_calls_of_threads_end_while_the_server_hangs(place: Place) -> None:
    """The connections that stand, those that are made now, waits and signals: the first call and the next ones."""
    local_id = new_local_id()
    with Store(place.url, seconds=SECONDS) as store, Store(place.url, seconds=SECONDS) as fresh:
        before = place.accepted()
        surely(store.run, submit_one())
        with place.frozen(), ThreadPoolExecutor(1) as pool:
            with pytest.raises(StoreUnavailable, match="repeat it with the same idempotency keys"):
                pool.submit(store.run, submit_one(local_id)).result(PATIENCE)
            for work in (
                lambda: store.run(submit_one(local_id)),
                lambda: store.run(scripts.check_durable(KEYS, local_ids=[local_id], timeout_ms=100)),
                lambda: store.listen("oc:{main}:done:x").__enter__(),
                lambda: store.wait_for_signal([KEYS.wake], 0.1),
                fresh.ping,
                lambda: fresh.run(submit_one(local_id)),
            ):
                with pytest.raises(StoreUnavailable):
                    pool.submit(work).result(PATIENCE)
        surely(store.run, submit_one(local_id))
        surely(fresh.run, submit_one(local_id))

    assert place.accepted() == before + 2


def test_an_audit_ends_while_the_server_hangs(place: Place) -> None:
    """From the start, or once the first answers are there: what asks for the names of keys is a call as any other."""
    with Store(place.url, seconds=SECONDS) as store, ThreadPoolExecutor(1) as pool:
        for answered in (0, 1):
            audit = _begun(store, answered)
            with place.frozen(), pytest.raises(StoreUnavailable, match="tried for"):
                pool.submit(list, audit).result(PATIENCE)

        def whole(_: ScriptCall[Any]) -> None:
            assert [found.findings for found in audit_budget(store, KEYS)][-1] == []

        surely(whole, submit_one())


def _begun(store: Store, answered: int) -> Iterator[Audited]:
    """An audit of which so many steps were answered."""
    begun: list[Iterator[Audited]] = []

    def begin(_: ScriptCall[Any]) -> None:
        audit = audit_budget(store, KEYS)
        for _step in range(answered):
            next(audit)
        begun.append(audit)

    surely(begin, submit_one())
    return begun[0]


def test_calls_of_asyncio_end_while_the_server_hangs(place: Place) -> None:
    local_id = new_local_id()

    async def work() -> None:
        store, fresh = AsyncStore(place.url, seconds=SECONDS), AsyncStore(place.url, seconds=SECONDS)
        await surely_async(store.run, submit_one())
        with place.frozen():
            with pytest.raises(StoreUnavailable, match="repeat it with the same idempotency keys"):
                async with asyncio.timeout(PATIENCE):
                    await store.run(submit_one(local_id))
            for one in (
                lambda: store.run(submit_one(local_id)),
                lambda: store.run(scripts.check_durable(KEYS, local_ids=[local_id], timeout_ms=100)),
                lambda: store.subscription().__aenter__(),
                fresh.ping,
                lambda: fresh.run(submit_one(local_id)),
            ):
                with pytest.raises(StoreUnavailable):
                    async with asyncio.timeout(PATIENCE):
                        await one()
        await surely_async(store.run, submit_one(local_id))
        await surely_async(fresh.run, submit_one(local_id))
        await store.close()
        await fresh.close()

    before = place.accepted()
    asyncio.run(work())
    assert place.accepted() == before + 2


def test_many_threads_end_together(place: Place) -> None:
    """None waits for the others' connections, slots or sentinels first."""
    with Store(place.url, seconds=SECONDS) as store, place.frozen(), ThreadPoolExecutor(20) as pool:
        work = [pool.submit(store.ping) for _ in range(40)]
        errors = [one.exception(PATIENCE) for one in work]

    assert {type(error) for error in errors} == {StoreUnavailable}


def test_a_server_that_hangs_for_less_is_waited_for(place: Place) -> None:
    """Half of the time for the first try, a part of the rest for the next: a stall shows as nothing but a delay."""
    with Store(place.url, seconds=PATIENCE) as store, ThreadPoolExecutor(1) as pool:
        store.ping()
        with place.frozen():
            asked = threading.Event()

            def ask() -> None:
                asked.set()
                store.ping()

            work = pool.submit(ask)
            assert asked.wait(PATIENCE)
        work.result(PATIENCE)


class Troubled:
    """Answers with these errors, one a command, and then as it should; a client of threads or of asyncio."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.asked = 0

    def ping(self) -> bool:
        self.asked += 1
        if self.errors:
            raise self.errors.pop(0)
        return True


class AsyncTroubled(Troubled):
    async def ping(self) -> bool:  # type: ignore[override]  # as the clients of redis-py differ
        return super().ping()


PASSING = [
    BusyLoadingError("Redis is loading the dataset in memory"),
    ReadOnlyError("You can't write against a read only replica."),
    MasterDownError("Link with MASTER is down"),
    ClusterDownError("The cluster is down"),
    TryAgainError("Multiple keys request during rehashing of slot"),
    AskError("13775 127.0.0.1:7001"),
    MovedError("13775 127.0.0.1:7001"),
    ClusterError("TTL exhausted."),
    SlotNotCoveredError('Slot "1" is not covered by the cluster.'),
    ResponseError("Script attempted to access a non local key in a cluster node"),
    RedisConnectionError("Connection closed by server."),
    RedisTimeoutError("Timeout reading from 127.0.0.1:6379"),
    RedisConnectionError("max number of clients reached"),
]
LASTING = [
    AuthenticationError("invalid username-password pair or user is disabled."),
    NoPermissionError("this user has no permissions to run the 'ping' command"),
    RedisClusterException("Cluster mode is not enabled on this node"),
    OutOfMemoryError("command not allowed when used memory > 'maxmemory'."),
    InvalidResponse("Protocol error"),
]


@pytest.mark.parametrize("error", PASSING, ids=lambda error: type(error).__name__)
def test_what_passes_is_a_delay(error: Exception) -> None:
    """A failover, a slot that moves, a server that starts: within its time the call tries again."""
    client, of_tasks = Troubled(error, error), AsyncTroubled(error, error)
    Store("redis://", client=client, seconds=PATIENCE).ping()  # type: ignore[arg-type]  # a stand-in
    asyncio.run(AsyncStore("redis://", client=of_tasks, seconds=PATIENCE).ping())  # type: ignore[arg-type]  # as above
    for_ever = Troubled(*[error] * 1_000)
    with pytest.raises(StoreUnavailable):
        Store("redis://", client=for_ever, seconds=0.05).ping()  # type: ignore[arg-type]  # as above

    assert (client.asked, of_tasks.asked) == (3, 3)


@pytest.mark.parametrize("error", LASTING, ids=lambda error: type(error).__name__)
def test_what_does_not_pass_is_said_at_once(error: Exception) -> None:
    client, of_tasks = Troubled(error), AsyncTroubled(error)
    with pytest.raises(StoreError):
        Store("redis://", client=client, seconds=PATIENCE).ping()  # type: ignore[arg-type]  # a stand-in
    with pytest.raises(StoreError):
        asyncio.run(AsyncStore("redis://", client=of_tasks, seconds=PATIENCE).ping())  # type: ignore[arg-type]  # as above

    assert (client.asked, of_tasks.asked) == (1, 1)


class AsyncSilent(AsyncTroubled):
    """Answers nothing at all after its errors."""

    async def ping(self) -> bool:  # type: ignore[override]  # as above
        if self.errors:
            raise self.errors.pop(0)
        return await asyncio.Event().wait()


@pytest.mark.parametrize(
    "told", ["Timeout connecting to server", "Connection closed by server.", "max number of clients reached"]
)
def test_what_was_heard_is_said_by_a_call_that_ends_in_silence(told: str) -> None:
    """The last try is cut short by the end of the time, so it says less than any other."""
    error = (RedisTimeoutError if "Timeout" in told else RedisConnectionError)(told)
    client = AsyncSilent(error)
    with pytest.raises(StoreUnavailable) as of_tasks:
        asyncio.run(AsyncStore("redis://", client=client, seconds=SECONDS).ping())  # type: ignore[arg-type]  # as above
    with pytest.raises(StoreUnavailable) as of_threads:
        Store("redis://", client=Troubled(*[error] * 1_000), seconds=SECONDS).ping()  # type: ignore[arg-type]  # as above

    said = [str(caught.value).partition(" (tried for")[0] for caught in (of_tasks, of_threads)]
    assert said[0] == said[1]
    assert "no answer" not in said[0]


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Proxy]:
    with ExitStack() as stack:
        place = _alone(tmp_path / "server", stack)
        yield stack.enter_context(running_proxy(place.server.port))


@pytest.mark.parametrize("trouble", ["swallows", "trickles"])
def test_a_line_that_hangs_is_no_other_case(line: Proxy, trouble: str) -> None:
    """As behind a firewall that drops what it knows no more, or a network that comes to a crawl."""
    url = f"redis://127.0.0.1:{line.port}"
    with Store(url, seconds=SECONDS) as store, ThreadPoolExecutor(1) as pool:
        surely(store.run, submit_one())
        if trouble == "swallows":
            line.lose("requests", "answers")
        else:
            line.bytes_per_second = 1.0
        for _ in range(2):
            with pytest.raises(StoreUnavailable):
                pool.submit(store.ping).result(PATIENCE)


def test_a_connection_that_was_forgotten_costs_one_try(line: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new one passes, so it is no error at all."""
    with Store(f"redis://127.0.0.1:{line.port}", seconds=PATIENCE) as store:
        store.run(submit_one())
        line.forget()
        # In place of half a minute; the next connection has all the time that a busy machine needs.
        silence = property(lambda _: PATIENCE if len(line._connections) > 1 else SECONDS)
        monkeypatch.setattr(Deadline, "silence", silence)
        store.run(submit_one())
    assert line.lost == 1


def test_tries_are_few(line: Proxy) -> None:
    """A server in trouble is not stormed: each try gets half of the time that is left."""
    url = f"redis://127.0.0.1:{line.port}"
    with Store(url, seconds=2) as store:
        line.hold("requests")
        with pytest.raises(StoreUnavailable):
            store.ping()
        wait_until(lambda: line.held("requests"), what="a try")
        assert line.held("requests") <= 12
        line.let_pass()


@pytest.mark.parametrize("way", ["requests", "answers"])
def test_a_call_that_was_begun_runs_again_if_its_connection_is_lost(line: Proxy, way: Way) -> None:
    """Whether Redis had got it or not: a repeat changes nothing."""
    with Store(f"redis://127.0.0.1:{line.port}", seconds=PATIENCE) as store:
        store.run(submit_one())
        line.hold(way)
        begun = store.begin(submit_one("A" * 26))
        wait_until(lambda: line.held(way), what="the call")
        line.cut()
        line.let_pass()
        assert isinstance(begun(), Submitted)
        assert isinstance(store.begin(submit_one("A" * 26))(), Submitted)
        found = store.run(scripts.read_jobs(store.keys("main"), ["A" * 26]))
        assert list(found) == ["A" * 26]


def test_a_batch_goes_on_if_the_connection_of_its_last_chunk_is_lost(line: Proxy) -> None:
    """Its rows are read meanwhile, so the loss shows when the next chunk is full."""

    def rows() -> Iterator[dict[str, str]]:
        for index in range(1_200):
            if index == 1_100:
                line.cut()
                line.let_pass()
            yield {"to": number(index)}

    def hold_second(accepted: int, _: int) -> None:
        if accepted == 500:
            line.hold("answers")

    url = f"redis://127.0.0.1:{line.port}"
    senders, budgets = {"support": sender()}, {"main": {"rate": 1}}
    with OutboundChat(redis_url=url, senders=senders, budgets=budgets, redis_timeout=PATIENCE) as chat:
        receipt = chat.enqueue_batch(rows(), sender="support", text="Hello", on_progress=hold_second)
        assert (receipt.accepted, chat.batch(receipt.id).accepted) == (1_200, 1_200)


def test_a_call_that_was_begun_says_that_it_may_have_been_taken(line: Proxy) -> None:
    """As any other: whoever repeats it without keys may enqueue the same jobs twice."""
    with Store(f"redis://127.0.0.1:{line.port}", seconds=SECONDS) as store:
        surely(store.run, submit_one())
        line.hold("answers")
        begun = store.begin(submit_one())
        with pytest.raises(StoreUnavailable, match="may have been accepted"):
            begun()
        line.let_pass()


def test_a_connection_to_a_server_that_is_a_replica_now_is_made_again(line: Proxy) -> None:
    """Behind one address another server may be the primary; what is sent together finds it as single commands do."""
    with (
        Store(f"redis://127.0.0.1:{line.port}", seconds=SECONDS) as store,
        redis.Redis(port=line.target) as admin,
    ):
        keys = store.keys("main")
        surely(store.run, submit_one())
        store.run_together([scripts.read_clock(keys), submit_one()])
        # It is that of single calls too.
        before = {one["id"] for one in admin.client_list()} - {str(admin.client_id())}
        assert len(before) == 1
        admin.replicaof("127.0.0.1", free_port())
        with pytest.raises(StoreUnavailable, match="accepts no writes"):
            store.run_together([scripts.read_clock(keys), submit_one()])
        assert not before & {one["id"] for one in admin.client_list()}
