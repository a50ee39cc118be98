"""Runs calls on Redis, for asyncio."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any, Self, TypeVar

from redis.exceptions import ResponseError

from outbound_chat.store.connection import AnyAsyncRedis, any_node, connect_async, patience
from outbound_chat.store.deadline import Deadline
from outbound_chat.store.keys import Keys
from outbound_chat.store.pipeline import load_functions_async, run_pipelined_async
from outbound_chat.store.scripts import ScriptCall
from outbound_chat.store.scripts._loader import Ways, knows_shebang
from outbound_chat.store.sentinel import close_sentinels_async
from outbound_chat.store.store import SECONDS
from outbound_chat.store.subscription import AsyncSubscription
from outbound_chat.store.together import Together
from outbound_chat_config import Settings, is_cluster

T = TypeVar("T")

MOST_CALLS = 100
"""Scripts of one budget that a client of a cluster runs at the same time, each on a connection of its own."""


class AsyncStore:
    """The store for asyncio, for callers; workers use `Store`. It belongs to one event loop; make it after any fork."""

    def __init__(
        self, url: str, prefix: str = "oc", client: AnyAsyncRedis | None = None, *, seconds: float = SECONDS
    ) -> None:
        """Takes the same arguments as `Store`."""
        self.redis: Any = client or connect_async(url, seconds)
        self._any_node = any_node(url)
        self._together = None if is_cluster(url) else Together(self.redis)
        # One for each budget: in a cluster, the node of another budget may hang.
        self._rooms: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(MOST_CALLS))
        self._patience = patience(url, seconds)
        self._ways = Ways(shebang=knows_shebang(client))
        self._prefix = prefix

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Returns the store of these settings."""
        url, seconds = settings.redis_url.get_secret_value(), settings.redis_timeout.total_seconds()
        return cls(url, settings.key_prefix, seconds=seconds)

    def keys(self, budget: str) -> Keys:
        """Returns the names of the budget's keys."""
        return Keys(self._prefix, budget)

    @property
    def seconds(self) -> float:
        """The time for a whole call."""
        return self._patience.seconds

    async def run(self, call: ScriptCall[T]) -> T:
        """Does the same as `Store.run`."""
        return call.read(
            await self._patience.persist_async(lambda deadline: self._send(call, deadline), call.block_seconds)
        )

    async def _send(self, call: ScriptCall[Any], deadline: Deadline) -> Any:
        for way in self._ways.of(call.script):
            try:
                if way.loads:
                    await load_functions_async(self.redis, call, way)
                elif call.then:
                    return await run_pipelined_async(self.redis, call, way)
                elif self._together:
                    return await self._together.run((*way.command, *call.script_args), deadline)
                else:
                    async with self._rooms[call.keys.base]:
                        return await self.redis.execute_command(*way.command, *call.script_args)
            except ResponseError as error:
                if not self._ways.next_after(way, error):
                    raise
        raise AssertionError("the last way ends with a reply or an error")

    async def ask(self, question: Callable[[Any], Awaitable[T]]) -> T:
        """Returns what `question` returns, which is called with the client of redis-py, perhaps more than once."""
        return await self._patience.persist_async(lambda _: question(self.redis))

    async def ping(self) -> None:
        """Does the same as `Store.ping`."""
        await self.ask(lambda redis: redis.ping(**self._any_node))

    def subscription(self) -> AsyncSubscription:
        """Returns a connection of its own for channels that come and go."""
        # It has the form of the channels of jobs, which users of Redis may listen on; no job has the id "-".
        return AsyncSubscription(self._patience, self.redis, f"{self._prefix}:{{-}}:done:-")

    async def close(self) -> None:
        """Closes all connections."""
        if self._together:
            await self._together.settle()
        await self.redis.aclose()
        await close_sentinels_async(self.redis)
