"""A TCP proxy that does what networks do: cut, refuse, slow down, hold back, lose one way; or ends TLS.

Its target can be switched: connections that stand stay where they are, as after a change in DNS.
"""

import asyncio
import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Any, Literal, TypeVar

T = TypeVar("T")

Way = Literal["requests", "answers"]
"""`requests`: from those who connect to the target; `answers`: back."""

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_TURNS_TO_CLOSE = 10
"""Of the loop: a transport that was aborted lets go of its socket a turn later, one with TLS some more."""


class _Gate:
    """One way through the proxy. Of its loop."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self.held = 0

    async def pass_through(self) -> None:
        if not self.open.is_set():
            self.held += 1
            await self.open.wait()
            self.held -= 1


class _Connection:
    """Two sockets, and what became of the bytes between them."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.writers = (client, server)
        self.lossy = False
        """It lost bytes: what follows them must never arrive, since TCP leaves no gap."""

    def reset(self) -> None:
        for writer in self.writers:
            if not writer.is_closing():
                raw = writer.get_extra_info("socket")
                with contextlib.suppress(OSError):
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            writer.transport.abort()


def _close(writer: asyncio.StreamWriter) -> None:
    # A transport with TLS that is closed twice loses hold of its connection, and can't be aborted any more.
    if not writer.is_closing():
        writer.close()


class Proxy:
    """Passes bytes on to a port of this machine. `port` is its own; `target` is where new connections go."""

    def __init__(self, target: int, *, tls: ssl.SSLContext | None = None) -> None:
        """`tls`: speaks TLS to clients and plain to the target."""
        self.target = target
        self.tls = tls
        self.delay = 0.0
        """Seconds by which each piece of data comes later, either way."""
        self.lost = 0
        """Pieces of data that vanished."""
        self.bytes_per_second: float | None = None
        self._lost: frozenset[Way] = frozenset()
        self._left: dict[Way, int] = {}
        self._connections: set[_Connection] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        self._gates: dict[Way, _Gate] = self._ask(lambda: {"requests": _Gate(), "answers": _Gate()})
        self._server: asyncio.Server | None = None
        self.port = 0
        self.listen()

    def listen(self) -> None:
        """Takes connections (again), on the same port."""
        if self._server is None:
            listener = socket.create_server(("127.0.0.1", self.port))
            self.port = listener.getsockname()[1]
            starting = asyncio.start_server(self._serve, sock=listener, ssl=self.tls)
            self._server = asyncio.run_coroutine_threadsafe(starting, self._loop).result(60)

    def refuse(self) -> None:
        """Refuses new connections; those that stand stay."""
        if self._server is not None:
            asyncio.run_coroutine_threadsafe(self.stop_listening(self._server), self._loop).result(60)
            self._server = None

    def cut(self) -> None:
        """Resets all connections that stand; new ones are taken."""
        self._ask(lambda: self._reset(only_lossy=False))

    def hold(self, *ways: Way) -> None:
        """Keeps what comes from now on, on connections old and new, until `let_pass`; nothing is lost."""
        for way in ways:
            self._ask(self._gates[way].open.clear)

    def hold_after(self, size: int, way: Way) -> None:
        """Holds one way as `hold` does, once so many more bytes have passed."""
        self._ask(lambda: self._left.update({way: size}))

    def held(self, way: Way) -> int:
        """How many pieces it keeps; each connection gives one at most, what follows stays behind it."""
        return self._gates[way].held

    def let_pass(self) -> None:
        """Passes on what it kept, also what came from a program that is dead by now."""
        for gate in self._gates.values():
            self._ask(gate.open.set)

    def lose(self, *ways: Way) -> None:
        """Half open: what goes there vanishes, ends of connections too, while all connections stand."""
        self._lost = frozenset(ways)

    def heal(self) -> None:
        """Loses nothing more. Connections that lost something are reset, as by a network that forgot them."""
        self._lost = frozenset()
        self._ask(lambda: self._reset(only_lossy=True))

    def forget(self) -> None:
        """Loses all that the standing connections carry from now on, for ever, and tells neither end. New ones pass."""
        self._ask(self._forget)

    def close(self) -> None:
        """Cuts all connections and takes no more."""
        self.refuse()
        self.cut()
        asyncio.run_coroutine_threadsafe(self._end_tasks(), self._loop).result(60)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)
        self._loop.close()

    async def stop_listening(self, server: asyncio.Server) -> None:
        """Closes it, but not between the accepting of a connection and its task's first step, which would lose it."""
        for listener in server.sockets:
            self._loop.remove_reader(listener.fileno())
        await asyncio.sleep(0)
        server.close()

    def _ask(self, action: Callable[[], T]) -> T:
        """Does it in the thread of the loop."""

        async def act() -> T:
            return action()

        return asyncio.run_coroutine_threadsafe(act(), self._loop).result(60)

    def _reset(self, *, only_lossy: bool) -> None:
        for one in list(self._connections):
            if one.lossy or not only_lossy:
                one.reset()

    def _forget(self) -> None:
        for one in self._connections:
            one.lossy = True

    def transports(self) -> list[asyncio.Transport]:
        """All that its loop has; a task that was cancelled before its first step has closed none."""
        loop: Any = self._loop
        return list(loop._transports.values())

    async def _end_tasks(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for transport in self.transports():
            transport.abort()
        for _ in range(_TURNS_TO_CLOSE):
            await asyncio.sleep(0)

    async def _serve(self, from_client: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        try:
            from_server, server = await asyncio.open_connection("127.0.0.1", self.target)
        except (OSError, asyncio.CancelledError):
            client.transport.abort()
            return
        connection = _Connection(client, server)
        self._connections.add(connection)
        try:
            await asyncio.gather(
                self._pass_on(connection, from_client, server, "requests"),
                self._pass_on(connection, from_server, client, "answers"),
            )
        except asyncio.CancelledError:
            # By `close` alone. A task that is left cancelled asyncio would report as an error of its own callback.
            connection.reset()
            return
        finally:
            self._connections.discard(connection)
            for writer in connection.writers:
                _close(writer)

    async def _pass_on(
        self, connection: _Connection, source: asyncio.StreamReader, sink: asyncio.StreamWriter, way: Way
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65_536):
                await asyncio.sleep(self.delay + len(data) / (self.bytes_per_second or float("inf")))
                self._count(len(data), way)
                await self._gates[way].pass_through()
                if self._loses(connection, way):
                    self.lost += 1
                    continue
                sink.write(data)
                await sink.drain()
        if not self._loses(connection, way):
            _close(sink)

    def _count(self, size: int, way: Way) -> None:
        if way in self._left:
            self._left[way] -= size
            if self._left[way] < 0:
                del self._left[way]
                self._gates[way].open.clear()

    def _loses(self, connection: _Connection, way: Way) -> bool:
        connection.lossy = connection.lossy or way in self._lost
        return connection.lossy


@contextlib.contextmanager
def running_proxy(target: int, *, tls: ssl.SSLContext | None = None) -> Iterator[Proxy]:
    """A proxy for the length of a block."""
    proxy = Proxy(target, tls=tls)
    try:
        yield proxy
    finally:
        proxy.close()
