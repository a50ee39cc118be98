"""Lets other requests take turns with work whose size a caller chooses, and ends it when the caller disconnects.

A few bytes of gzip or JSON may be millions of rows. Rejected rows never wait for Redis, so without this no other
request would be served meanwhile, and a disconnect would go unnoticed.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from typing import TypeVar

from starlette.requests import ClientDisconnect, Request

T = TypeVar("T")

HAS_GONE = "outbound_chat.has_gone"
"""Key of the scope for the function that returns whether the caller has disconnected."""
TURN_SECONDS = 0.01
"""Longest wait of others. A liveness probe with a timeout of a second then passes next to a hundred such requests."""


class Turns:
    """The turns of a request."""

    def __init__(self, request: Request) -> None:
        self._has_gone: Callable[[], bool] = request.scope[HAS_GONE]
        self._ends_at = 0.0

    @property
    def over(self) -> bool:
        """Whether it is time to `rest`."""
        return time.monotonic() >= self._ends_at

    async def rest(self) -> None:
        """Gives others their turn.

        Raises:
            ClientDisconnect: the caller has disconnected.
        """
        await asyncio.sleep(0)
        if self._has_gone():
            raise ClientDisconnect
        self._ends_at = time.monotonic() + TURN_SECONDS

    async def each(self, items: Iterable[T]) -> AsyncIterator[T]:
        """Yields the items, with rests between them."""
        for item in items:
            yield item
            if self.over:
                await self.rest()
