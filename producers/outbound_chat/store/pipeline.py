"""Runs a script and the commands that must follow it on the same connection, since they report on its last write.

A client of redis-py takes any connection of its pool for each command. A pipeline has a single connection. If that is
lost, the whole pipeline is sent again, beginning with the script.
"""

from collections.abc import Sequence
from typing import Any

import redis.asyncio
from redis.exceptions import (
    AskError,
    ConnectionError as RedisConnectionError,
    ResponseError,
    TimeoutError as RedisTimeoutError,
    TryAgainError,
)

from outbound_chat.store.connection import AnyAsyncRedis, AnyRedis
from outbound_chat.store.direct import DirectCommands
from outbound_chat.store.faults import RECONNECTED
from outbound_chat.store.scripts import ScriptCall
from outbound_chat.store.scripts._loader import Way

ELSEWHERE = (*RECONNECTED, AskError, TryAgainError)
"""The script was sent to a server that can't run it; the client finds the right one when it sends a single command."""

Commands = Sequence[tuple[str | int | float, ...]]


def load_functions(client: Any, call: ScriptCall[Any], way: Way) -> None:
    """Makes the server that the call goes to load the functions."""
    clustered = isinstance(client, redis.RedisCluster)
    where = {"target_nodes": client.get_node_from_key(call.keys.base)} if clustered else {}
    client.execute_command(*way.command, **where)


async def load_functions_async(client: Any, call: ScriptCall[Any], way: Way) -> None:
    """Does the same for asyncio."""
    where = {}
    if isinstance(client, redis.asyncio.RedisCluster):
        await client.initialize()
        where = {"target_nodes": client.get_node_from_key(call.keys.base)}
    await client.execute_command(*way.command, **where)


def run_pipelined(client: AnyRedis, call: ScriptCall[Any], way: Way) -> list[Any]:
    """Returns the replies of the script and of the commands after it; those of the commands may be errors."""
    first = (*way.command, *call.script_args)
    replies = _send(client, call.keys.base, [first, *call.then])
    if isinstance(replies[0], ELSEWHERE):
        client.execute_command(*first)  # type: ignore[no-untyped-call]  # redis-py has no types for it
    if isinstance(replies[0], Exception):
        raise replies[0]
    return replies


def send_together(
    client: Any, base: str, commands: Sequence[tuple[str, ...]], direct: DirectCommands | None
) -> list[Any]:
    """Sends commands for one slot in one round trip, and returns a reply, or an error, for each."""
    if direct:
        return direct.execute_together(commands)
    replies = _send(client, base, commands)
    return replies if len(replies) == len(commands) else replies * len(commands)


def _send(client: Any, base: str, commands: Commands) -> list[Any]:
    clustered = isinstance(client, redis.RedisCluster)
    node = client.get_redis_connection(client.get_node_from_key(base)) if clustered else client
    try:
        with node.pipeline(transaction=False) as pipeline:
            for command in commands:
                pipeline.execute_command(*command)
            return list(pipeline.execute(raise_on_error=False))
    except (RedisConnectionError, RedisTimeoutError) as error:
        if clustered:
            return [error]
        raise


async def run_pipelined_async(client: AnyAsyncRedis, call: ScriptCall[Any], way: Way) -> list[Any]:
    """Does the same for asyncio."""
    first = (*way.command, *call.script_args)
    replies = await _send_async(client, call.keys.base, [first, *call.then])
    if isinstance(replies[0], ELSEWHERE):
        await client.execute_command(*first)
    if isinstance(replies[0], Exception):
        raise replies[0]
    return replies


async def _send_async(client: AnyAsyncRedis, base: str, commands: Commands) -> list[Any]:
    if isinstance(client, redis.asyncio.RedisCluster):
        return await _send_to_node(client, base, commands)
    async with client.pipeline(transaction=False) as pipeline:
        for command in commands:
            pipeline.execute_command(*command)
        return await pipeline.execute(raise_on_error=False)


async def _send_to_node(client: "redis.asyncio.RedisCluster", base: str, commands: Commands) -> list[Any]:
    """Sends on one connection of the node that has the slot; a pipeline of the cluster would split the commands."""
    await client.initialize()
    node: Any = client.get_node_from_key(base)
    connection = node.acquire_connection()
    try:
        await connection.connect()
        await connection.send_packed_command(connection.pack_commands(commands))
        replies = []
        for _ in commands:
            try:
                replies.append(await connection.read_response())
            except ResponseError as error:
                replies.append(error)
    except (RedisConnectionError, RedisTimeoutError) as error:
        await connection.disconnect(nowait=True)
        return [error]
    except BaseException:
        # A reply that is still unread must not be taken for that of the next command.
        await connection.disconnect(nowait=True)
        raise
    finally:
        node.release(connection)
    return replies
