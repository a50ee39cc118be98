"""Runs calls on Redis, for threads and workers.

It has no rules: a call's Lua script defines what it does, and `scripts` what it means.
"""

import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, Self, TypeVar
from weakref import WeakSet

from redis.exceptions import ResponseError

from outbound_chat.model.errors import StoreError
from outbound_chat.store.connection import AnyRedis, any_node, connect, patience
from outbound_chat.store.deadline import BoundedLock, Deadline
from outbound_chat.store.direct import DirectCommands, direct_commands
from outbound_chat.store.faults import FAULTS, RECONNECTED, in_our_words
from outbound_chat.store.keys import Keys
from outbound_chat.store.pipeline import ELSEWHERE, load_functions, run_pipelined, send_together
from outbound_chat.store.scripts import ScriptCall
from outbound_chat.store.scripts._loader import Way, Ways, knows_shebang
from outbound_chat.store.sentinel import close_sentinels
from outbound_chat.store.subscription import Subscription
from outbound_chat_config import Settings, is_cluster

T = TypeVar("T")

SECONDS = 5.0
"""Default time for a whole call; the same as the default of `redis_timeout`."""


class Signal(NamedTuple):
    """What woke a waker or a waiting pump."""

    key: str
    """The list that the signal came through."""
    word: str
    """What the signal says; for a waker, the nonce with which to start a pump."""


