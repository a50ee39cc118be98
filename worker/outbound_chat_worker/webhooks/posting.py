"""Makes a post: resolve the host, check all its addresses, connect to one of them, send, read the status.

Retries are elsewhere. The main idea: a post connects to the address that was checked. Nothing is resolved twice, and
redirects and proxies are not used, so that a URL from outside can't reach an internal host.
https://cheatsheetseries.owasp.org/cheatsheets/Server_Side_Request_Forgery_Prevention_Cheat_Sheet.html
"""

import contextlib
import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from http.client import HTTPConnection, HTTPException, HTTPResponse
from importlib.metadata import version
from typing import Self
from urllib.parse import urlsplit

from outbound_chat_config import SettingsError, WebhookSettings, check_callback_url, is_public, whole_number
from outbound_chat_worker.webhooks.answers import LONGEST_PAUSE, Answer

USER_AGENT = f"outbound-chat/{version('outbound-chat')}"
READ_BYTES = 4_096
"""Bytes of an answer's body that are read and dropped, so that the receiver sees no broken connection."""
READ_SECONDS = 1.0
_SECURE_PORT, _PLAIN_PORT = 443, 80

Resolve = Callable[[str, int], list[str]]


def resolve_host(host: str, port: int) -> list[str]:
    """Returns all addresses of a host from the machine's resolver.

    Raises:
        OSError: it has no address.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class Post:
    """A running post, which another thread can end."""

    def __init__(self, timeout: timedelta) -> None:
        self.ends = time.monotonic() + timeout.total_seconds()
        self._socket: socket.socket | None = None
        self._ended = False

    def left(self) -> float:
        """Returns the remaining seconds. Raises `TimeoutError` if there are none."""
        left = self.ends - time.monotonic()
        if left <= 0 or self._ended:
            raise TimeoutError
        return left

    def holds(self, connected: socket.socket) -> None:
        """Makes `end` cut this connection."""
        self._socket = connected
        connected.settimeout(self.left())

    def end(self) -> None:
        """Cuts the connection: socket timeouts only limit each read, and a receiver may send a byte now and then."""
        self._ended = True
        if self._socket is not None:
            with contextlib.suppress(OSError):
                # `shutdown` of an SSL socket would drop the state that its own thread is reading with.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


class Poster:
    """Posts to receivers. Safe to share between threads."""

    def __init__(self, settings: WebhookSettings, resolve: Resolve = resolve_host) -> None:
        """`resolve`: finds the addresses of a host.

        Raises:
            SettingsError: `ca_file` can't be read.
        """
        self._settings = settings
        self._resolve = resolve
        self._tls = ssl.create_default_context()
        if settings.ca_file:
            try:
                self._tls.load_verify_locations(settings.ca_file)
            except OSError as error:
                raise SettingsError(f"webhooks.ca_file can't be read: {error.strerror}; correct the path") from error

    def post(self, url: str, headers: Mapping[str, str], body: bytes, running: Post) -> Answer:
        """Posts once. It returns soon after the time of `running` is over, whatever the receiver does."""
        try:
            check_callback_url(url, allow_private=self._settings.allow_private)
        except ValueError:
            # It was allowed when the job was enqueued, and no longer is.
            return Answer(error="invalid_url")
        where = _Where.of(url)
        try:
            addresses = self._resolve(where.host, where.port)
        except (OSError, UnicodeError):
            return Answer(error="unresolved")
        if not self._settings.allow_private and not all(map(_is_public, addresses)):
            return Answer(error="private_address")
        try:
            plain = _connect(addresses, where.port, running)
        except OSError:
            return Answer(error="unreachable")
        sent = {"Host": where.authority, "User-Agent": USER_AGENT, "Content-Type": "application/json", **headers}
        with plain:
            return self._send(plain, where, sent, body, running)

    def _send(
        self, plain: socket.socket, where: "_Where", headers: Mapping[str, str], body: bytes, running: Post
    ) -> Answer:
        try:
            running.holds(plain)
            connected = self._secured(plain, where.host, running) if where.secure else plain
        except OSError:
            return Answer(error="no_tls" if where.secure else "no_answer")
        with connected:
            try:
                running.holds(connected)
                return _exchange(connected, where, headers, body, running)
            except (OSError, HTTPException, ValueError):
                return Answer(error="no_answer")

    def _secured(self, plain: socket.socket, host: str, running: Post) -> ssl.SSLSocket:
        secured = self._tls.wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)
        running.holds(secured)
        try:
            secured.do_handshake()
        except OSError:
            secured.close()
            raise
        return secured


@dataclass(frozen=True, slots=True)
class _Where:
    """The parts of a URL."""

    secure: bool
    host: str
    port: int
    authority: str
    target: str = field(repr=False)

    @classmethod
    def of(cls, url: str) -> Self:
        """Returns the parts of a checked URL."""
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        port = parts.port or (_SECURE_PORT if secure else _PLAIN_PORT)
        return cls(secure, parts.hostname or "", port, parts.netloc, target)


def _is_public(address: str) -> bool:
    # A link-local address comes with its interface behind `%`.
    return is_public(ipaddress.ip_address(address.partition("%")[0]))


def _connect(addresses: list[str], port: int, running: Post) -> socket.socket:
    error: OSError = OSError("the host has no address")
    for address in addresses:
        try:
            # An address, so nothing is resolved here.
            return socket.create_connection((address, port), running.left())
        except OSError as failed:
            error = failed
    raise error


def _exchange(
    connected: socket.socket, where: _Where, headers: Mapping[str, str], body: bytes, running: Post
) -> Answer:
    connection = HTTPConnection(where.host, where.port)
    # It uses this connection, and opens none itself.
    connection.sock, connection.auto_open = connected, 0
    connection.request("POST", where.target, body, dict(headers))
    with connection.getresponse() as response:
        running.left()  # raises if the time is over: headers that were cut off look complete
        answer = Answer(status=response.status, retry_after=_retry_after(response))
        with contextlib.suppress(OSError, HTTPException, ValueError):
            connected.settimeout(READ_SECONDS)
            response.read(READ_BYTES)
    return answer


def _retry_after(response: HTTPResponse) -> timedelta:
    seconds = whole_number((response.getheader("Retry-After") or "").strip()) or 0
    # Its other form, a date, depends on a clock that may be wrong; then the usual wait applies.
    return timedelta(seconds=min(LONGEST_PAUSE.total_seconds(), seconds))
