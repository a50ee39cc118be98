"""A cluster of three primaries of which one is silent or gone: what the others have goes on."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
import redis
from redis.crc import key_slot

from outbound_chat import AsyncOutboundChat, JobState, OutboundChat
from outbound_chat.doctor.budgets import budget_checks
from outbound_chat.doctor.redis import server_checks
from outbound_chat.model.diagnostics import Level
from outbound_chat.model.errors import StoreUnavailable
from outbound_chat.model.ids import new_local_id
from outbound_chat.store import AsyncStore, Store, inspection, scripts
from outbound_chat.store.inspection import read_servers
from outbound_chat.store.scripts import Claimed, Outcome, Result
from outbound_chat_config import Budget
from outbound_chat_worker.local.embedded import EmbeddedServer
from tests.support.harness import free_port, number, sender
from tests.support.waiting import wait_until

SLOTS = 16384
PATIENCE = 60.0
"""Bites on failure only."""
LIMITS: dict[str, Any] = {"rate": 1000, "burst": 1000, "max_pumps": 1, "senders": {}, "weights": {}}


@dataclass
class Nodes:
    """Three primaries without replicas, each with a third of the slots."""

    servers: list[EmbeddedServer]

    def url(self, *servers: EmbeddedServer) -> str:
        """The address that names these, or all."""
        named = ",".join(f"127.0.0.1:{server.port}" for server in servers or self.servers)
        return f"redis+cluster://{named}"

    def owner(self, key: str) -> EmbeddedServer:
        return self.servers[int(key_slot(key.encode())) * len(self.servers) // SLOTS]

    @contextlib.contextmanager
    def down(self, server: EmbeddedServer) -> Iterator[None]:
        server.process.kill()
        server.process.wait(PATIENCE)
        try:
            yield
        finally:
            server.restart()
            wait_until(self._is_whole, timeout=PATIENCE, what="a cluster")

    def _is_whole(self) -> bool:
        return all(len(self._ask(server, "SLOTS")) == 3 for server in self.servers) and all(
            "cluster_state:ok" in str(self._ask(server, "INFO")) for server in self.servers
        )

    def _ask(self, server: EmbeddedServer, what: str) -> Any:
        with redis.Redis(port=server.port, decode_responses=True) as client:
            return client.execute_command("CLUSTER", what)

    @contextlib.contextmanager
    def frozen(self, server: EmbeddedServer) -> Iterator[None]:
        os.kill(server.process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(server.process.pid, signal.SIGCONT)


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    with ExitStack() as stack:
        found = Nodes([])
        for index in range(3):
            # None is thought dead while a test holds it up.
            options = (
                *("--cluster-enabled", "yes", "--cluster-port", str(free_port())),
                *("--cluster-node-timeout", "600000", "--cluster-require-full-coverage", "no"),
            )
            server = EmbeddedServer(tmp_path_factory.mktemp(f"node-{index}"), fsync="no", options=options)
            stack.callback(server.stop)
            found.servers.append(server)
        clients = [
            stack.enter_context(redis.Redis(port=server.port, decode_responses=True)) for server in found.servers
        ]
        for index, client in enumerate(clients):
            first = -(-SLOTS * index // 3)
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", first, -(-SLOTS * (index + 1) // 3) - 1)
            client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", index + 1)
        bus = clients[0].config_get("cluster-port")["cluster-port"]
        for client in clients[1:]:
            client.execute_command("CLUSTER", "MEET", "127.0.0.1", found.servers[0].port, bus)
        wait_until(found._is_whole, timeout=PATIENCE, what="a cluster")
        yield found


def values(url: str, *budgets: str, seconds: float = PATIENCE) -> dict[str, Any]:
    return {
        "redis_url": url,
        "redis_timeout": seconds,
        "broker_url": "amqp://h",
        "budgets": {name: {} for name in budgets},
        "senders": {name: sender(budget=name) for name in budgets},
    }


def budget_of(nodes: Nodes, server: EmbeddedServer) -> str:
    """Name of a budget that this node has."""
    names = (f"b{index}" for index in range(10_000))
    return next(name for name in names if nodes.owner(f"oc:{{{name}}}:") is server)


def send_all(store: Store, budget: str) -> None:
    """What a worker does, without one."""
    keys, id_ = store.keys(budget), new_local_id()
    store.run(scripts.configure(keys, version="v", keep_ms=60_000, keep_requests_ms=60_000, **LIMITS))
    claimed = store.run(scripts.claim(keys, pump="p", claim_id=id_, wanted=500, lease_ms=60_000, linger_ms=0, nonce=""))
    assert isinstance(claimed, Claimed)
    results = [Result(local_id=job.local_id, claim=id_, outcome=Outcome.SENT, contact_id="c") for job in claimed.jobs]
    store.run(scripts.finish(keys, results))


@pytest.mark.parametrize("which", range(3))
def test_a_cluster_is_found_while_a_node_is_away(nodes: Nodes, which: int) -> None:
    """The one that is named first, and the one with the first slots, which redis-py would ask."""
    away = nodes.servers[which]
    alive = [server for server in nodes.servers if server is not away]
    budget = budget_of(nodes, alive[-1])

    async def ask() -> None:
        store = AsyncStore(nodes.url(away, *alive), seconds=PATIENCE)
        await store.ping()
        await store.run(scripts.read_jobs(store.keys(budget), [new_local_id()]))
        await store.close()

    with nodes.down(away):
        with Store(nodes.url(away, *alive), seconds=PATIENCE) as store:
            store.ping()
            store.run(scripts.read_jobs(store.keys(budget), [new_local_id()]))
        asyncio.run(ask())


def test_waiting_needs_no_node_but_that_of_the_job(nodes: Nodes) -> None:
    """Each node hears of all ends, so the one that has the slot of the client's own channel may be away."""
    silent = nodes.owner("oc:{-}:done:-")
    alive = next(server for server in nodes.servers if server is not silent)
    budget = budget_of(nodes, alive)

    async def wait() -> JobState:
        async with AsyncOutboundChat(**values(nodes.url(alive), budget)) as chat:
            job = await chat.enqueue(sender=budget, to=number(1), text="Hello")
            waiting = asyncio.create_task(chat.wait(job.id, PATIENCE))
            await asyncio.to_thread(wait_until, lambda: listeners(nodes, silent, f"oc:{{{budget}}}:done:*"))
            await asyncio.to_thread(send_all, store, budget)
            return (await waiting).state

    with nodes.down(silent), Store(nodes.url(alive), seconds=PATIENCE) as store:
        assert asyncio.run(wait()) is JobState.SENT

        with OutboundChat(**values(nodes.url(alive), budget)) as chat:
            job = chat.enqueue(sender=budget, to=number(1), text="Hello")
            with chat._store.listen(f"oc:{{{budget}}}:done:{job.id.rpartition('.')[2]}") as listener:
                send_all(store, budget)
                listener.wait(PATIENCE)
            assert chat.status(job.id).state is JobState.SENT


