"""Makes Redis clients from the store's URL. None tries anything again: `persist` does, for the whole call."""

from typing import Any
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
    # A record that somebody else wrote may hold any bytes; reading it must not fail.
    "encoding_errors": "replace",
    "socket_keepalive": True,
    # A caller that waits for a job holds a connection; redis-py alone would stop at 100.
    "max_connections": 10_000,
    # A connection that is dead is found by the command itself, and the next try makes another.
    "health_check_interval": 0,
}

AnyRedis = redis.Redis | redis.RedisCluster
AnyAsyncRedis = redis.asyncio.Redis | redis.asyncio.RedisCluster


def _options(url: str, seconds: float) -> dict[str, Any]:
    """`seconds`: time-outs outside calls, which have their own."""
    options = {**_OPTIONS, "socket_timeout": seconds, "socket_connect_timeout": seconds}
    # redis-py's connection over a unix socket does not take what only TCP has.
    return {name: value for name, value in options.items() if name != "socket_keepalive" or "unix://" not in url}


def patience(url: str, seconds: float) -> Patience:
    """How long calls to this address go on."""
    return Patience(seconds, alone=not (is_cluster(url) or is_sentinel(url)), tls=url.startswith("rediss"))


def any_node(url: str) -> dict[str, str]:
    """Has a command go to one node of a cluster that would else go to all, of which one may be away."""
    return {"target_nodes": redis.RedisCluster.RANDOM} if is_cluster(url) else {}


def connect(url: str, seconds: float) -> AnyRedis:
    """A client for the URL; connects at its first command. That of a cluster reads the slots at once.

    Raises:
        RedisError: the cluster can't be reached.
    """
    options = _options(url, seconds)
    if is_cluster(url):
        return _connect_cluster(url, options)
    # `RECONNECTED` are followed by no other try here: their connection is closed.
    retry = Retry(NoBackoff(), 0, RECONNECTED)
    if is_sentinel(url):
        return connect_by_sentinel(url, retry, options)
    client = redis.Redis.from_url(url, retry=retry, **options)
    client.connection_pool.connection_class = bounded(client.connection_pool.connection_class)
    return client


class _Pool(redis.ConnectionPool):
    """A pool of one node of a cluster, which makes it by itself."""

    def __init__(self, connection_class: type = redis.Connection, **options: Any) -> None:
        super().__init__(connection_class=bounded(connection_class), **options)

    def __del__(self) -> None:
        """Of a node that has left the cluster: redis-py leaves its connections, which refer to themselves, open."""
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

    # The one other try goes to another node: a new client asks the first primary for its commands, which may be away.
    client: Any = Cluster.from_url(
        first, startup_nodes=nodes, retry=Retry(NoBackoff(), 1), connection_pool_class=make_pool, **options
    )
    client.pools = pools
    # One thread reads the slots while others wait, each until its own end.
    client.nodes_manager._initialization_lock = BoundedLock()  # noqa: SLF001  # nothing else bounds it
    found: redis.RedisCluster = client
    return found


class _Parser(AsyncCommandsParser):
    """Asks for the commands of the server when one is sent whose keys redis-py does not know; scripts need none.

    redis-py would ask at each look for the slots, always the first primary, and fail while that is away.
    """

    async def get_keys(self, *args: Any) -> Any:
        return keys_of_function(args[0], args[1:]) or await super().get_keys(*args)

    async def initialize(self, node: Any = None) -> None:
        if node:
            self.node = node
        else:
            await super().initialize()


def connect_async(url: str, seconds: float) -> AnyAsyncRedis:
    """The same for asyncio; connects at its first command in any case."""
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
    asked: dict[str, Any] = {**redis.asyncio.connection.parse_url(first)}
    secure = asked.pop("connection_class", None) is not None
    # Its connections take these, and the client, unlike all others, does not.
    more = {name: asked.pop(name) for name in ("ssl_ca_path", "ssl_password") if name in asked}
    client = AsyncCluster(startup_nodes=nodes, retry=AsyncRetry(NoBackoff(), 0), ssl=secure, **{**options, **asked})
    client.commands_parser = _Parser()
    manager: Any = client.nodes_manager
    connection_class = bounded(manager.connection_kwargs["connection_class"])
    client.connections = connections = WeakSet[redis.asyncio.Connection]()

    def make(**given: Any) -> redis.asyncio.Connection:
        connection: redis.asyncio.Connection = connection_class(**given)
        connections.add(connection)
        return connection

    # Nodes that it finds later are made with these.
    manager.connection_kwargs.update(more, connection_class=make)
    for node in manager.startup_nodes.values():
        node.connection_class = make
        node.connection_kwargs.update(more)
    return client
