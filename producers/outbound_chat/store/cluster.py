"""Clients of redis-py for a Redis Cluster that follow a moving slot to a node they do not know yet.

A node without slots is in no answer to `CLUSTER SLOTS`. While the first slot moves there, only the redirection (ASK)
names the node, and redis-py would fail with `AttributeError`.
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
    """The keys that stand behind a function; None: it is another command. redis-py would ask the server for them."""
    return args[2 : 2 + int(args[1])] if command == "FCALL" else None


class Cluster(redis.RedisCluster):
    """For threads."""

    pools: Iterable[redis.ConnectionPool] = ()
    """Those of all nodes that it ever knew."""

    def close(self) -> None:
        """Closes all connections: redis-py leaves those of a client that was made from an address to the collector."""
        super().close()
        for pool in list(self.pools):
            pool.disconnect()

    def _get_command_keys(self, *args: Any) -> Any:
        base: Any = super()
        return keys_of_function(args[0], args[1:]) or base._get_command_keys(*args)  # noqa: SLF001  # what redis-py asks for the slot by

    def get_node(self, host: str | None = None, port: int | None = None, node_name: str | None = None) -> Any:
        """The node; made if a redirection names one that is not known."""
        manager: Any = self.nodes_manager
        found = manager.get_node(host, port, node_name)
        if found is None and node_name:
            make: Any = ClusterNode
            found = manager.nodes_cache.setdefault(node_name, make(*_address(node_name), PRIMARY))
        return found


class AsyncCluster(redis.asyncio.RedisCluster):
    """For asyncio."""

    connections: Iterable[redis.asyncio.Connection] = ()
    """All that it ever made."""

    async def aclose(self) -> None:
        """Closes all connections: redis-py leaves them to the collector once a call has lost one."""
        await super().aclose()
        for connection in list(self.connections):
            await connection.disconnect()

    def get_node(self, host: str | None = None, port: int | None = None, node_name: str | None = None) -> Any:
        """As `Cluster.get_node`."""
        manager = self.nodes_manager
        found = manager.get_node(host, port, node_name)
        if found is None and node_name:
            found = AsyncClusterNode(*_address(node_name), PRIMARY, **manager.connection_kwargs)
            manager.set_nodes(manager.nodes_cache, {found.name: found})
        return found
