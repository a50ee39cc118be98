"""Runs calls on Redis: `Store` for threads and workers, `AsyncStore` for asyncio.

Not for rules: what a call does stands in its Lua script, what it means in `calls.py`.
"""

import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar, cast

from redis.exceptions import NoScriptError

from outbound_chat.store.calls import Call
from outbound_chat.store.connection import AnyAsyncRedis, AnyRedis, connect, connect_async, is_cluster, translated
from outbound_chat.store.keys import Keys
from outbound_chat.store.scripts import load_script

T = TypeVar("T")

STANDS_SECONDS = 5.0
"""Longest wait for the server to confirm a subscription, which it does with a message of its own."""


class Signal(NamedTuple):
    """What woke a waker or a waiting pump."""

    key: str
    """The list it came through."""
    word: str
    """What it says; to a waker, the nonce with which to bring a pump."""


class Store:
    """The ledger in Redis. Safe to share between threads; not between processes: make it after a fork.

    Every method raises `StoreUnavailable` when Redis can't be reached and `StoreError` when it refuses.
    """

    def __init__(self, url: str, prefix: str = "oc", client: AnyRedis | None = None) -> None:
        """`client` replaces the connection made from `url`, for example by fakeredis in tests."""
        self._url = url
        self._client = client
        self._connecting = threading.Lock()
        self.clustered = is_cluster(url)
        self._prefix = prefix

    @property
    def redis(self) -> Any:
        """The client. Made when it is first needed: that of a cluster connects at once, and the cluster may be away."""
        with self._connecting:
            if self._client is None:
                self._client = connect(self._url)
            return self._client

    def keys(self, budget: str) -> Keys:
        """Names of the budget's keys."""
        return Keys(self._prefix, budget)

    def run(self, call: Call[T]) -> T:
        """Runs the call's script in one round trip; a second one where the server does not know the script yet."""
        script = load_script(call.script)
        with translated():
            try:
                reply = self.redis.evalsha(script.sha, 1, call.keys.base, *call.args)
            except NoScriptError:
                reply = self.redis.eval(script.source, 1, call.keys.base, *call.args)
        return call.read(reply)

    def wait_for_signal(self, keys: Sequence[str], timeout: float) -> Signal | None:
        """Blocks for at most `timeout` seconds (up to 5) until one of the lists has an element, which it takes."""
        with translated():
            # Redis reads a timeout of 0 as "for ever".
            popped = self.redis.blpop(list(keys), max(timeout, 0.01))
        return Signal(*popped) if popped else None

    def shared_request(self, keys: Keys, batch: str) -> str:
        """The part of the request that all jobs of the batch share, as stored; empty: there is none."""
        with translated():
            return cast("str | None", self.redis.hget(keys.batch(batch), "shared")) or ""

    def books(self, keys: Keys) -> dict[str, int]:
        """Counts by state over all jobs the budget ever accepted."""
        with translated():
            return {field: int(count) for field, count in self.redis.hgetall(keys.books).items()}

    def worker_versions(self, keys: Keys) -> dict[str, str]:
        """Workers seen within the last 10 s → version of the budget's settings that each was started with."""
        with translated():
            members = self.redis.zrange(keys.workers, 0, -1)
        return dict(member.rsplit(" ", 1) for member in members)

    def forget_worker(self, keys: Keys, worker: str, version: str) -> None:
        """Takes a worker that ends off the list."""
        with translated():
            self.redis.zrem(keys.workers, f"{worker} {version}")

    def budget_settings(self, keys: Keys) -> dict[str, str]:
        """The settings of the budget that the scripts obey, `rate` and `burst` among them; empty: none were written."""
        with translated():
            settings: dict[str, str] = self.redis.hgetall(keys.settings)
        return settings

    def server_info(self) -> dict[str, Any]:
        """What the server says of itself (INFO), and `clock_skew`: seconds that this machine's clock is ahead of it."""
        with translated():
            info: dict[str, Any] = self.redis.info()
            seconds, micros = self.redis.time()
        if self.clustered:
            info = next(iter(info.values())) if all(isinstance(part, dict) for part in info.values()) else info
        return {**info, "clock_skew": time.time() - seconds - micros / 1_000_000}

    @contextmanager
    def listen(self, channel: str) -> "Iterator[Listener]":
        """Subscribes to a channel; returns when the subscription stands."""
        with translated():
            pubsub = self.redis.pubsub()
        try:
            with translated():
                pubsub.subscribe(channel)
            listener = Listener(pubsub)
            listener.wait(STANDS_SECONDS)
            yield listener
        finally:
            pubsub.close()

    def close(self) -> None:
        """Closes all connections."""
        if self._client is not None:
            self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Listener:
    """A subscription that stands."""

    def __init__(self, pubsub: Any) -> None:
        self._pubsub = pubsub

    def wait(self, timeout: float) -> None:
        """Returns when a message comes, or after `timeout` seconds."""
        with translated():
            self._pubsub.get_message(timeout=timeout)


class AsyncStore:
    """The same ledger for asyncio, for callers; workers use `Store`."""

    def __init__(self, url: str, prefix: str = "oc", client: AnyAsyncRedis | None = None) -> None:
        """`client` replaces the connection made from `url`, for example by fakeredis in tests."""
        self.redis: Any = client or connect_async(url)
        self._prefix = prefix

    def keys(self, budget: str) -> Keys:
        """Names of the budget's keys."""
        return Keys(self._prefix, budget)

    async def run(self, call: Call[T]) -> T:
        """Runs the call's script in one round trip; a second one where the server does not know the script yet."""
        script = load_script(call.script)
        with translated():
            try:
                reply = await self.redis.evalsha(script.sha, 1, call.keys.base, *call.args)
            except NoScriptError:
                reply = await self.redis.eval(script.source, 1, call.keys.base, *call.args)
        return call.read(reply)

    @asynccontextmanager
    async def listen(self, channel: str) -> "AsyncIterator[AsyncListener]":
        """Subscribes to a channel; returns when the subscription stands."""
        pubsub = self.redis.pubsub()
        try:
            with translated():
                await pubsub.subscribe(channel)
            listener = AsyncListener(pubsub)
            await listener.wait(STANDS_SECONDS)
            yield listener
        finally:
            await pubsub.aclose()

    async def close(self) -> None:
        """Closes all connections."""
        await self.redis.aclose()


class AsyncListener:
    """A subscription that stands."""

    def __init__(self, pubsub: Any) -> None:
        self._pubsub = pubsub

    async def wait(self, timeout: float) -> None:  # noqa: ASYNC109  # the reader's own time-out ends it cleanly
        """Returns when a message comes, or after `timeout` seconds."""
        with translated():
            await self._pubsub.get_message(timeout=timeout)
