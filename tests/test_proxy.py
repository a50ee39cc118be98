"""The proxy of the tests, against an echo server: a fault that does not happen would prove nothing."""

import asyncio
import contextlib
import gc
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue

import pytest

from tests.support.proxy import Proxy, Way, running_proxy
from tests.support.tls import make_certificates
from tests.support.waiting import wait_until

PATIENCE = 60.0
"""Bites on failure only."""


def _echo(listener: socket.socket) -> None:
    def answer(client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            while data := client.recv(1_024):
                client.sendall(data)

    with contextlib.suppress(OSError):
        while True:
            threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_echo, args=(listener,), daemon=True)
        thread.start()
        with running_proxy(listener.getsockname()[1]) as one:
            yield one
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(PATIENCE)


def connect(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE)


def says(client: socket.socket, word: bytes) -> bytes:
    client.sendall(word)
    return client.recv(1_024)


def is_silent(client: socket.socket) -> bool:
    """Of a client whose answer can't come any more, as the proxy itself says."""
    client.setblocking(False)
    try:
        client.recv(1_024)
    except BlockingIOError:
        return True
    finally:
        client.settimeout(PATIENCE)
    return False


class Sleep:
    """Stands in for `asyncio.sleep`: tells for how long the proxy would sleep, and has the test say when it wakes."""

    def __init__(self) -> None:
        self.asked: SimpleQueue[float] = SimpleQueue()
        self.over = threading.Semaphore(0)

    async def __call__(self, seconds: float) -> None:
        self.asked.put(seconds)
        assert await asyncio.to_thread(self.over.acquire, timeout=PATIENCE)


def test_it_cuts_connections_and_takes_new_ones(proxy: Proxy) -> None:
    """The reset of a router: the next try is answered."""
    with connect(proxy) as client:
        assert says(client, b"hello") == b"hello"
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            client.recv(1_024)
    with connect(proxy) as client:
        assert says(client, b"again") == b"again"


def test_it_refuses_and_listens_again_on_the_same_port(proxy: Proxy) -> None:
    """A server that is down; connections that stand stay."""
    with connect(proxy) as standing:
        assert says(standing, b"hello") == b"hello"
        proxy.refuse()
        with pytest.raises(ConnectionRefusedError):
            connect(proxy)
        assert says(standing, b"still") == b"still"
        proxy.listen()
        with connect(proxy) as client:
            assert says(client, b"hello") == b"hello"


@pytest.mark.parametrize(
    ("delay", "bytes_per_second", "each"), [(0.1, None, 0.1), (0.0, 1_000, 0.2), (0.1, 1_000, 0.3)]
)
def test_it_delays_and_limits(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch, delay: float, bytes_per_second: float | None, each: float
) -> None:
    """A slow line: each way takes its time, and nothing comes before it is over."""
    data, sleep = b"x" * 200, Sleep()
    with connect(proxy) as client:
        assert says(client, b"hello") == b"hello"
        with monkeypatch.context() as patch:
            patch.setattr(asyncio, "sleep", sleep)
            proxy.delay, proxy.bytes_per_second = delay, bytes_per_second
            client.sendall(data)
            for _ in ("requests", "answers"):
                assert sleep.asked.get(timeout=PATIENCE) == pytest.approx(each)
                assert is_silent(client)
                sleep.over.release()
            assert client.recv(1_024) == data


@pytest.mark.parametrize("way", ["requests", "answers"])
def test_what_it_holds_comes_late(proxy: Proxy, way: Way) -> None:
    """A line that hangs for a while loses nothing."""
    with connect(proxy) as client:
        proxy.hold(way)
        client.sendall(b"hello")
        wait_until(lambda: proxy.held(way) == 1, what="what it holds")
        assert is_silent(client)
        proxy.let_pass()
        assert client.recv(1_024) == b"hello"


@pytest.mark.parametrize("way", ["requests", "answers"])
def test_half_open_a_connection_stands_and_no_answer_comes(proxy: Proxy, way: Way) -> None:
    """Healed, a connection with a gap is reset and never goes on: TCP has no gaps."""
    with connect(proxy) as client:
        assert says(client, b"hello") == b"hello"
        proxy.lose(way)
        client.sendall(b"lost")
        wait_until(lambda: proxy.lost == 1, what="the loss")
        assert is_silent(client)
        proxy.heal()
        with pytest.raises(ConnectionResetError):
            client.recv(1_024)
    with connect(proxy) as client:
        assert says(client, b"again") == b"again"


def test_it_ends_tls_with_the_certificate_it_is_given(proxy: Proxy, tmp_path: Path) -> None:
    """A caller who trusts another authority refuses the connection."""
    certificates = make_certificates(tmp_path / "ours")
    stranger = make_certificates(tmp_path / "other")
    with running_proxy(proxy.target, tls=certificates.server_context) as secure:
        trusting = ssl.create_default_context(cafile=str(certificates.ca))
        with connect(secure) as raw, trusting.wrap_socket(raw, server_hostname="127.0.0.1") as client:
            client.sendall(b"hello")
            assert client.recv(1_024) == b"hello"
        wary = ssl.create_default_context(cafile=str(stranger.ca))
        with connect(secure) as raw, pytest.raises(ssl.SSLCertVerificationError):
            wary.wrap_socket(raw, server_hostname="127.0.0.1")


def test_a_connection_with_tls_that_both_ends_have_left_can_be_cut(tmp_path: Path) -> None:
    """It stands for as long as the proxy holds a piece of it."""
    certificates = make_certificates(tmp_path)
    trusting = ssl.create_default_context(cafile=str(certificates.ca))
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        running_proxy(listener.getsockname()[1], tls=certificates.server_context) as secure,
    ):
        secure.hold("requests")
        with connect(secure) as raw, trusting.wrap_socket(raw, server_hostname="127.0.0.1") as client:
            server, _ = listener.accept()
            client.sendall(b"held")
            wait_until(lambda: secure.held("requests") == 1, what="the piece")
            server.close()
            assert client.recv(1_024) == b"", "the proxy has passed the end on"
        secure.cut()


def test_a_connection_that_no_task_closed_is_closed_with_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task that is cancelled before its first step closes nothing, and the collector would report it later."""

    kept: list[object] = []

    async def leave(*streams: object) -> None:
        kept.append(streams)  # Python 3.13 and later report a writer that is collected open

    monkeypatch.setattr(Proxy, "_serve", leave)
    with running_proxy(1) as proxy, connect(proxy):
        (left,) = wait_until(lambda: [one for one in proxy.transports() if one.get_extra_info("peername")])
    assert left.is_closing()


def test_a_connection_that_comes_as_it_refuses_is_closed(tmp_path: Path) -> None:
    """asyncio loses its socket where the server closes before the first step of its task; the collector reports it."""
    with running_proxy(1, tls=make_certificates(tmp_path).server_context) as proxy, ExitStack() as clients:
        loop, server = proxy._loop, proxy._server
        assert server

        def arrive_and_refuse() -> None:
            clients.enter_context(connect(proxy))
            loop.call_soon(lambda: stopped.append(loop.create_task(proxy.stop_listening(server))))

        stopped: list[asyncio.Task[None]] = []
        proxy._ask(arrive_and_refuse)
        wait_until(lambda: stopped and stopped[0].done(), what="the end of the listener")
    gc.collect()
