"""Makes clients that ask sentinels for the primary at each new connection. redis-py asks them."""

from typing import Any, cast

import redis
import redis.asyncio
import redis.asyncio.sentinel
import redis.sentinel
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from outbound_chat.store.deadline import bounded
from outbound_chat_config import SentinelAddress, parse_sentinel_url

_ASKING: dict[str, Any] = {"decode_responses": True}


def connect_by_sentinel(url: str, retry: Retry, options: dict[str, Any]) -> redis.Redis:
    """Returns a client of the service's primary, which connects at its first command."""
    address = parse_sentinel_url(url)
    asking = {**_ASKING, **_entering(address, address.sentinel_login), "retry": Retry(NoBackoff(), 0)}
    # redis-py's module for it has no types.
    sentinel: Any = redis.sentinel.Sentinel(address.hosts, sentinel_kwargs=asking)  # type: ignore[no-untyped-call]
    client = sentinel.master_for(address.service, retry=retry, **_working(address, options))
    return cast("redis.Redis", _bounded(client, sentinel))


def connect_async_by_sentinel(url: str, retry: AsyncRetry, options: dict[str, Any]) -> redis.asyncio.Redis:
    """Does the same for asyncio."""
    address = parse_sentinel_url(url)
    asking = {**_ASKING, **_entering(address, address.sentinel_login), "retry": AsyncRetry(NoBackoff(), 0)}
    hosts = list(address.hosts)
    sentinel: Any = redis.asyncio.sentinel.Sentinel(hosts, sentinel_kwargs=asking)  # type: ignore[no-untyped-call]
    client = sentinel.master_for(address.service, retry=retry, **_working(address, options))
    return cast("redis.asyncio.Redis", _bounded(client, sentinel))


def _bounded(client: Any, sentinel: Any) -> Any:
    """Makes the connections of the client, and those to the sentinels, obey the deadline of each call."""
    for pool in (client.connection_pool, *(one.connection_pool for one in sentinel.sentinels)):
        pool.connection_class = bounded(pool.connection_class)
    return client


def _entering(address: SentinelAddress, login: Any) -> dict[str, Any]:
    return {**login, **({"ssl": True, **address.tls} if address.tls is not None else {})}


def _working(address: SentinelAddress, options: dict[str, Any]) -> dict[str, Any]:
    return {**options, **_entering(address, address.login), "db": address.db}


def close_sentinels(client: Any) -> None:
    """Closes the connections to the sentinels, if there are any, which the client itself leaves open."""
    manager = getattr(getattr(client, "connection_pool", None), "sentinel_manager", None)
    if manager is not None:
        manager.close()


async def close_sentinels_async(client: Any) -> None:
    """Does the same for asyncio."""
    manager = getattr(getattr(client, "connection_pool", None), "sentinel_manager", None)
    if manager is not None:
        await manager.aclose()
