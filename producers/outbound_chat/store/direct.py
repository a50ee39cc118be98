"""Sends commands to a server with little overhead.

redis-py's client takes a connection out of its pool for each command, checks whether it is still alive, and collects
metrics: that costs more than the command itself. Here a connection is kept between two commands, and is only checked
after a pause. Everything else is redis-py's: its pool creates the connections, which pack, send and read.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import hiredis
import redis
from redis.exceptions import ConnectionError as RedisConnectionError, ResponseError

from outbound_chat.store.faults import RECONNECTED

_packed: Any = hiredis.pack_command  # it has types for one argument only
PAUSE_SECONDS = 1.0
"""After this long without a command, the connection is checked: the server may have closed it."""


def direct_commands(client: Any) -> "DirectCommands | None":
    """Returns them for a client of one server; None for a cluster, and for sentinels: their pool watches failovers."""
    pool = getattr(client, "connection_pool", None)
    return DirectCommands(pool) if type(pool) is redis.ConnectionPool else None


class DirectCommands:
    """Commands of all threads to one server."""

    def __init__(self, pool: redis.ConnectionPool) -> None:
        self._pool = pool
        self._kept: deque[tuple[float, Any]] = deque()
        """Connections that are free, with the time of their last reply."""

    def execute(self, command: tuple[str, ...]) -> Any:
        """Returns the reply; raises what redis-py raises. The parts of the command are text: see `script_args`."""
        return self._read(self._send(_packed(command)))

    def execute_together(self, commands: Iterable[tuple[str, ...]]) -> list[Any]:
        """Runs commands in one round trip; returns a reply, or an error of the server, for each."""
        packed = [_packed(command) for command in commands]
        connection = self._send(b"".join(packed))
        replies: list[Any] = []
        try:
            for _ in packed:
                try:
                    replies.append(connection.read_response())
                except ResponseError as error:
                    replies.append(error)
        except BaseException:
            self._drop(connection)
            raise
        if any(isinstance(reply, RECONNECTED) for reply in replies):
            self._drop(connection)
        else:
            self._kept.append((time.monotonic(), connection))
        return replies

    def begin(self, command: tuple[str, ...]) -> Callable[[], Any]:
        """Sends a command, and returns the function that reads its reply, which must be called once."""
        return partial(self._read, self._send(_packed(command)))

    def _send(self, packed: bytes) -> Any:
        connection = self._take()
        try:
            connection.send_packed_command((packed,), check_health=False)
        except BaseException:
            self._drop(connection)
            raise
        return connection

    def _read(self, connection: Any) -> Any:
        try:
            reply = connection.read_response()
        except BaseException as error:
            if isinstance(error, ResponseError) and not isinstance(error, RECONNECTED):
                self._kept.append((time.monotonic(), connection))
            else:
                self._drop(connection)
            raise
        self._kept.append((time.monotonic(), connection))
        return reply

    def _take(self) -> Any:
        try:
            used_at, connection = self._kept.pop()
        except IndexError:
            return self._pool.get_connection()
        if time.monotonic() - used_at > PAUSE_SECONDS and _is_stale(connection):
            self._drop(connection)
            return self._pool.get_connection()
        return connection

    def _drop(self, connection: Any) -> None:
        """Gives it back to the pool, which makes it again: what the server has received of a command is not known."""
        connection.disconnect()
        self._pool.release(connection)


def _is_stale(connection: Any) -> bool:
    """Returns whether the server closed it, or sent something unexpected."""
    try:
        return bool(connection.can_read())
    except RedisConnectionError:
        return True
