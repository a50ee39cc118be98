"""A subscription that one task writes to while another reads, and asyncio's connections, when one of them is lost."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from outbound_chat.model.errors import StoreUnavailable
from outbound_chat.store import AsyncStore, AsyncSubscription
from tests.support.proxy import running_proxy

PATIENCE = 60.0
"""Bites on failure only."""

Use = Callable[[AsyncSubscription], Coroutine[Any, Any, object]]
USES: dict[str, Use] = {
    "add": lambda subscription: subscription.add(["oc:{main}:done:a"]),
    "remove": lambda subscription: subscription.remove(["oc:{main}:done:b"]),
    "ping": lambda subscription: subscription.next(0.0),
}


class Sends:
    """Stands in for `asyncio.wait_for`, under which redis-py sends, and holds each send before its first byte.

    Before Python 3.12 that makes a task of what it waits for, so that any other task may run there.
    """

    def __init__(self) -> None:
        self.held: asyncio.Queue[asyncio.Event] = asyncio.Queue()

    async def wait_for(self, send: Coroutine[Any, Any, None], _: float) -> None:
        go = asyncio.Event()
        self.held.put_nowait(go)
        try:
            await go.wait()
        except asyncio.CancelledError:
            send.close()
            raise
        await send


async def tear_down(subscription: AsyncSubscription, sends: Sends) -> None:
    """Cancels another task in the middle of a send; redis-py lets its connection go wherever one ends badly."""
    other = asyncio.create_task(USES["add"](subscription))
    await sends.held.get()
    other.cancel()
    await asyncio.wait({other})


@asynccontextmanager
async def subscribed(url: str) -> AsyncIterator[AsyncSubscription]:
    store = AsyncStore(url, seconds=PATIENCE)
    try:
        async with asyncio.timeout(PATIENCE), store.subscription() as subscription:
            yield subscription
    finally:
        await store.close()


@pytest.fixture(params=["standalone", "cluster"])
def url(request: pytest.FixtureRequest) -> str:
    if request.param == "cluster":
        return str(request.getfixturevalue("cluster_url"))
    return f"redis://127.0.0.1:{request.getfixturevalue('standalone').redis.get_connection_kwargs()['port']}"


@pytest.mark.parametrize("use", USES)
def test_a_send_that_finds_the_connection_torn_down_by_the_other_task_reports_the_loss(
    url: str, use: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is about to use the connection just then."""

    async def work() -> None:
        async with subscribed(url) as subscription:
            sends = Sends()
            with monkeypatch.context() as patch:
                patch.setattr(asyncio, "wait_for", sends.wait_for)
                late = asyncio.create_task(USES[use](subscription))
                go = await sends.held.get()
                await tear_down(subscription, sends)
                go.set()
                with pytest.raises(StoreUnavailable):
                    await late

    asyncio.run(work())


@pytest.mark.parametrize("use", USES)
def test_a_subscription_that_was_lost_does_not_connect_again(
    url: str, use: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was published meanwhile is lost too, and nobody would look."""

    async def work() -> None:
        async with subscribed(url) as subscription:
            with monkeypatch.context() as patch:
                sends = Sends()
                patch.setattr(asyncio, "wait_for", sends.wait_for)
                await tear_down(subscription, sends)
            with pytest.raises(StoreUnavailable):
                await USES[use](subscription)

    asyncio.run(work())


def test_a_reader_reports_that_the_other_task_tore_the_connection_down(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work() -> None:
        async with subscribed(url) as subscription:
            sends = Sends()
            monkeypatch.setattr(asyncio, "wait_for", sends.wait_for)
            reading = asyncio.create_task(subscription.next(PATIENCE))
            await tear_down(subscription, sends)
            with pytest.raises(StoreUnavailable):
                await reading

    asyncio.run(work())


@pytest.mark.parametrize("use", USES)
def test_a_fault_of_a_program_on_a_whole_connection_surfaces(
    url: str, use: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def writelines(*_: object) -> None:
        raise TypeError("a fault of a program")

    async def work() -> None:
        async with subscribed(url) as subscription:
            monkeypatch.setattr(asyncio.StreamWriter, "writelines", writelines)
            with pytest.raises(TypeError, match="a fault of a program"):
                await USES[use](subscription)

    asyncio.run(work())


@pytest.fixture
def _strict_transports(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Python 3.12 and 3.13 have them. https://github.com/python/cpython/issues/136234"""
    original = asyncio.StreamWriter.writelines

    def writelines(writer: asyncio.StreamWriter, data: list[bytes]) -> None:
        if writer.is_closing():
            raise TypeError("'NoneType' object is not callable")
        original(writer, data)

    monkeypatch.setattr(asyncio.StreamWriter, "writelines", writelines)


async def _seen_lost(connection: Any) -> None:
    """Returns when the event loop knows that the line was cut."""
    async with asyncio.timeout(PATIENCE):
        while not connection._writer.is_closing():  # noqa: ASYNC110  # it signals nothing
            await asyncio.sleep(0)


@pytest.mark.usefixtures("_strict_transports")
def test_a_line_that_was_cut_between_two_calls_costs_a_new_connection(standalone: Any) -> None:
    """Each asyncio call of a client, after a firewall or a server reset what stood in its pool."""

    async def work(port: int, cut: Callable[[], None]) -> None:
        store = AsyncStore(f"redis://127.0.0.1:{port}", seconds=PATIENCE)
        await store.ping()
        (connection,) = store.redis.connection_pool._available_connections
        cut()
        await _seen_lost(connection)
        await store.ping()
        await store.close()

    with running_proxy(standalone.redis.get_connection_kwargs()["port"]) as proxy:
        asyncio.run(work(proxy.port, proxy.cut))


@pytest.mark.usefixtures("_strict_transports")
@pytest.mark.parametrize("use", USES)
def test_a_subscription_whose_line_was_cut_reports_the_loss(standalone: Any, use: str) -> None:
    async def work(port: int, cut: Callable[[], None]) -> None:
        async with subscribed(f"redis://127.0.0.1:{port}") as subscription:
            cut()
            await _seen_lost(subscription._pubsub.connection)
            with pytest.raises(StoreUnavailable):
                await USES[use](subscription)

    with running_proxy(standalone.redis.get_connection_kwargs()["port"]) as proxy:
        asyncio.run(work(proxy.port, proxy.cut))


def test_a_cancellation_that_comes_as_a_send_fails_is_not_lost(
    standalone: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a call that was given up would be tried again."""

    async def work() -> bool:
        store = AsyncStore(f"redis://127.0.0.1:{standalone.redis.get_connection_kwargs()['port']}", seconds=PATIENCE)
        await store.ping()
        call = asyncio.create_task(store.ping())

        async def drain(_: asyncio.StreamWriter) -> None:
            monkeypatch.undo()
            call.cancel()
            raise ConnectionResetError

        monkeypatch.setattr(asyncio.StreamWriter, "drain", drain)
        await asyncio.wait({call})
        await store.close()
        return call.cancelled()

    assert asyncio.run(work())
