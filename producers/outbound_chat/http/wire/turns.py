"""Work whose size a caller chooses: others get their turn in between, and it ends when the caller has gone.

A few bytes of gzip or JSON may stand for millions of rows. Rows that are all refused wait for nothing, so that without
this nobody else would be served meanwhile, and nobody would see that the caller hung up.
"""

import asyncio
import time
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from typing import TypeVar

from starlette.requests import ClientDisconnect, Request

T = TypeVar("T")

HAS_GONE = "outbound_chat.has_gone"
"""Where a request keeps the function that says whether its caller has hung up."""
TURN_SECONDS = 0.01
"""How long others wait at most; a liveness probe of a second then passes beside a hundred such requests."""


class Turns:
    """Of one request."""

    def __init__(self, request: Request) -> None:
        self._has_gone: Callable[[], bool] = request.scope[HAS_GONE]
        self._ends_at = 0.0

    @property
    def over(self) -> bool:
        """Whether it is time to `rest`."""
        return time.monotonic() >= self._ends_at

    async def rest(self) -> None:
        """Lets others have their turn.

        Raises:
            ClientDisconnect: the caller has gone; nobody would read the answer.
        """
        await asyncio.sleep(0)
        if self._has_gone():
            raise ClientDisconnect
        self._ends_at = time.monotonic() + TURN_SECONDS

    async def each(self, items: Iterable[T] | AsyncIterable[T]) -> AsyncIterator[T]:
        """The same items, with rests between them."""
        async for item in _each(items):
            yield item
            if self.over:
                await self.rest()


async def _each(items: Iterable[T] | AsyncIterable[T]) -> AsyncIterator[T]:
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item
