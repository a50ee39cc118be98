"""The end of a call, and connections of redis-py that keep to it. Not for what is tried again: see `persist`.

redis-py bounds each operation of a socket, and these add up: addresses, handshakes, nodes, retries. Here a call has one
end. A silence of a server lasts at most half of what is left until then, so that time remains to try again: elsewhere,
if a failover has led there meanwhile.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, Self

from redis.exceptions import ConnectionError as RedisConnectionError, RedisError, TimeoutError as RedisTimeoutError

UNSENT = "No command was sent: the connection could not be made."
"""Note on an error of redis-py, which nothing else tells from those of a command."""
CLOSED = "Connection closed by server."
"""As redis-py says it, which says it of reads alone."""
SHORTEST = 0.001
"""A socket with a time-out of 0 does not wait at all."""


class Deadline:
    """The end of one call, which holds for the thread or task that entered it."""

    __slots__ = ("_block", "_ends", "_token")
    _token: "Token[Deadline | None]"

    def __init__(self, seconds: float, block: float = 0.0) -> None:
        """`block`: seconds for which the server may be silent because the command says so; they come on top."""
        self._block = block
        self._ends = time.monotonic() + seconds + block

    @property
    def left(self) -> float:
        """Seconds until the end; below 0 after it."""
        return self._ends - time.monotonic()

    @property
    def silence(self) -> float:
        """Seconds for which the server may be silent now."""
        left = self._ends - time.monotonic()
        block = self._block if left > self._block else 0.0
        return max(block + (left - block) / 2, SHORTEST)

    def __enter__(self) -> Self:
        self._token = _current.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _current.reset(self._token)


_current: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


def _silence(otherwise: float) -> float:
    """Seconds for which the server may be silent now; `otherwise` outside any call, as for a subscription."""
    deadline = _current.get()
    return otherwise if deadline is None else deadline.silence


class BoundedLock:
    """A lock that a call waits for no longer than its end."""

    def __init__(self) -> None:
        self._lock = threading.RLock()

    def __enter__(self) -> None:
        deadline = _current.get()
        if not self._lock.acquire(timeout=-1 if deadline is None else max(deadline.left, 0.0)):
            raise RedisTimeoutError("another thread has been waiting for a connection all the time")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()


class _Bounded:
    """A connection whose time-outs are those of the call that uses it.

    redis-py asks for them before each operation of asyncio, and for a thread only when it connects.
    """

    _socket_timeout: float
    _socket_connect_timeout: float

    @property
    def socket_timeout(self) -> float:
        return _silence(self._socket_timeout)

    @socket_timeout.setter
    def socket_timeout(self, seconds: float) -> None:
        self._socket_timeout = seconds

    @property
    def socket_connect_timeout(self) -> float:
        return _silence(self._socket_connect_timeout)

    @socket_connect_timeout.setter
    def socket_connect_timeout(self, seconds: float) -> None:
        self._socket_connect_timeout = seconds


class _BoundedOfThreads(_Bounded):
    def connect(self) -> None:
        try:
            super().connect()  # type: ignore[misc]  # the other base has it
        except RedisError as error:
            error.add_note(UNSENT)
            raise

    def _connect(self) -> "_Socket":
        return _Socket(super()._connect())  # type: ignore[misc]  # the other base has it


class _Socket:
    """A socket whose every operation keeps to the call.

    Operations are given as they are, by properties that bound them first: a method around one would hold what is read
    or sent as a local variable, and Celery prints those of all threads at SIGUSR1.
    """

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self._seconds = socket.gettimeout()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)

    def settimeout(self, seconds: float) -> None:
        self._seconds = seconds

    @property
    def recv_into(self) -> Callable[[bytearray], int]:
        self._socket.settimeout(_silence(self._seconds))
        operation: Callable[[bytearray], int] = self._socket.recv_into
        return operation

    @property
    def sendall(self) -> Callable[[bytes], None]:
        self._socket.settimeout(_silence(self._seconds))
        operation: Callable[[bytes], None] = self._socket.sendall
        return operation


class _BoundedOfTasks(_Bounded):
    """Also ends when its task is cancelled while a command leaves, and reports a loss that shows before it leaves.

    redis-py sends under `asyncio.wait_for`, which before Python 3.12 loses a cancellation that comes as it ends; the
    task would then wait for the answer, or for ever if it is a subscription.
    https://github.com/python/cpython/issues/86296
    """

    async def connect(self) -> None:
        try:
            await super().connect()  # type: ignore[misc]  # the other base has it
        except RedisError as error:
            error.add_note(UNSENT)
            raise

    async def send_packed_command(self, *args: Any, **options: Any) -> None:
        before = _cancel_requests()
        try:
            await super().send_packed_command(*args, **options)  # type: ignore[misc]  # the other base has it
        finally:
            # A task that was cancelled before and tidies up now is left alone.
            if _cancel_requests() > before:
                await self.disconnect(nowait=True)  # type: ignore[attr-defined]  # as above
                raise asyncio.CancelledError

    async def _send_packed_command(self, command: Any) -> None:
        """Raises a `ConnectionError` of redis-py where it would stumble: over an attribute that is None, or a method.

        The writer is gone if another task of a subscription lost it meanwhile. The transport is if the line was reset
        between two calls; then Python 3.12 and 3.13 raise a `TypeError`.
        https://github.com/python/cpython/issues/136234
        """
        writer: asyncio.StreamWriter | None = self._writer  # type: ignore[attr-defined]  # as above
        if writer is None or writer.is_closing():
            raise RedisConnectionError(CLOSED)
        await super()._send_packed_command(command)  # type: ignore[misc]  # as above


def _cancel_requests() -> int:
    task = asyncio.current_task()
    return task.cancelling() if task else 0


def bounded(connection_class: Any) -> type:
    """The same class of redis-py's connections, for calls that have an end."""
    of_tasks = connection_class.__module__.startswith("redis.asyncio")
    return type("Connection", (_BoundedOfTasks if of_tasks else _BoundedOfThreads, connection_class), {})
