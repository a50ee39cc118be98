"""Runs calls on Redis: `Store` for threads and workers, `AsyncStore` for asyncio.

Not for rules: what a call does stands in its Lua script, what it means in `calls`.
"""

import os
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar
from weakref import WeakSet

from redis.exceptions import NoScriptError

from outbound_chat.store.calls import Call, is_count, read_shared
from outbound_chat.store.connection import AnyAsyncRedis, AnyRedis, connect, connect_async, is_cluster, translated
from outbound_chat.store.keys import KINDS, Keys
from outbound_chat.store.scripts import knows_shebang, load_script
from outbound_chat.store.sentinel import close_sentinels, close_sentinels_async
from outbound_chat.store.subscription import AsyncSubscription
from outbound_chat.store.together import run_together, run_together_async

T = TypeVar("T")

_LISTS = ("suppressed:", "marked:")

STANDS_SECONDS = 5.0
"""Longest wait for the server to confirm a subscription, which it does with a message of its own."""


class Signal(NamedTuple):
    """What woke a waker or a waiting pump."""

    key: str
    """The list it came through."""
    word: str
    """What it says; to a waker, the nonce with which to bring a pump."""


class Store:
    """The ledger in Redis. Safe to share between threads. After a fork the child has connections of its own.

    Every method raises `StoreUnavailable` when Redis can't be reached and `StoreError` when it refuses.
    """

    def __init__(self, url: str, prefix: str = "oc", client: AnyRedis | None = None) -> None:
        """`client` replaces the connection made from `url`, for example by fakeredis in tests."""
        self._url = url
        self._redis: Any = client
        self._connecting = threading.Lock()
        if client is None:
            _stores.add(self)
        self.clustered = is_cluster(url)
        self._shebang = knows_shebang(client)
        self._prefix = prefix

    @property
    def redis(self) -> Any:
        """The client of redis-py. Made when it is first needed: that of a cluster connects at once, and may be away."""
        with self._connecting:
            if self._redis is None:
                self._redis = connect(self._url)
            return self._redis

    def forget_connections(self) -> None:
        """Lets the next call connect anew, and touches nothing of the connections that stand: they are the parent's."""
        # A thread of the parent may have held the old lock at the fork.
        self._connecting = threading.Lock()
        if self._redis is not None:
            # Never let go of: its end would wait for a lock that a thread of the parent held at the fork.
            _of_parents.append(self._redis)
            self._redis = None

    def keys(self, budget: str) -> Keys:
        """Names of the budget's keys."""
        return Keys(self._prefix, budget)

    def run(self, call: Call[T]) -> T:
        """Runs the call's script in one round trip; a second one where the server does not know the script yet."""
        script = load_script(call.script, shebang=self._shebang)
        with translated():
            if call.then:
                return call.read(run_together(self.redis, call, script))
            try:
                reply = self.redis.evalsha(script.sha, 2, *call.keys.declared, *call.args)
            except NoScriptError:
                reply = self.redis.eval(script.source, 2, *call.keys.declared, *call.args)
        return call.read(reply)

    def wait_for_signal(self, keys: Sequence[str], timeout: float) -> Signal | None:
        """Blocks for at most `timeout` seconds (up to 5) until one of the lists has an element, which it takes."""
        with translated():
            # Redis reads a timeout of 0 as "for ever".
            popped = self.redis.blpop(list(keys), max(timeout, 0.01))
        return Signal(*popped) if popped else None

    def shared_request(self, keys: Keys, batch: str) -> str | None:
        """The part of the request that all jobs of the batch share, as stored; None: the batch's book can't be read."""
        return self.run(read_shared(keys, batch))

    def books(self, keys: Keys) -> dict[str, int]:
        """Counts by state over all jobs the budget ever accepted; fields that another program wrote are left out."""
        with translated():
            counts = self.redis.hgetall(keys.books)
        return {field: int(count) for field, count in counts.items() if count and is_count(count)}

    def strangers(self, keys: Keys) -> list[str]:
        """Keys of the budget that have another type than ours, so that another program wrote them."""
        kinds = {f"{keys.base}{kind.pattern}": kind.type for kind in KINDS if "*" not in kind.pattern}
        with translated():
            found = self._types(kinds)
            if found[keys.senders] == kinds[keys.senders]:
                lists = {keys.base + part + name: "hash" for name in self.redis.hkeys(keys.senders) for part in _LISTS}
                kinds |= lists
                found |= self._types(lists)
        return [name for name, type_ in found.items() if type_ not in {"none", kinds[name]}]

    def _types(self, names: Collection[str]) -> dict[str, str]:
        """All with one round trip: there are two lists for each sender."""
        pipeline = self.redis.pipeline(transaction=False)
        for name in names:
            pipeline.type(name)
        return dict(zip(names, pipeline.execute(), strict=True))

    def faults(self, keys: Keys) -> dict[str, int]:
        """What does not add up, as the wakers noted it: `kind:` with the lane or job → by how much."""
        with translated():
            return {name: int(number) for name, number in self.redis.hgetall(keys.faults).items()}

    def worker_versions(self, keys: Keys) -> dict[str, str]:
        """Workers seen within the last 10 s → version of the budget's settings that each was started with."""
        with translated():
            members = self.redis.zrange(keys.workers, 0, -1)
        return dict(member.rsplit(" ", 1) for member in members)

    def skewed_workers(self, keys: Keys) -> dict[str, float]:
        """Workers seen within the last 10 s that claim nothing → seconds that the clock of their machine is ahead."""
        with translated():
            members = self.redis.zrange(keys.skewed, 0, -1)
        return {worker: int(ms) / 1000 for worker, ms in (member.rsplit(" ", 1) for member in members)}

    def unanswered_requests(self, keys: Keys) -> int:
        """How often wakers asked for a pump since the last one came; 0 where one is at work."""
        with translated():
            asked = self.redis.hget(keys.requests, "needed")
            seconds, micros = self.redis.time()
            pumps = self.redis.zcount(keys.pumps, seconds * 1000 + micros // 1000, "+inf")
        return int(asked) if asked and is_count(asked) and not pumps else 0

    def forget_worker(self, keys: Keys, worker: str, version: str) -> None:
        """Takes a worker that ends off the list."""
        with translated():
            self.redis.zrem(keys.workers, f"{worker} {version}")

    def budget_settings(self, keys: Keys) -> dict[str, str]:
        """The settings of the budget that the scripts obey, `rate` and `burst` among them; empty: none were written."""
        with translated():
            settings: dict[str, str] = self.redis.hgetall(keys.settings)
        return settings

    def pace(self, keys: Keys) -> tuple[float, float]:
        """Calls a second that the budget makes now, and its ceiling; zeros while nothing was sent."""
        with translated():
            rate, ceiling = self.redis.hmget(keys.bucket, "rate", "ceiling")
        try:
            return float(rate or 0), float(ceiling or 0)
        except ValueError:
            # Another program wrote there; the next result is learned from anew.
            return 0.0, 0.0

    def ping(self) -> None:
        """Returns when the server answers."""
        with translated():
            self.redis.ping()

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
        if self._redis is not None:
            self._redis.close()
            close_sentinels(self._redis)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


_stores: "WeakSet[Store]" = WeakSet()
_of_parents: list[Any] = []


def _forget_after_fork() -> None:
    for store in list(_stores):
        store.forget_connections()


os.register_at_fork(after_in_child=_forget_after_fork)


class Listener:
    """A subscription that stands."""

    def __init__(self, pubsub: Any) -> None:
        self._pubsub = pubsub

    def wait(self, timeout: float) -> None:
        """Returns when a message comes, or after `timeout` seconds."""
        with translated():
            self._pubsub.get_message(timeout=timeout)


class AsyncStore:
    """The same ledger for asyncio, for callers; workers use `Store`. Of one event loop, and made after any fork."""

    def __init__(self, url: str, prefix: str = "oc", client: AnyAsyncRedis | None = None) -> None:
        """`client` replaces the connection made from `url`, for example by fakeredis in tests."""
        self.redis: Any = client or connect_async(url)
        self._shebang = knows_shebang(client)
        self._prefix = prefix

    def keys(self, budget: str) -> Keys:
        """Names of the budget's keys."""
        return Keys(self._prefix, budget)

    async def run(self, call: Call[T]) -> T:
        """Runs the call's script in one round trip; a second one where the server does not know the script yet."""
        script = load_script(call.script, shebang=self._shebang)
        with translated():
            if call.then:
                return call.read(await run_together_async(self.redis, call, script))
            try:
                reply = await self.redis.evalsha(script.sha, 2, *call.keys.declared, *call.args)
            except NoScriptError:
                reply = await self.redis.eval(script.source, 2, *call.keys.declared, *call.args)
        return call.read(reply)

    async def ping(self) -> None:
        """Returns when the server answers."""
        with translated():
            await self.redis.ping()

    def subscription(self) -> AsyncSubscription:
        """A connection of its own for channels, which come and go."""
        # Named as the channels of jobs are, which users of Redis may listen on; no id is "-".
        return AsyncSubscription(self.redis.pubsub(), f"{self._prefix}:{{-}}:done:-")

    async def close(self) -> None:
        """Closes all connections."""
        await self.redis.aclose()
        await close_sentinels_async(self.redis)
