"""Clients of a rig's store, which is one server, what sentinels name, or a cluster."""

from typing import Any

import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from outbound_chat.store.cluster import Cluster
from outbound_chat.store.sentinel import connect_by_sentinel
from outbound_chat_config import is_sentinel

BETWEEN_TRIES_SECONDS = 0.2
_TEXT: dict[str, Any] = {"decode_responses": True, "encoding_errors": "backslashreplace"}
"""The list of single jobs has packed ids, which are no text."""


def client_of(url: str, *, tries: int, timeout: float) -> Any:
    """A client of the store's primary; waits so many seconds for a connection, and for each answer."""
    if "+cluster" in url:
        return Cluster.from_url(url.replace("+cluster", ""), **_TEXT, socket_timeout=timeout)
    retry = Retry(ConstantBackoff(BETWEEN_TRIES_SECONDS), tries - 1)
    if is_sentinel(url):
        options = {**_TEXT, "socket_timeout": timeout, "socket_connect_timeout": timeout}
        return connect_by_sentinel(url, retry, options)
    return redis.Redis.from_url(url, **_TEXT, socket_timeout=timeout, socket_connect_timeout=timeout, retry=retry)
