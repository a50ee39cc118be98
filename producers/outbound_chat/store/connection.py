"""Makes Redis clients from the store's URL, and turns their errors into ours."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import (
    BusyLoadingError,
    ClusterDownError,
    ConnectionError as RedisConnectionError,
    MasterDownError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    ResponseError,
    TimeoutError as RedisTimeoutError,
    TryAgainError,
)
from redis.retry import Retry

from outbound_chat.errors import StoreError, StoreUnavailable
from outbound_chat.store.sentinel import connect_async_by_sentinel, connect_by_sentinel
from outbound_chat_config import is_sentinel

_OPTIONS: dict[str, Any] = {
    "decode_responses": True,
    # A record that somebody else wrote may hold any bytes; reading it must not fail.
    "encoding_errors": "replace",
    "socket_connect_timeout": 3,
    # Longer than any blocking read: wakers and waiting pumps block for at most 5 s.
    "socket_timeout": 10,
    "socket_keepalive": True,
    "health_check_interval": 15,
    # A caller that waits for a job holds a connection; redis-py alone would stop at 100.
    "max_connections": 10_000,
}


# Retries bridge a short cut of the line; that a server is down is said within about a second. They are safe, since
# every script gives the same answer when it runs twice.
RETRIES = 3


# After a failover a connection stays with the old primary, which refuses every write: each try begins with a connection
# made anew, and that leads to the new one.
RETRIED = (RedisConnectionError, RedisTimeoutError, ReadOnlyError, MasterDownError)


def _backoff() -> ExponentialWithJitterBackoff:
    return ExponentialWithJitterBackoff(cap=0.5, base=0.05)


AnyRedis = redis.Redis | redis.RedisCluster
AnyAsyncRedis = redis.asyncio.Redis | redis.asyncio.RedisCluster


def _options(url: str) -> dict[str, Any]:
    # redis-py's connection over a unix socket does not take what only TCP has.
    return {name: value for name, value in _OPTIONS.items() if name != "socket_keepalive" or "unix://" not in url}


def is_cluster(url: str) -> bool:
    """Whether the URL names a Redis Cluster."""
    return "+cluster://" in url


def connect(url: str) -> AnyRedis:
    """A client for the URL; connects at its first command.

    A cluster's client reads the slots at once, and raises `StoreUnavailable` when it can't.
    """
    with translated():
        if is_cluster(url):
            return redis.RedisCluster.from_url(url.replace("+cluster", "", 1), **_OPTIONS)
        if is_sentinel(url):
            return connect_by_sentinel(url, Retry(_backoff(), RETRIES, RETRIED), _OPTIONS)
        return redis.Redis.from_url(url, retry=Retry(_backoff(), RETRIES, RETRIED), **_options(url))


def connect_async(url: str) -> AnyAsyncRedis:
    """The same for asyncio."""
    if is_cluster(url):
        return redis.asyncio.RedisCluster.from_url(url.replace("+cluster", "", 1), **_OPTIONS)
    retry = AsyncRetry(_backoff(), RETRIES, RETRIED)
    if is_sentinel(url):
        client = connect_async_by_sentinel(url, retry, _OPTIONS)
    else:
        client = redis.asyncio.Redis.from_url(url, retry=retry, **_options(url))
    pool = client.connection_pool
    pool.connection_class = type("Connection", (_HeedsCancelling, pool.connection_class), {})
    return client


class _HeedsCancelling:
    """Makes a connection of redis-py end when its task is cancelled while a command leaves.

    redis-py sends under `asyncio.wait_for`, which before Python 3.12 loses a cancellation that comes as it ends; the
    task would then wait for the answer, up to `socket_timeout` and with all retries.
    https://github.com/python/cpython/issues/86296
    """

    async def send_packed_command(self, *args: Any, **options: Any) -> None:
        before = _cancel_requests()
        await super().send_packed_command(*args, **options)  # type: ignore[misc]  # the other base has it
        # A task that was cancelled before and tidies up now is left alone.
        if _cancel_requests() > before:
            await self.disconnect(nowait=True)  # type: ignore[attr-defined]  # as above
            raise asyncio.CancelledError


def _cancel_requests() -> int:
    task = asyncio.current_task()
    return task.cancelling() if task else 0


@contextmanager
def translated() -> Iterator[None]:
    """Raises Redis errors as ours, with the cause kept. None of them holds a password or what was sent."""
    try:
        yield
    except NoScriptError:
        raise
    except (
        RedisConnectionError,
        RedisTimeoutError,
        BusyLoadingError,
        ClusterDownError,
        RedisClusterException,
    ) as error:
        raise StoreUnavailable(_unreachable(error)) from error
    except (ReadOnlyError, MasterDownError, TryAgainError) as error:
        raise StoreUnavailable(
            f"Redis takes no writes now: {error}; a failover may be under way, or redis_url names a replica"
        ) from error
    except OutOfMemoryError as error:
        raise StoreError(
            "Redis is full (maxmemory) and took nothing; give it more memory or wait for jobs to end"
        ) from error
    except ResponseError as error:
        if "WRONGTYPE" in str(error):
            raise StoreError(
                "a key of outbound-chat holds another type of value, so another program wrote it; "
                "outbound-chat doctor names it"
            ) from error
        raise StoreError(f"Redis refused the command: {error}") from error
    except RedisError as error:
        raise StoreError(f"Redis refused the command: {error}") from error


def _unreachable(error: Exception) -> str:
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return (
            f"Redis can't be reached: its certificate is not trusted ({error}); name the file of the authority that "
            "signed it, and the host it was made for: rediss://HOST:PORT/0?ssl_ca_certs=/path/ca.pem"
        )
    return f"Redis can't be reached: {error}; check redis_url and that the server runs"
