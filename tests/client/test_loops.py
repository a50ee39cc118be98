"""A client for asyncio that is used in several event loops, on a real server: it connects anew, and leaks nothing."""

import asyncio
import gc
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import fakeredis
import pytest
import redis

from outbound_chat import AsyncOutboundChat, ClientClosed, Job
from outbound_chat.store import AsyncStore
from outbound_chat_worker.local.embedded import EmbeddedServer, embedded_server
from tests.client.conftest import VALUES
from tests.store.conftest import cluster_url  # noqa: F401  # a fixture
from tests.support.harness import number
from tests.support.waiting import wait_until

PATIENCE = 60.0
"""Bites on failure only."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    with embedded_server(tmp_path_factory.mktemp("valkey")) as running:
        yield running


@pytest.fixture
def look(server: EmbeddedServer) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(server.url, decode_responses=True) as client:
        yield client


def _connections(look: redis.Redis) -> int:
    """Of others."""
    return len(look.client_list()) - 1


def _client(url: str) -> AsyncOutboundChat:
    # Only workers ask the broker.
    return AsyncOutboundChat(redis_url=url, broker_url="redis://127.0.0.1:1", redis_timeout=PATIENCE, **VALUES)


async def _use(chat: AsyncOutboundChat) -> Job:
    """Calls, some at once, and a wait with its subscription."""
    jobs = await asyncio.gather(*(chat.enqueue(sender="support", to=number(index), text="Hello") for index in range(5)))
    waiting = asyncio.create_task(chat.wait(jobs[0].id, timeout=PATIENCE))
    await asyncio.sleep(0)
    await chat.cancel(jobs[0].id)
    return await waiting


def test_a_client_works_in_one_loop_after_another(server: EmbeddedServer, look: redis.Redis) -> None:
    """`asyncio.run` twice, and a test framework that has a loop for each test."""
    before, chat = _connections(look), _client(server.url)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(3):
            assert asyncio.run(_use(chat)).final
            # The loop has closed what was opened in it, before it ended.
            wait_until(lambda: _connections(look) == before, what="no connection that is left")
            gc.collect()
    asyncio.run(chat.close())


def test_a_client_works_in_two_loops_at_the_same_time(server: EmbeddedServer, look: redis.Redis) -> None:
    """Each thread of a server may have a loop of its own."""
    before, chat = _connections(look), _client(server.url)
    ready, ends = threading.Barrier(2, timeout=PATIENCE), list[Job]()

    async def walk() -> Job:
        await chat.ping()
        await asyncio.to_thread(ready.wait)  # both loops have connections now
        return await _use(chat)

    threads = [threading.Thread(target=lambda: ends.append(asyncio.run(walk()))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert [job.final for job in ends] == [True, True]
    wait_until(lambda: _connections(look) == before, what="no connection that is left")


def test_closing_it_in_one_loop_closes_it_in_the_other(server: EmbeddedServer, look: redis.Redis) -> None:
    """The other loop closes its own connections, which no other may touch."""
    before, chat = _connections(look), _client(server.url)
    connected, closed = threading.Event(), threading.Event()

    async def stay() -> None:
        await chat.ping()
        connected.set()
        await asyncio.to_thread(closed.wait, PATIENCE)

    thread = threading.Thread(target=lambda: asyncio.run(stay()))
    thread.start()
    assert connected.wait(PATIENCE)
    asyncio.run(chat.close())
    wait_until(lambda: _connections(look) == before, what="no connection that is left")
    closed.set()
    thread.join(PATIENCE)


def test_a_client_that_nobody_closed_leaves_no_connection(server: EmbeddedServer, look: redis.Redis) -> None:
    before = _connections(look)

    async def walk() -> None:
        await _use(_client(server.url))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asyncio.run(walk())
        gc.collect()
    wait_until(lambda: _connections(look) == before, what="no connection that is left")


def test_a_loop_that_is_left_open_does_not_hinder_the_next(server: EmbeddedServer) -> None:
    """A notebook stops a loop and begins another one."""
    chat, left = _client(server.url), asyncio.new_event_loop()
    assert left.run_until_complete(_use(chat)).final
    assert asyncio.run(_use(chat)).final
    assert left.run_until_complete(_use(chat)).final
    left.run_until_complete(chat.close())
    left.run_until_complete(left.shutdown_asyncgens())
    left.close()


class _Loop(asyncio.SelectorEventLoop):
    """Lets the test do something while a client looks whether this loop is closed."""

    meanwhile: Callable[[], None] = staticmethod(lambda: None)

    def is_closed(self) -> bool:
        self.meanwhile()
        return super().is_closed()


def test_a_loop_that_begins_while_another_connects_hinders_it_not(server: EmbeddedServer) -> None:
    """Each of many threads begins a loop when a server starts."""
    chat, first = _client(server.url), _Loop()
    first.run_until_complete(chat.ping())

    def begin() -> None:
        first.meanwhile = lambda: None
        thread = threading.Thread(target=lambda: asyncio.run(chat.ping()))
        thread.start()
        thread.join(PATIENCE)

    first.meanwhile = begin
    asyncio.run(chat.ping())
    first.run_until_complete(chat.close())
    first.close()


def test_a_close_that_is_cancelled_ends_waits_and_leaves_no_connection(
    server: EmbeddedServer, look: redis.Redis
) -> None:
    """A framework that shuts down gives it a limited time."""
    before, chat = _connections(look), _client(server.url)

    async def walk() -> None:
        job = await chat.enqueue(sender="support", to=number(1), text="Hello")
        waiting = asyncio.create_task(chat.wait(job.id, timeout=2 * PATIENCE))
        await asyncio.to_thread(wait_until, look.pubsub_channels, what="the subscription")
        closing = asyncio.create_task(chat.close())
        await asyncio.sleep(0)  # it waits for the subscription to end now
        closing.cancel()
        with pytest.raises(ClientClosed):
            await asyncio.wait_for(waiting, PATIENCE)
        await asyncio.gather(closing, return_exceptions=True)
        assert closing.cancelled()
        await asyncio.to_thread(wait_until, lambda: _connections(look) == before, what="no connection that is left")

    asyncio.run(walk())


def test_a_store_that_was_given_works_in_one_loop_after_another() -> None:
    """Tests give one on fakeredis, and have a loop for each test."""
    given = AsyncStore("redis://", client=fakeredis.FakeAsyncRedis(decode_responses=True))
    chat = AsyncOutboundChat(store=given, **VALUES)
    for _ in range(2):
        assert asyncio.run(_use(chat)).final


def test_a_client_of_a_cluster_does_so_too(cluster_url: str) -> None:  # noqa: F811  # the fixture
    chat: Any = _client(cluster_url)
    with redis.Redis(port=int(cluster_url.rpartition(":")[2]), decode_responses=True) as look:
        before = _connections(look)
        for _ in range(2):
            assert asyncio.run(_use(chat)).final
            wait_until(lambda: _connections(look) == before, what="no connection that is left")
