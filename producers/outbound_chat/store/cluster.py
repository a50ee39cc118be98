"""Clients of redis-py for a Redis Cluster that can follow a moving slot to a node they don't know yet.

No answer to `CLUSTER SLOTS` contains a node without slots. While the first slot moves to it, only the redirection
(ASK) names the node, and redis-py would fail with `AttributeError`.
"""

from collections.abc import Iterable
from typing import Any

import redis
import redis.asyncio
from redis.asyncio.cluster import ClusterNode as AsyncClusterNode
from redis.cluster import PRIMARY, ClusterNode


def _address(name: str) -> tuple[str, int]:
    host, _, port = name.rpartition(":")
    return host, int(port)


def keys_of_function(command: str, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """Returns the keys of a call of a function, for which redis-py would ask the server; None: another command."""
    return args[2 : 2 + int(args[1])] if command == "FCALL" else None


class Cluster(redis.RedisCluster):
    """The client for threads."""

    pools: Iterable[redis.ConnectionPool] = ()
    """The pools of all nodes that it has known."""

    def close(self) -> None:
        """Closes all connections: redis-py leaves those of a client made from a URL to the garbage collector."""
        super().close()
        for pool in list(self.pools):
            pool.disconnect()

    def _get_command_keys(self, *args: Any) -> Any:
        base: Any = super()
        return keys_of_function(args[0], args[1:]) or base._get_command_keys(*args)  # noqa: SLF001  # what redis-py asks for the slot by

    def get_node(self, host: str | None = None, port: int | None = None, node_name: str | None = None) -> Any:
        """Returns the node; creates it if a redirection names an unknown one."""
        manager: Any = self.nodes_manager
        found = manager.get_node(host, port, node_name)
        if found is None and node_name:
            make: Any = ClusterNode
            found = manager.nodes_cache.setdefault(node_name, make(*_address(node_name), PRIMARY))
        return found


class AsyncCluster(redis.asyncio.RedisCluster):
    """The client for asyncio."""

    connections: Iterable[redis.asyncio.Connection] = ()
    """All connections that it has made."""

    async def aclose(self) -> None:
        """Closes all connections: redis-py leaves them to the garbage collector once a call has lost one."""
        await super().aclose()
        for connection in list(self.connections):
            await connection.disconnect()

    def get_node(self, host: str | None = None, port: int | None = None, node_name: str | None = None) -> Any:
        """Does the same as `Cluster.get_node`."""
        manager = self.nodes_manager
        found = manager.get_node(host, port, node_name)
        if found is None and node_name:
            found = AsyncClusterNode(*_address(node_name), PRIMARY, **manager.connection_kwargs)
            manager.set_nodes(manager.nodes_cache, {found.name: found})
        return found
