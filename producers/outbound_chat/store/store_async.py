"""Runs calls on Redis, for asyncio."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any, Self, TypeVar

from redis.exceptions import ResponseError

from outbound_chat.store.connection import AnyAsyncRedis, any_node, connect_async, patience
from outbound_chat.store.keys import Keys
from outbound_chat.store.pipeline import load_functions_async, run_together_async
from outbound_chat.store.scripts import ScriptCall
from outbound_chat.store.scripts._loader import Ways, knows_shebang
from outbound_chat.store.sentinel import close_sentinels_async
from outbound_chat.store.store import SECONDS
from outbound_chat.store.subscription import AsyncSubscription
from outbound_chat_config import Settings

T = TypeVar("T")

MOST_CALLS = 100
"""Scripts of one budget that a client of asyncio has under way at once. Each needs a connection, and to make one costs
as much as four calls: a thousand who ask at once would spend their time on that."""


class AsyncStore:
    """The same store for asyncio, for callers; workers use `Store`. Of one event loop, and made after any fork."""

    def __init__(
        self, url: str, prefix: str = "oc", client: AnyAsyncRedis | None = None, *, seconds: float = SECONDS
    ) -> None:
        """As that of `Store`."""
        self.redis: Any = client or connect_async(url, seconds)
        self._any_node = any_node(url)
        # Of each budget: in a cluster that of another may hang.
        self._rooms: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(MOST_CALLS))
        self._patience = patience(url, seconds)
        self._ways = Ways(shebang=knows_shebang(client))
        self._prefix = prefix

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """The store of these settings."""
        url, seconds = settings.redis_url.get_secret_value(), settings.redis_timeout.total_seconds()
        return cls(url, settings.key_prefix, seconds=seconds)

    def keys(self, budget: str) -> Keys:
        """Names of the budget's keys."""
        return Keys(self._prefix, budget)

    @property
    def seconds(self) -> float:
        """Time for a whole call."""
        return self._patience.seconds

    async def run(self, call: ScriptCall[T]) -> T:
        """As that of `Store`."""
        return call.read(await self._patience.persist_async(lambda _: self._send(call), call.block_seconds))

    async def _send(self, call: ScriptCall[Any]) -> Any:
        for way in self._ways.of(call.script):
            try:
                if way.loads:
                    await load_functions_async(self.redis, call, way)
                elif call.then:
                    return await run_together_async(self.redis, call, way)
                else:
                    async with self._rooms[call.keys.base]:
                        return await self.redis.execute_command(*way.command, *call.script_args)
            except ResponseError as error:
                if not self._ways.next_after(way, error):
                    raise
        raise AssertionError("the last way ends with a reply or an error")

    async def ask(self, question: Callable[[Any], Awaitable[T]]) -> T:
        """What `question` gets to know from the client of redis-py; it may be asked more than once."""
        return await self._patience.persist_async(lambda _: question(self.redis))

    async def ping(self) -> None:
        """As that of `Store`."""
        await self.ask(lambda redis: redis.ping(**self._any_node))

    def subscription(self) -> AsyncSubscription:
        """A connection of its own for channels, which come and go."""
        # Named as the channels of jobs are, which users of Redis may listen on; no id is "-".
        return AsyncSubscription(self._patience, self.redis, f"{self._prefix}:{{-}}:done:-")

    async def close(self) -> None:
        """Closes all connections."""
        await self.redis.aclose()
        await close_sentinels_async(self.redis)
