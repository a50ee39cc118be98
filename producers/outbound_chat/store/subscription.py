"""One connection that listens on many channels, for asyncio."""

from collections.abc import Collection
from types import TracebackType
from typing import Any, NamedTuple, Self

from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from outbound_chat.store.connection import translated

MOST_CHANNELS = 500
"""Channels named in one command."""


class Message(NamedTuple):
    """What came."""

    channel: str
    stands: bool
    """The channel is subscribed now; else something was published on it."""


class AsyncSubscription:
    """One task may write while another reads; both raise `StoreUnavailable` once the connection is lost.

    It is then of no more use: make another. redis-py alone would connect again in the task that saw the loss first,
    under the feet of the other one.
    """

    def __init__(self, pubsub: Any, always: str) -> None:
        """`always`: a channel on which nobody publishes; a connection without any could not listen."""
        self._pubsub = pubsub
        self._always = always
        self._lent_retry: Any = None

    async def add(self, channels: Collection[str]) -> None:
        """Subscribes to channels; `next` says when each stands."""
        with translated():
            for chunk in _chunks(channels):
                await self._pubsub.subscribe(*chunk)

    async def remove(self, channels: Collection[str]) -> None:
        """Unsubscribes from channels."""
        with translated():
            for chunk in _chunks(channels):
                await self._pubsub.unsubscribe(*chunk)

    async def next(self, seconds: float) -> Message | None:
        """What comes next; None: nothing came within `seconds`."""
        with translated():
            found = await self._pubsub.get_message(timeout=seconds)
        if found is None or found["type"] not in {"subscribe", "message"}:
            return None
        return Message(found["channel"], stands=found["type"] == "subscribe")

    async def __aenter__(self) -> Self:
        try:
            await self.add([self._always])
        except BaseException:
            await self._pubsub.aclose()
            raise
        connection = self._pubsub.connection
        self._lent_retry, connection.retry = connection.retry, _Never()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pubsub.connection.retry = self._lent_retry
        await self._pubsub.aclose()


class _Never(Retry):
    """For a connection that is given up at its first fault."""

    def __init__(self) -> None:
        super().__init__(NoBackoff(), 0)

    async def call_with_retry(self, do: Any, *_: Any, **__: Any) -> Any:
        # The base calls `fail`, which connects again, before it gives up.
        return await do()


def _chunks(channels: Collection[str]) -> list[list[str]]:
    names = list(channels)
    return [names[start : start + MOST_CHANNELS] for start in range(0, len(names), MOST_CHANNELS)]
