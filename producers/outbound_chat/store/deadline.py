"""The deadline of a call, and connections of redis-py that obey it. For retries see `persist`.

redis-py bounds each operation of a socket, and these add up: addresses, handshakes, nodes, retries. Here a call has one
deadline. A server may be silent for at most half of the remaining time, so that there is time for a retry, possibly
with another server after a failover.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar, Token
from typing import Any, Self

from redis.connection import HiredisRespSerializer
from redis.exceptions import ConnectionError as RedisConnectionError, RedisError, TimeoutError as RedisTimeoutError

UNSENT = "No command was sent: the connection could not be made."
"""A note on an error of redis-py: nothing else distinguishes it from the error of a command."""
CLOSED = "Connection closed by server."
"""The message of redis-py, which uses it for reads only."""
NEAR = 1.01
"""A server may be silent for 1 % longer than its time."""
SHORTEST = 0.001
"""Shortest time-out in seconds: with 0 a socket does not wait at all."""


class Deadline:
    """The deadline of one call; it applies to the thread or task that entered it."""

    __slots__ = ("_block", "_ends", "_token")
    _token: "Token[Deadline | None]"

    def __init__(self, seconds: float, block: float = 0.0, where: str = "") -> None:  # noqa: ARG002  # for who shows it
        """`block`: seconds for which the command itself may block; they are added to the time of the call.

        `where`: address of Redis, without credentials.
        """
        self._block = block
        self._ends = time.monotonic() + seconds + block

    @property
    def left(self) -> float:
        """Seconds until the deadline; negative after it."""
        return self._ends - time.monotonic()

    @property
    def silence(self) -> float:
        """Seconds for which the server may be silent now."""
        left = self._ends - time.monotonic()
        block = self._block if left > self._block else 0.0
        silence = block + (left - block) / 2
        return silence if silence > SHORTEST else SHORTEST  # noqa: FURB136  # a call of `max`, twice in each call

    def __enter__(self) -> Self:
        self._token = _current.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        _current.reset(self._token)


_current: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


def _silence(otherwise: float) -> float:
    """Returns how many seconds the server may be silent now; `otherwise` outside of calls, as in a subscription."""
    deadline = _current.get()
    return otherwise if deadline is None else deadline.silence


class BoundedLock:
    """A lock that a call waits for until its deadline at most."""

    def __init__(self) -> None:
        self._lock = threading.RLock()

    def __enter__(self) -> None:
        deadline = _current.get()
        if not self._lock.acquire(timeout=-1 if deadline is None else max(deadline.left, 0.0)):
            raise RedisTimeoutError("another thread was connecting all the time")

    def __exit__(self, *_: object) -> None:
        self._lock.release()


class _Unsaid:
    """An attribute that is None, whatever it is set to."""

    def __get__(self, *_: object) -> None:
        return None

    def __set__(self, *_: object) -> None:
        pass


class _Bounded:
    """A connection with the time-outs of the call that uses it.

    redis-py reads them before each operation of asyncio, but for threads only when it connects. It would also begin
    each connection with two round trips for its own name and version (CLIENT SETINFO), which nothing here reads.
    """

    _socket_timeout: float
    _socket_connect_timeout: float
    # As far as releases of redis-py ask for them.
    driver_info = lib_name = lib_version = _Unsaid()

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
        except BaseException:
            # An answer to its greeting that is still unread must not be taken for that of a command.
            self.disconnect()  # type: ignore[attr-defined]  # as above
            raise

    def _connect(self) -> "_Socket":
        return _Socket(super()._connect())  # type: ignore[misc]  # the other base has it


class _Socket:
    """A socket whose operations all obey the deadline of the call.

    Properties return the operations themselves, after they have set the time-out: a method around one would have what
    is read or sent in a local variable, and Celery prints those of all threads at SIGUSR1.
    """

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self._seconds = self._set = socket.gettimeout()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)

    def settimeout(self, seconds: float) -> None:
        # Only noted, and set with the next operation.
        self._seconds = seconds

    def _obey(self) -> None:
        deadline = _current.get()
        seconds = self._seconds if deadline is None else deadline.silence
        # Python asks the system each time. From one quick call to the next the time hardly differs.
        if self._set is None or not seconds <= self._set <= seconds * NEAR:
            self._socket.settimeout(seconds)
            self._set = seconds

    @property
    def recv_into(self) -> Callable[[bytearray], int]:
        self._obey()
        operation: Callable[[bytearray], int] = self._socket.recv_into
        return operation

    @property
    def sendall(self) -> Callable[[bytes], None]:
        self._obey()
        operation: Callable[[bytes], None] = self._socket.sendall
        return operation


_serializer = HiredisRespSerializer()


class _BoundedOfTasks(_Bounded):
    """Also ends when its task is cancelled while a command is sent, and reports a connection lost before that.

    Commands are packed by hiredis, as redis-py does it for threads.

    redis-py sends under `asyncio.wait_for`, which before Python 3.12 loses a cancellation that comes as it ends; the
    task would then wait for the answer, or forever if it is a subscription.
    https://github.com/python/cpython/issues/86296
    """

    def pack_command(self, *args: Any) -> list[bytes]:
        packed: list[bytes]
        try:
            packed = _serializer.pack(*args)
        except UnicodeEncodeError:  # a lone surrogate, which hiredis does not replace
            packed = super().pack_command(*args)  # type: ignore[misc]  # the other base has it
        return packed

    async def connect(self) -> None:
        try:
            await super().connect()  # type: ignore[misc]  # the other base has it
        except RedisError as error:
            error.add_note(UNSENT)
            raise
        except BaseException:
            await self.disconnect(nowait=True)  # type: ignore[attr-defined]  # as above
            raise

    async def send_packed_command(self, *args: Any, **options: Any) -> None:
        before = _cancel_requests()
        try:
            await super().send_packed_command(*args, **options)  # type: ignore[misc]  # the other base has it
        finally:
            # A task that was cancelled before, and cleans up now, is not cancelled again.
            if _cancel_requests() > before:
                await self.disconnect(nowait=True)  # type: ignore[attr-defined]  # as above
                raise asyncio.CancelledError

    async def _send_packed_command(self, command: Any) -> None:
        """Raises redis-py's `ConnectionError` where it would fail with an error of another kind.

        There is no writer if another task of a subscription has lost the connection meanwhile, and no transport if the
        connection was reset between two calls; then Python 3.12 and 3.13 raise a `TypeError`.
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
    """Returns the same class of redis-py's connections, but for calls with a deadline."""
    of_tasks = connection_class.__module__.startswith("redis.asyncio")
    return type("Connection", (_BoundedOfTasks if of_tasks else _BoundedOfThreads, connection_class), {})
