"""Clients of a rig's store, which is one server, or what sentinels name."""

import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from outbound_chat.store.sentinel import connect_by_sentinel
from outbound_chat_config import is_sentinel

BETWEEN_TRIES_SECONDS = 0.2


def client_of(url: str, *, tries: int, timeout: float) -> redis.Redis:
    """A client of the store's primary; waits so many seconds for a connection, and for each answer."""
    retry = Retry(ConstantBackoff(BETWEEN_TRIES_SECONDS), tries - 1)
    if is_sentinel(url):
        options = {"decode_responses": True, "socket_timeout": timeout, "socket_connect_timeout": timeout}
        return connect_by_sentinel(url, retry, options)
    return redis.Redis.from_url(
        url, decode_responses=True, socket_timeout=timeout, socket_connect_timeout=timeout, retry=retry
    )
