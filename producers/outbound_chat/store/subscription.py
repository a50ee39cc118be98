"""Connections that listen on channels: on one channel for a thread, on many for asyncio.

Each node of a cluster receives every message, so a connection to any node will do, and to another when that is lost.
https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#publish-subscribe
"""

from collections.abc import Callable, Collection
from typing import Any, NamedTuple, Self

import redis
import redis.asyncio
from redis.exceptions import ConnectionError as RedisConnectionError, TimeoutError as RedisTimeoutError

from outbound_chat.store.deadline import CLOSED, Deadline
from outbound_chat.store.faults import FAULTS, translated
from outbound_chat.store.persist import Patience

MOST_CHANNELS = 500
"""Channels named in one command."""


class Message(NamedTuple):
    """What a subscription received."""

    channel: str
    is_subscribed: bool
    """True: the channel is subscribed now; False: something was published on it."""


class Subscription:
    """Listens on one channel, in one thread.

    Entering raises `StoreUnavailable` when Redis gives no answer in time.
    """

    def __init__(self, patience: Patience, client: Callable[[], Any], channel: str) -> None:
        self._patience = patience
        self._client = client
        self._channel = channel
        self._pubsub: Any = None
        self._lent_retry: Any = None

    def wait(self, timeout: float) -> None:
        """Returns when a message comes, after `timeout` seconds, or when a message may have been lost.

        Raises:
            StoreUnavailable: the connection was lost, and no other could be made in time.
        """
        try:
            self._pubsub.get_message(timeout=timeout)
        except FAULTS:
            self._close()
            self._patience.persist(self._subscribe)

    def _subscribe(self, deadline: Deadline) -> None:
        client = self._client()
        clustered = isinstance(client, redis.RedisCluster)
        self._pubsub = client.pubsub(node=client.get_random_node()) if clustered else client.pubsub()
        try:
            self._pubsub.subscribe(self._channel)
            self._lent_retry = _exchange_retry(self._pubsub, _Never(self._pubsub.connection))
            _answered(self._pubsub.get_message(timeout=deadline.silence), "SUBSCRIBE")
        except BaseException:
            self._close()
            raise

    def _close(self) -> None:
        _exchange_retry(self._pubsub, self._lent_retry)
        self._pubsub.close()

    def __enter__(self) -> Self:
        self._patience.persist(self._subscribe)
        return self

    def __exit__(self, *_: object) -> None:
        self._close()


class AsyncSubscription:
    """Listens on channels that come and go. One task may write while another reads.

    Both raise `StoreUnavailable` once the connection is lost; then make another subscription. redis-py would connect
    again in the task that notices the loss first, while the other task uses the connection.
    """

    def __init__(self, patience: Patience, client: Any, always: str) -> None:
        """`always`: a channel on which nobody publishes; a connection without a channel can't listen."""
        self._patience = patience
        self._client = client
        self._always = always
        self._pubsub: Any = None
        self._lent_retry: Any = None
        self._asked = False
        """Whether a PING was sent after a silence."""

    async def add(self, channels: Collection[str]) -> None:
        """Subscribes to channels; `next` reports when each is subscribed."""
        with translated():
            for chunk in _chunks(channels):
                await self._pubsub.subscribe(*chunk)

    async def remove(self, channels: Collection[str]) -> None:
        """Unsubscribes from channels."""
        with translated():
            for chunk in _chunks(channels):
                await self._pubsub.unsubscribe(*chunk)

    async def next(self, seconds: float) -> Message | None:
        """Returns the next message; None: none came within `seconds`. After two such times the connection is lost."""
        with translated():
            found = await self._pubsub.get_message(timeout=seconds)
            if self._asked:
                _answered(found, "PING")
            if found is None:
                await self._pubsub.ping()
        self._asked = found is None
        if found is None or found["type"] not in {"subscribe", "message"}:
            return None
        return Message(found["channel"], is_subscribed=found["type"] == "subscribe")

    async def _subscribe(self, deadline: Deadline) -> None:
        if isinstance(self._client, redis.asyncio.RedisCluster):
            await self._client.initialize()
            self._pubsub = self._client.pubsub(node=self._client.get_random_node())
        else:
            self._pubsub = self._client.pubsub()
        try:
            await self._pubsub.subscribe(self._always)
            self._lent_retry = _exchange_retry(self._pubsub, _Never(self._pubsub.connection))
            _answered(await self._pubsub.get_message(timeout=deadline.silence), "SUBSCRIBE")
        except BaseException:
            await self._close()
            raise

    async def _close(self) -> None:
        _exchange_retry(self._pubsub, self._lent_retry)
        await self._pubsub.aclose()

    async def __aenter__(self) -> Self:
        await self._patience.persist_async(self._subscribe)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._close()


class _Never:
    """The retry of a connection that gives up at the first error, for threads and for asyncio.

    Those of redis-py connect again before they give up. A connection does everything through its retry, also
    connecting.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def call_with_retry(self, do: Callable[[], Any], *_: Any, **__: Any) -> Any:
        if not self._connection.is_connected:
            raise RedisConnectionError(CLOSED)
        return do()

    def get_retries(self) -> int:
        return 0


def _answered(message: Any, command: str) -> None:
    if message is None:
        raise RedisTimeoutError(f"no answer to {command}")


def _exchange_retry(pubsub: Any, retry: Any) -> Any:
    """Gives the connection, if there is one, another retry and returns the old one, for its return to the pool."""
    before = getattr(pubsub.connection, "retry", None)
    if pubsub.connection is not None and retry is not None:
        pubsub.connection.retry = retry
    return before


def _chunks(channels: Collection[str]) -> list[list[str]]:
    names = list(channels)
    return [names[start : start + MOST_CHANNELS] for start in range(0, len(names), MOST_CHANNELS)]
