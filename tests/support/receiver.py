"""A receiver of webhooks: a real HTTP or HTTPS server that keeps what came and answers as it is told."""

import json
import select
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from tests.support.tls import Certificates


@dataclass(frozen=True, slots=True)
class Received:
    """A request that came."""

    path: str
    headers: dict[str, str]
    body: bytes
    connection: socket.socket

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def said(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(self.body)
        return said


Respond = Callable[[Received], tuple[int, dict[str, str]]]


class Receiver(ThreadingHTTPServer):
    """Listens until it is left. A block with it ends its threads."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, certificates: Certificates | None = None, host: str = "127.0.0.1") -> None:
        super().__init__((host, 0), _Handler)
        self._tls = certificates.server_context if certificates else None
        self.received: list[Received] = []
        self.respond: Respond = lambda _: (204, {})
        self.let_go = threading.Event()
        """Set at the end: a handler that hangs waits on it."""
        self.open = 0
        self.most_open = 0
        self.counting = threading.Lock()
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02})

    def get_request(self) -> Any:
        connection, address = super().get_request()
        if self._tls:
            connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.server_port}/ends?token=secret-in-the-url"

    def ids(self) -> list[str]:
        return [one.id for one in self.received]

    def hang(self, one: Received) -> tuple[int, dict[str, str]]:
        """A response that does not come, as long as the other side waits for it."""
        while not self.let_go.wait(0.02):
            readable, _, _ = select.select([one.connection], [], [], 0)
            if readable and not one.connection.recv(1, socket.MSG_PEEK):
                break
        return 204, {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.let_go.set()
        self.shutdown()
        self._thread.join()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stays silent: connections are cut on purpose."""


class _Handler(BaseHTTPRequestHandler):
    server: Receiver
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:  # the name is the library's
        body = self.rfile.read(int(self.headers["Content-Length"]))
        one = Received(self.path, {name.lower(): value for name, value in self.headers.items()}, body, self.connection)
        with self.server.counting:
            self.server.received.append(one)
            self.server.open += 1
            self.server.most_open = max(self.server.most_open, self.server.open)
        try:
            status, headers = self.server.respond(one)
        finally:
            with self.server.counting:
                self.server.open -= 1
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name is the library's
        """Stays silent."""