class Store:
    """The store in Redis. Safe to share between threads. After a fork the child has connections of its own.

    Every method raises `StoreUnavailable` when Redis gives no answer in time, and `StoreError` when it refuses.
    """

    def __init__(
        self, url: str, prefix: str = "oc", client: AnyRedis | None = None, *, seconds: float = SECONDS
    ) -> None:
        """`client` replaces the connection made from `url`, for example with fakeredis in tests.

        `seconds`: the time for a whole call, with all its tries.
        """
        self._url = url
        self._patience = patience(url, seconds)
        self._redis: Any = client
        self._direct: DirectCommands | None = None
        self._connecting = BoundedLock()
        if client is None:
            _stores.add(self)
        self.clustered = is_cluster(url)
        self._ways = Ways(shebang=knows_shebang(client))
        self._prefix = prefix

    @classmethod
    def from_settings(cls, settings: Settings, *, seconds: float | None = None) -> Self:
        """Returns the store of these settings. `seconds`: the time for a whole call; default: `redis_timeout`."""
        seconds = settings.redis_timeout.total_seconds() if seconds is None else seconds
        return cls(settings.redis_url.get_secret_value(), settings.key_prefix, seconds=seconds)

    @property
    def redis(self) -> Any:
        """The client of redis-py. It is made when it is first needed, since that of a cluster connects at once."""
        if self._redis is None:
            with self._connecting:
                if self._redis is None:
                    self._redis = connect(self._url, self._patience.seconds)
                    self._direct = direct_commands(self._redis)
        return self._redis

    def forget_connections(self) -> None:
        """Lets the next call connect again, without touching the present connections: they are the parent's."""
        # A thread of the parent may have held the old lock when it forked.
        self._connecting = BoundedLock()
        if self._redis is not None:
            # It is kept forever: deleting it would wait for a lock that a thread of the parent held when it forked.
            _of_parents.append((self._redis, self._direct))
            self._redis = self._direct = None

    @property
    def seconds(self) -> float:
        """The time for a whole call."""
        return self._patience.seconds

    def keys(self, budget: str) -> Keys:
        """Returns the names of the budget's keys."""
        return Keys(self._prefix, budget)

    def run(self, call: ScriptCall[T]) -> T:
        """Runs the call's script in one round trip; in two more if the server does not know the functions yet."""
        return call.read(self._patience.persist(lambda _: self._send(call), call.block_seconds))

    def begin(self, call: ScriptCall[T]) -> Callable[[], T]:
        """Sends the call, and returns the function that waits for its answer and must be called once.

        So the caller can work while Redis does. That function runs the call again where that is needed, and raises what
        `run` raises.
        """
        begun: list[Callable[[], Any]] = []
        if self._direct:
            # If it can't be sent, the function that is returned finds out why.
            with suppress(*FAULTS), Deadline(self._patience.seconds):
                begun.append(self._direct.begin(self._quickest(call)))

        def attempt(_: Deadline) -> Any:
            if begun:
                try:
                    return begun.pop()()
                except ResponseError as error:
                    if isinstance(error, RECONNECTED):
                        raise
            return self._send(call)

        return lambda: call.read(self._patience.persist(attempt))

    def _quickest(self, call: ScriptCall[Any]) -> tuple[str, ...]:
        """Returns the command that is tried first for the call."""
        return (*next(self._ways.of(call.script)).command, *call.script_args)

    def _send(self, call: ScriptCall[Any]) -> Any:
        for way in self._ways.of(call.script):
            try:
                if way.loads:
                    self._load(call, way)
                elif call.then:
                    return run_pipelined(self.redis, call, way)
                else:
                    return self._execute((*way.command, *call.script_args))
            except ResponseError as error:
                if not self._ways.next_after(way, error):
                    raise
        raise AssertionError("the last way ends with a reply or an error")

    def _execute(self, command: tuple[str, ...]) -> Any:
        client = self.redis
        return self._direct.execute(command) if self._direct else client.execute_command(*command)

    def _load(self, call: ScriptCall[Any], way: Way) -> None:
        if self._direct:
            self._direct.execute((*way.command[0].split(), *way.command[1:]))
        else:
            load_functions(self.redis, call, way)

    def run_together(self, calls: Sequence[ScriptCall[Any]]) -> "list[Any | StoreError]":
        """Runs calls of one budget, one after the other, in one round trip; returns an answer, or an error, for each.

        Raises:
            StoreUnavailable: there was no answer in time.
        """
        if len(calls) == 1:
            return [self._run_or_error(calls[0])]
        return self._together(calls, [])[1]

    def run_at_signal(self, key: str, timeout: float, call: ScriptCall[T]) -> "tuple[StoreError | None, T]":
        """Blocks as `wait_for_signal` does, and runs the call then, without another round trip between.

        Returns the answer, and the error if Redis would not wait for the signal.
        """
        # Only at the first try: a signal that was lost with its connection does not come again.
        (signalled,), (answer,) = self._together([call], [("BLPOP", key, f"{max(timeout, 0.01):.3f}")], timeout)
        if isinstance(answer, StoreError):
            raise answer
        return in_our_words(signalled) if isinstance(signalled, Exception) else None, answer

    def _together(
        self, calls: Sequence[ScriptCall[Any]], before: list[tuple[str, ...]], block: float = 0.0
    ) -> tuple[list[Any], list[Any]]:
        commands = [self._quickest(call) for call in calls]
        pending, size = [*before], len(before)

        def attempt(_: Deadline) -> list[Any]:
            sent = [*pending, *commands]
            pending.clear()
            replies = send_together(self.redis, calls[0].keys.base, sent, self._direct)
            if isinstance(replies[-1], ELSEWHERE):
                # redis-py makes a connection again only where it sends a single command.
                self.redis.execute_command(*sent[-1])
            return [None] * (size + len(calls) - len(sent)) + replies

        replies = self._patience.persist(attempt, block)
        answers = [
            # What the server could not run like this, it may run in another way, or another server may.
            self._run_or_error(call) if isinstance(reply, Exception) else call.read(reply)
            for call, reply in zip(calls, replies[size:], strict=True)
        ]
        return replies[:size], answers

    def _run_or_error(self, call: ScriptCall[T]) -> T | StoreError:
        try:
            return self.run(call)
        except StoreError as error:
            return error

    def ask(self, question: Callable[[Any], T]) -> T:
        """Returns what `question` returns, which is called with the client of redis-py, perhaps more than once."""
        return self._patience.persist(lambda _: question(self.redis))

    def wait_for_signal(self, keys: Sequence[str], timeout: float) -> Signal | None:
        """Blocks for at most `timeout` seconds (up to 5) until one of the lists has an element, which it takes."""
        ends = time.monotonic() + timeout
        # Redis reads a timeout of 0 as "forever".
        popped = self._patience.persist(
            lambda _: self.redis.blpop(list(keys), max(ends - time.monotonic(), 0.01)), timeout
        )
        return Signal(*popped) if popped else None

    def ping(self) -> None:
        """Returns when the server, or any node of a cluster, answers."""
        where = any_node(self._url)
        self.ask(lambda redis: redis.ping(**where))

    def listen(self, channel: str) -> Subscription:
        """Subscribes to a channel; nothing that is published after the block has begun is missed."""
        return Subscription(self._patience, lambda: self.redis, channel)

    def close(self) -> None:
        """Closes all connections."""
        if self._redis is not None:
            self._redis.close()
            close_sentinels(self._redis)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_stores: "WeakSet[Store]" = WeakSet()
_of_parents: list[Any] = []


def _forget_after_fork() -> None:
    for store in list(_stores):
        store.forget_connections()


os.register_at_fork(after_in_child=_forget_after_fork)
