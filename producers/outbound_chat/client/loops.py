"""The connections of an asyncio client: connections of one event loop can't be used in another.

So a client connects again in each loop, and the end of a loop closes its connections: `asyncio.run` closes the
asynchronous generators of a loop before the loop itself.
https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.shutdown_asyncgens
"""

from collections.abc import AsyncGenerator
from contextlib import suppress

from outbound_chat.client.waiters import Finals, WaiterHub
from outbound_chat.store import AsyncStore


class InLoop:
    """What a client has in one event loop: the one in which this is created."""

    def __init__(self, store: AsyncStore, finals: Finals) -> None:
        self.store = store
        self.waiters = WaiterHub(store, finals)
        self._open = _until_closed(store, self.waiters)
        with suppress(StopIteration):  # which is how a generator begins; from here on the loop knows it
            self._open.asend(None).send(None)

    async def close(self) -> None:
        """Ends all waits, and closes the connections."""
        await self._open.aclose()


async def _until_closed(store: AsyncStore, waiters: WaiterHub) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        try:
            await waiters.close()
        finally:
            await store.close()
