"""A replica is promoted, and what was the primary goes on as its replica: nobody has to be started again.

Managed Redis does this at every update of the server: the address leads to the new primary, and connections that stand
stay with the old one, which refuses every write.
"""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier

import pytest
import redis

from outbound_chat.model.errors import StoreUnavailable
from outbound_chat.model.ids import new_local_id
from outbound_chat.model.lanes import Lane
from outbound_chat.store import AsyncStore, Keys, ScriptCall, Store, inspection, scripts
from outbound_chat.store.scripts import Standing, Submitted
from outbound_chat_worker.local.embedded import EmbeddedServer
from tests.support.proxy import Proxy, running_proxy
from tests.support.waiting import wait_until

from .ledger import DAY_MS, LANE, LISTED, new_job

KEYS = Keys("oc", "main")
THREADS = 4
PATIENCE = 60.0
"""Bites on failure only."""


@dataclass
class Pair:
    """A primary and its replica, behind one address."""

    first: EmbeddedServer
    second: EmbeddedServer
    proxy: Proxy

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.proxy.port}"

    def demote(self) -> None:
        """The first is a replica of the second from now on."""
        with redis.Redis(port=self.first.port) as first, redis.Redis(port=self.second.port) as second:
            second.replicaof("NO", "ONE")
            first.replicaof("127.0.0.1", self.second.port)
            wait_until(lambda: first.info("replication")["master_link_status"] == "up", what="the turned replication")

    def fail_over(self) -> None:
        """The same, and new connections go to the second."""
        self.demote()
        self.proxy.target = self.second.port


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with ExitStack() as stack:
        options = ("--repl-diskless-sync-delay", "0")
        first, second = (EmbeddedServer(tmp_path / name, options=options) for name in ("first", "second"))
        for server in (first, second):
            stack.callback(server.stop)
        with redis.Redis(port=second.port) as client:
            client.replicaof("127.0.0.1", first.port)
            wait_until(lambda: client.info("replication")["master_link_status"] == "up", what="the replication")
        yield Pair(first, second, stack.enter_context(running_proxy(first.port)))


def submit_one(local_id: str = "") -> ScriptCall[Submitted | scripts.NotOpen]:
    jobs = [new_job(local_id or new_local_id())]
    return scripts.submit(KEYS, lane=Lane.parse(LANE), max_age_ms=DAY_MS, rejected=0, jobs=jobs, listing=LISTED)


def accepted(server: EmbeddedServer) -> int:
    with Store(server.url, seconds=PATIENCE) as store:
        return inspection.counts(store, KEYS).get("accepted", 0)


def test_all_connections_of_a_store_find_the_new_primary(pair: Pair) -> None:
    """A pool has many connections, each of which stays with the old one until it is made anew."""
    with Store(pair.url, seconds=PATIENCE) as store, ThreadPoolExecutor(THREADS) as pool:
        together = Barrier(THREADS)

        def hold_a_connection(_: int) -> None:
            with store.redis.client() as connection:
                connection.ping()
                together.wait(PATIENCE)

        list(pool.map(hold_a_connection, range(THREADS)))
        store.run(submit_one())
        pair.fail_over()

        answers = list(pool.map(lambda _: store.run(submit_one()), range(4 * THREADS)))
        signal = store.wait_for_signal([KEYS.wake], 1)

    assert all(isinstance(answer, Submitted) for answer in answers)
    assert signal
    assert signal.key == KEYS.wake
    assert accepted(pair.second) == 1 + 4 * THREADS


def test_an_asynchronous_store_finds_the_new_primary(pair: Pair) -> None:
    """Web services run for weeks."""

    async def walk() -> None:
        store = AsyncStore(pair.url, seconds=PATIENCE)
        await asyncio.gather(*(store.run(submit_one()) for _ in range(THREADS)))
        await asyncio.to_thread(pair.fail_over)
        await asyncio.gather(*(store.run(submit_one()) for _ in range(THREADS)))
        await store.close()

    asyncio.run(walk())

    assert accepted(pair.second) == 2 * THREADS


def test_a_wait_for_the_disk_finds_the_new_primary_and_says_what_it_lost(pair: Pair) -> None:
    """It must not be answered by the old one, nor by a connection whose mark was refused."""
    lost, kept = new_local_id(), new_local_id()

    async def walk() -> list[Standing]:
        store = AsyncStore(pair.url, seconds=PATIENCE)
        await asyncio.gather(*(store.run(scripts.check_durable(KEYS)) for _ in range(THREADS)))
        await asyncio.to_thread(pair.fail_over)
        found = await asyncio.gather(*(store.run(confirm(kept)) for _ in range(THREADS)))
        await store.close()
        return found

    def confirm(local_id: str) -> ScriptCall[Standing]:
        return scripts.check_durable(KEYS, local_ids=[local_id], timeout_ms=int(PATIENCE * 1000), replicas=1)

    with Store(pair.url, seconds=PATIENCE) as store:
        store.run(submit_one(kept))
        assert store.run(confirm(kept)).on_replicas == 1
        of_asyncio = asyncio.run(walk())
        of_threads = [store.run(confirm(kept)) for _ in range(THREADS)]
        assert store.run(confirm(lost)).lost

    for found in (*of_asyncio, *of_threads):
        assert (found.lost, found.on_disk, found.on_replicas, found.refusal) == (False, True, 1, None)
    with redis.Redis(port=pair.second.port) as second:
        assert second.exists(f"{KEYS.base}confirmed")


def test_a_replica_is_said_as_a_server_that_is_away_until_there_is_a_primary(pair: Pair) -> None:
    """Between the two steps of a failover nothing can be written; callers catch one error for it."""
    with Store(pair.url, seconds=PATIENCE) as store, Store(pair.url) as hasty:
        store.run(submit_one())
        pair.demote()
        with pytest.raises(StoreUnavailable, match="replica"):
            hasty.run(submit_one())

        pair.proxy.target = pair.second.port
        store.run(submit_one())

    assert accepted(pair.second) == 2
