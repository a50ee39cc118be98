"""Sends the signed requests of a boto3 client, and reads the answers: HTTP/1.1 over connections that are kept.

Not for proxies, which botocore's own transport serves, and not for policy. The one idea: boto3 prepares, signs and
parses every call, and its event `before-send` lets a handler answer in place of botocore's transport, whose pool,
header objects and e-mail parser take two fifths of a call (docs/benchmarks.md). httptools reads the answers.
https://docs.aws.amazon.com/boto3/latest/guide/events.html
"""

import os
import socket
import ssl
import weakref
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import boto3
import httptools
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import (
    BotoCoreError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    ReadTimeoutError,
    SSLError,
)
from botocore.httpsession import get_cert_path
from urllib3.util import wait_for_read

_READ_BYTES = 65_536
_FINAL = 200
"""Answers with lower statuses announce another one."""
_PORTS = {"http": 80, "https": 443}


class _Server:
    """A server as URLs name it, and the idle connections to it."""

    def __init__(self, origin: str) -> None:
        """`origin`: such as `https://connect.us-east-1.amazonaws.com`."""
        parts = urlsplit(origin)
        usual = _PORTS[parts.scheme]
        self.secure = parts.scheme == "https"
        self.host = parts.hostname or ""
        self.port = parts.port or usual
        name = f"[{self.host}]" if ":" in self.host else self.host
        # The header Host, as botocore signs it.
        self.authority = (name if self.port == usual else f"{name}:{self.port}").encode()
        self.idle: deque[socket.socket] = deque()
        weakref.finalize(self, _close_all, self.idle)

    def idle_connection(self) -> socket.socket | None:
        """A connection that the server has not closed meanwhile; None: there is none."""
        while self.idle:
            try:
                connection = self.idle.pop()
            except IndexError:
                break  # another thread was quicker
            if not wait_for_read(connection, timeout=0.0):
                return connection
            connection.close()
        return None


class Transport:
    """The transport of one client. Safe to share between threads; not between processes."""

    def __init__(self, ca_file: str, connect_timeout: float, read_timeout: float) -> None:
        """`ca_file`: certificates to trust. Times in seconds, each for one step of its kind."""
        self._ca_file = ca_file
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._servers: dict[str, _Server] = {}

    def answer(self, request: AWSPreparedRequest, **_: object) -> Any:
        """Sends a request and returns the answer, an `AWSResponse`, whatever its status. A handler of `before-send`.

        Raises:
            botocore.exceptions.BotoCoreError: there was none; of the kinds that botocore's transport raises.
        """
        url = request.url
        path = url.find("/", len("https://"))
        server = self._servers.get(url[:path]) or self._servers.setdefault(url[:path], _Server(url[:path]))
        message = _message(request, url[path:], server.authority)
        connection = server.idle_connection() or self._connect(server, url)
        answer = _Answer()
        try:
            # A server may answer and close before it has read everything.
            with suppress(BrokenPipeError):
                connection.sendall(message)
            answer.read_from(connection)
        except (OSError, httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            connection.close()
            raise _in_words_of_botocore(error, url) from error
        if answer.keeps_connection:
            server.idle.append(connection)
        else:
            connection.close()
        made: Any = AWSResponse  # its stubs know only the objects of botocore's transport
        return made(url, answer.status, answer.headers, answer)

    def _connect(self, server: _Server, url: str) -> socket.socket:
        try:
            plain = socket.create_connection((server.host, server.port), self._connect_timeout)
        except TimeoutError as error:
            raise ConnectTimeoutError(endpoint_url=url, error=error) from error
        except (OSError, UnicodeError) as error:
            raise EndpointConnectionError(endpoint_url=url, error=error) from error
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            # A name may end with a dot, and that in a certificate does not.
            connection = (
                self._tls.wrap_socket(plain, server_hostname=server.host.rstrip(".")) if server.secure else plain
            )
            connection.settimeout(self._read_timeout)
        except TimeoutError as error:
            plain.close()
            raise ConnectTimeoutError(endpoint_url=url, error=error) from error
        except OSError as error:
            plain.close()
            raise _in_words_of_botocore(error, url) from error
        return connection

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            context.load_verify_locations(self._ca_file)
        except OSError as error:
            raise ssl.SSLError(f"{self._ca_file} can't be read: {error}") from error
        return context


def trusted_certificates(session: boto3.Session) -> str:
    """The file that botocore would choose: AWS_CA_BUNDLE, a profile's `ca_bundle`, REQUESTS_CA_BUNDLE, or its own."""
    plain = session._session  # noqa: SLF001  # boto3 has no public way to its configuration
    chosen: Any = plain.get_config_variable("ca_bundle") or os.environ.get("REQUESTS_CA_BUNDLE") or True
    return str(get_cert_path(chosen))


def _message(request: AWSPreparedRequest, target: str, authority: bytes) -> bytes:
    """The bytes of a request."""
    lines = [f"{request.method} {target} HTTP/1.1".encode(), b"Host: " + authority, b"Accept-Encoding: identity"]
    headers: Any = request.headers  # texts or bytes
    for name, value in headers.items():
        lines.append(b"%b: %b" % (name.encode(), value if isinstance(value, bytes) else value.encode()))
    head = b"\r\n".join(lines)
    if head.count(b"\n") != len(lines) - 1 or head.count(b"\r") != len(lines) - 1:
        raise HTTPClientError(error="a header has a line break; look at the credentials")
    body: Any = request.body or b""  # bytes: the operation streams nothing
    return b"%b\r\n\r\n%b" % (head, body)


def _in_words_of_botocore(error: Exception, url: str) -> BotoCoreError:
    if isinstance(error, TimeoutError):
        return ReadTimeoutError(endpoint_url=url, error=error)
    kind = SSLError if isinstance(error, ssl.SSLError) else ConnectionClosedError
    return kind(endpoint_url=url, error=error)


class _Answer:
    """One answer, as httptools finds it in the bytes of a connection; it calls the methods that begin with `on`."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.keeps_connection = False
        self._body: list[bytes] = []
        self._ended = False

    def read_from(self, connection: socket.socket) -> None:
        """Reads until the answer ends; one that is cut off after its headers is taken as it is, as botocore does."""
        self._parser = httptools.HttpResponseParser(self)
        try:
            while not self._ended and (data := connection.recv(_READ_BYTES)):
                self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.keeps_connection = False
            if not self._ended:
                raise
        finally:
            del self._parser  # which refers to this answer
        if self.status < _FINAL:
            raise ConnectionResetError("the server closed the connection without an answer")
        self.keeps_connection = self.keeps_connection and self._ended

    def stream(self) -> Iterator[bytes]:
        """The body, as `AWSResponse` reads it."""
        yield from self._body

    def on_message_begin(self) -> None:
        """Refuses what comes after the answer."""
        if self._ended:
            raise ValueError("more than one answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Takes a header."""
        key, text = name.decode("latin-1"), value.decode("latin-1")
        self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text

    def on_headers_complete(self) -> None:
        """Takes what the status line and all headers say."""
        self.status = self._parser.get_status_code()
        self.keeps_connection = self._parser.should_keep_alive()
        if self.status < _FINAL:
            self.headers = {}  # another answer follows

    def on_body(self, data: bytes) -> None:
        """Takes a part of the body."""
        self._body.append(data)

    def on_message_complete(self) -> None:
        """Ends the answer, if it is the final one."""
        self._ended = self.status >= _FINAL


def _close_all(connections: deque[socket.socket]) -> None:
    while connections:
        connections.pop().close()
