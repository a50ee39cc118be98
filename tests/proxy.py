"""A TCP proxy whose target can be switched: connections that stand stay where they are, as after a change in DNS.

It can also hold bytes back, each way by itself: the network that is silent, between two programs that both live.
"""

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Literal

Way = Literal["requests", "answers"]
"""`requests`: from those who connect to the target; `answers`: back."""


class _Gate:
    """One way through the proxy."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.open.set()
        self.held = 0


class Proxy:
    """Passes bytes on to a port of this machine. `port` is its own; `target` is where new connections go."""

    def __init__(self, target: int) -> None:
        self.target = target
        self._gates: dict[Way, _Gate] = {"requests": _Gate(), "answers": _Gate()}
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._closed = False
        self._sockets: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def hold(self, *ways: Way) -> None:
        """Keeps what comes from now on, on connections old and new, until `let_pass`."""
        for way in ways:
            self._gates[way].open.clear()

    def held(self, way: Way) -> int:
        """How many pieces it keeps; each connection gives one at most, what follows stays in the kernel."""
        return self._gates[way].held

    def let_pass(self) -> None:
        """Passes on what it kept, also what came from a program that is dead by now."""
        for gate in self._gates.values():
            gate.open.set()

    def cut(self) -> None:
        """Cuts all connections that stand; what it kept is lost. New ones are welcome."""
        sockets, self._sockets = self._sockets, []
        _cut(sockets)

    def _accept(self) -> None:
        while not self._closed:
            # A client that died before its turn is an error of `accept`, too.
            with contextlib.suppress(OSError):
                client, _ = self._listener.accept()
                self._connect(client)

    def _connect(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self.target))
        except OSError:
            client.close()
            return
        self._sockets += [client, server]
        ways: tuple[tuple[socket.socket, socket.socket, Way], ...] = (
            (client, server, "requests"),
            (server, client, "answers"),
        )
        for source, sink, way in ways:
            threading.Thread(target=_pass_on, args=(source, sink, self._gates[way]), daemon=True).start()

    def close(self) -> None:
        """Cuts all connections and takes no more."""
        self._closed = True
        # `close` alone would leave the thread in `accept`.
        _cut([self._listener, *self._sockets])
        self.let_pass()
        self._thread.join(10)


def _cut(sockets: list[socket.socket]) -> None:
    for one in sockets:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()


def _pass_on(source: socket.socket, sink: socket.socket, gate: _Gate) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            if not gate.open.is_set():
                gate.held += 1
                gate.open.wait()
                gate.held -= 1
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def running_proxy(target: int) -> Iterator[Proxy]:
    """A proxy for the length of a block."""
    proxy = Proxy(target)
    try:
        yield proxy
    finally:
        proxy.close()