def listeners(nodes: Nodes, silent: EmbeddedServer | None, pattern: str) -> list[EmbeddedServer]:
    """Nodes on which somebody listens to channels of the pattern."""
    found = []
    for server in nodes.servers:
        if server is not silent:
            with redis.Redis(port=server.port) as client:
                if client.pubsub_channels(pattern):
                    found.append(server)
    return found


def test_a_subscription_whose_node_hangs_is_given_up(nodes: Nodes) -> None:
    """Nobody would hear of it else: a subscription that is silent looks like one without news."""

    async def listen() -> set[int]:
        store = AsyncStore(nodes.url(), seconds=PATIENCE)
        async with store.subscription() as lost:
            (first,) = listeners(nodes, None, "oc:{-}:done:-")
            with nodes.frozen(first):
                await lost.next(0.05)
                with pytest.raises(StoreUnavailable, match="no answer to PING"):
                    await lost.next(0.05)
            with nodes.down(first):
                async with store.subscription():
                    (second,) = listeners(nodes, first, "oc:{-}:done:-")
        await store.close()
        return {first.port, second.port}

    assert len(asyncio.run(listen())) == 2


def test_doctor_looks_at_every_primary(nodes: Nodes) -> None:
    """One that throws jobs away among others that don't; one that gives no answer; a cluster that stops as a whole."""
    bad, silent, _ = nodes.servers
    with redis.Redis(port=bad.port) as client, Store(nodes.url(), seconds=PATIENCE) as store:
        client.config_set("maxmemory-policy", "allkeys-lru")
        client.config_set("cluster-require-full-coverage", "yes")
        found = list(server_checks(read_servers(store)))
        for server in nodes.servers:
            assert list(budget_checks(store, budget_of(nodes, server), Budget()))
            assert inspection.unanswered_requests(store, store.keys(budget_of(nodes, server))) >= 0
        with nodes.frozen(silent), Store(nodes.url(bad), seconds=3) as hasty:
            away = list(server_checks(read_servers(hasty)))
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("cluster-require-full-coverage", "no")

    told = {(check.subject, check.level): check.finding for check in found}
    assert f"(127.0.0.1:{bad.port})" in told["eviction", Level.FAULT]
    assert f"127.0.0.1:{bad.port}" not in told["eviction", Level.OK]
    assert told["persistence", Level.WARNING].endswith("(all primaries)")
    assert f"(127.0.0.1:{bad.port})" in told["cluster", Level.WARNING]
    unreached = [check for check in away if "can't be reached" in check.finding]
    assert {check.level for check in unreached} == {Level.FAULT}
    assert any(check.finding.endswith(f"(127.0.0.1:{silent.port})") for check in unreached)


def test_a_client_that_waited_can_be_closed_at_once(nodes: Nodes) -> None:
    """Python 3.11 loses a cancellation that comes while a command leaves; the task would go on for ever."""

    async def once() -> None:
        chat = AsyncOutboundChat(**values(nodes.url(), "main"))
        job = await chat.enqueue(sender="main", to=number(1), text="Hello")
        with contextlib.suppress(TimeoutError):
            await chat.wait(job.id, timeout=0.01)
        async with asyncio.timeout(PATIENCE):
            await chat.close()

    for _ in range(5):
        asyncio.run(once())


class Forgetful(AsyncStore):
    """Its subscriptions lose the first cancellation of whoever subscribes."""

    def __init__(self, url: str) -> None:
        super().__init__(url, seconds=PATIENCE)
        self.lost = asyncio.Event()

    def subscription(self) -> Any:
        subscription, lost = super().subscription(), self.lost
        original = subscription.add

        async def add(channels: Any) -> None:
            await original(channels)
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if lost.is_set():
                    raise
                lost.set()

        subscription.add = add  # type: ignore[method-assign]  # as a library does it that loses one
        return subscription


def test_closing_does_not_rely_on_one_cancellation(nodes: Nodes) -> None:
    async def close() -> bool:
        store = Forgetful(nodes.url())
        chat = AsyncOutboundChat(store=store, **values(nodes.url(), "main"))
        job = await chat.enqueue(sender="main", to=number(1), text="Hello")
        with contextlib.suppress(TimeoutError):
            await chat.wait(job.id, timeout=0.01)
        async with asyncio.timeout(PATIENCE):
            await chat.close()
        return store.lost.is_set()

    assert asyncio.run(close())
