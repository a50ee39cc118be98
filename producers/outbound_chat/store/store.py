"""Runs calls on Redis, for threads and workers.

Not for rules: what a call does stands in its Lua script, what it means in `scripts`.
"""

import os
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar
from weakref import WeakSet

from redis.exceptions import ResponseError

from outbound_chat.store.connection import AnyRedis, any_node, connect, patience
from outbound_chat.store.deadline import BoundedLock
from outbound_chat.store.keys import Keys
from outbound_chat.store.pipeline import load_functions, run_pipelined
from outbound_chat.store.scripts import ScriptCall
from outbound_chat.store.scripts._loader import Ways, knows_shebang
from outbound_chat.store.sentinel import close_sentinels
from outbound_chat.store.subscription import Subscription
from outbound_chat_config import Settings, is_cluster

T = TypeVar("T")

SECONDS = 5.0
"""Time for a whole call where nothing else is said, as `redis_timeout` by default."""


class Signal(NamedTuple):
    """What woke a waker or a waiting pump."""

    key: str
    """The list it came through."""
    word: str
    """What it says; to a waker, the nonce with which to bring a pump."""


class Store:
    """The store in Redis. Safe to share between threads. After a fork the child has connections of its own.

    Every method raises `StoreUnavailable` when Redis gives no answer in time, and `StoreError` when it refuses.
    """

    def __init__(
        self, url: str, prefix: str = "oc", client: AnyRedis | None = None, *, seconds: float = SECONDS
    ) -> None:
        """`client` replaces the connection made from `url`, for example by fakeredis in tests.

        `seconds`: for a whole call, with all its tries.
        """
        self._url = url
        self._patience = patience(url, seconds)
        self._redis: Any = client
        self._connecting = BoundedLock()
        if client is None:
            _stores.add(self)
        self.clustered = is_cluster(url)
        self._ways = Ways(shebang=knows_shebang(client))
        self._prefix = prefix

    @classmethod
    def from_settings(cls, settings: Settings, *, seconds: float | None = None) -> Self:
        """The store of these settings. `seconds`: for a whole call, by default as `redis_timeout` says."""
        seconds = settings.redis_timeout.total_seconds() if seconds is None else seconds
        return cls(settings.redis_url.get_secret_value(), settings.key_prefix, seconds=seconds)

    @property
    def redis(self) -> Any:
        """The client of redis-py. Made when it is first needed: that of a cluster connects at once, and may be away."""
        if self._redis is None:
            with self._connecting:
                if self._redis is None:
                    self._redis = connect(self._url, self._patience.seconds)
        return self._redis

    def forget_connections(self) -> None:
        """Lets the next call connect anew, and touches nothing of the connections that stand: they are the parent's."""
        # A thread of the parent may have held the old lock at the fork.
        self._connecting = BoundedLock()
        if self._redis is not None:
            # Never let go of: its end would wait for a lock that a thread of the parent held at the fork.
            _of_parents.append(self._redis)
            self._redis = None

    @property
    def seconds(self) -> float:
        """Time for a whole call."""
        return self._patience.seconds

    def keys(self, budget: str) -> Keys:
        """Names of the budget's keys."""
        return Keys(self._prefix, budget)

    def run(self, call: ScriptCall[T]) -> T:
        """Runs the call's script in one round trip; in two more where the server does not know the functions yet."""
        return call.read(self._patience.persist(lambda _: self._send(call), call.block_seconds))

    def _send(self, call: ScriptCall[Any]) -> Any:
        for way in self._ways.of(call.script):
            try:
                if way.loads:
                    load_functions(self.redis, call, way)
                elif call.then:
                    return run_pipelined(self.redis, call, way)
                else:
                    return self.redis.execute_command(*way.command, *call.script_args)
            except ResponseError as error:
                if not self._ways.next_after(way, error):
                    raise
        raise AssertionError("the last way ends with a reply or an error")

    def ask(self, question: Callable[[Any], T]) -> T:
        """What `question` gets to know from the client of redis-py; it may be asked more than once."""
        return self._patience.persist(lambda _: question(self.redis))

    def wait_for_signal(self, keys: Sequence[str], timeout: float) -> Signal | None:
        """Blocks for at most `timeout` seconds (up to 5) until one of the lists has an element, which it takes."""
        ends = time.monotonic() + timeout
        # Redis reads a timeout of 0 as "for ever".
        popped = self._patience.persist(
            lambda _: self.redis.blpop(list(keys), max(ends - time.monotonic(), 0.01)), timeout
        )
        return Signal(*popped) if popped else None

    def ping(self) -> None:
        """Returns when the server answers, of a cluster any node."""
        where = any_node(self._url)
        self.ask(lambda redis: redis.ping(**where))

    def listen(self, channel: str) -> Subscription:
        """Subscribes to a channel; when the block begins, nothing that is published from then on is missed."""
        return Subscription(self._patience, lambda: self.redis, channel)

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
