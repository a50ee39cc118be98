"""Creates Redis clients from the store's URL. They don't retry: `persist` does, for the whole call."""

from typing import Any
from urllib.parse import urlsplit
from weakref import WeakSet

import redis
import redis.asyncio
import redis.asyncio.cluster
import redis.asyncio.connection
import redis.cluster
from redis._parsers import AsyncCommandsParser
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from outbound_chat.store.cluster import AsyncCluster, Cluster, keys_of_function
from outbound_chat.store.deadline import BoundedLock, bounded
from outbound_chat.store.faults import RECONNECTED
from outbound_chat.store.persist import Patience
from outbound_chat.store.sentinel import connect_async_by_sentinel, connect_by_sentinel
from outbound_chat_config import is_cluster, is_sentinel, parse_cluster_url

_OPTIONS: dict[str, Any] = {
    "decode_responses": True,
    # A record that another program wrote may contain any bytes; reading it must not fail.
    "encoding_errors": "replace",
    "socket_keepalive": True,
    # A caller that waits for a job keeps a connection; redis-py's own limit would be 100.
    "max_connections": 10_000,
    # The command itself finds out that a connection is dead, and the next try makes another.
    "health_check_interval": 0,
}

AnyRedis = redis.Redis | redis.RedisCluster
AnyAsyncRedis = redis.asyncio.Redis | redis.asyncio.RedisCluster


def _options(url: str, seconds: float) -> dict[str, Any]:
    """`seconds`: the time-outs outside calls; a call has its own deadline."""
    options = {**_OPTIONS, "socket_timeout": seconds, "socket_connect_timeout": seconds}
    # redis-py's connection over a unix socket does not accept an option of TCP.
    return {name: value for name, value in options.items() if name != "socket_keepalive" or "unix://" not in url}


def patience(url: str, seconds: float) -> Patience:
    """Returns how long calls to this address are retried."""
    alone = not (is_cluster(url) or is_sentinel(url))
    parts = urlsplit(url)
    where = parts.netloc.rpartition("@")[2] or parts.path
    return Patience(seconds, alone=alone, tls=url.startswith("rediss"), where=where)


def any_node(url: str) -> dict[str, str]:
    """Sends a command to one node of a cluster; redis-py would send it to all, of which one may be unreachable."""
    return {"target_nodes": redis.RedisCluster.RANDOM} if is_cluster(url) else {}


def connect(url: str, seconds: float) -> AnyRedis:
    """Returns a client for the URL, which connects at its first command. That of a cluster reads the slots at once.

    Raises:
        RedisError: the cluster can't be reached.
    """
    options = _options(url, seconds)
    if is_cluster(url):
        return _connect_cluster(url, options)
    # redis-py closes the connection after one of `RECONNECTED`; with 0 retries it does not try again.
    retry = Retry(NoBackoff(), 0, RECONNECTED)
    if is_sentinel(url):
        return connect_by_sentinel(url, retry, options)
    client = redis.Redis.from_url(url, retry=retry, **options)
    client.connection_pool.connection_class = bounded(client.connection_pool.connection_class)
    return client


class _Pool(redis.ConnectionPool):
    """The pool of one node of a cluster; redis-py makes it."""

    def __init__(self, connection_class: type = redis.Connection, **options: Any) -> None:
        super().__init__(connection_class=bounded(connection_class), **options)

    def __del__(self) -> None:
        """Closes the connections of a node that has left the cluster: redis-py would leave them open."""
        super().__del__()
        made: Any = getattr(self, "_available_connections", [])
        for connection in made:
            connection.disconnect()


def _connect_cluster(url: str, options: dict[str, Any]) -> redis.RedisCluster:
    first, others = parse_cluster_url(url)
    # redis-py has no types for it.
    make_node: Any = redis.cluster.ClusterNode
    nodes = [make_node(host, port) for host, port in others]
    pools = WeakSet[_Pool]()

    def make_pool(**given: Any) -> _Pool:
        pool = _Pool(**given)
        pools.add(pool)
        return pool

    # The one retry goes to another node: a new client asks the first primary for its commands, and that may be down.
    client: Any = Cluster.from_url(
        first, startup_nodes=nodes, retry=Retry(NoBackoff(), 1), connection_pool_class=make_pool, **options
    )
    client.pools = pools
    # One thread reads the slots while others wait, each until its own deadline.
    client.nodes_manager._initialization_lock = BoundedLock()  # noqa: SLF001  # nothing else bounds it
    found: redis.RedisCluster = client
    return found


class _Parser(AsyncCommandsParser):
    """Asks for the server's commands only when one is sent whose keys redis-py does not know; scripts never need it.

    redis-py would ask each time it reads the slots, always the first primary, and fail while that is down.
    """

    async def get_keys(self, *args: Any) -> Any:
        return keys_of_function(args[0], args[1:]) or await super().get_keys(*args)

    async def initialize(self, node: Any = None) -> None:
        if node:
            self.node = node
        else:
            await super().initialize()


def connect_async(url: str, seconds: float) -> AnyAsyncRedis:
    """Does the same for asyncio; also the client of a cluster connects at its first command."""
    options = _options(url, seconds)
    if is_cluster(url):
        return _connect_cluster_async(url, options)
    retry = AsyncRetry(NoBackoff(), 0, RECONNECTED)
    if is_sentinel(url):
        return connect_async_by_sentinel(url, retry, options)
    client = redis.asyncio.Redis.from_url(url, retry=retry, **options)
    client.connection_pool.connection_class = bounded(client.connection_pool.connection_class)
    return client


def _connect_cluster_async(url: str, options: dict[str, Any]) -> redis.asyncio.RedisCluster:
    first, others = parse_cluster_url(url)
    nodes = [redis.asyncio.cluster.ClusterNode(host, port) for host, port in others]
    in_url: dict[str, Any] = {**redis.asyncio.connection.parse_url(first)}
    secure = in_url.pop("connection_class", None) is not None
    # Unlike all other clients, this one does not accept these; its connections do.
    more = {name: in_url.pop(name) for name in ("ssl_ca_path", "ssl_password") if name in in_url}
    client = AsyncCluster(startup_nodes=nodes, retry=AsyncRetry(NoBackoff(), 0), ssl=secure, **{**options, **in_url})
    client.commands_parser = _Parser()
    manager: Any = client.nodes_manager
    connection_class = bounded(manager.connection_kwargs["connection_class"])
    client.connections = connections = WeakSet[redis.asyncio.Connection]()

    def make(**given: Any) -> redis.asyncio.Connection:
        connection: redis.asyncio.Connection = connection_class(**given)
        connections.add(connection)
        return connection

    # The client makes nodes that it finds later with these.
    manager.connection_kwargs.update(more, connection_class=make)
    for node in manager.startup_nodes.values():
        node.connection_class = make
        node.connection_kwargs.update(more)
    return client
