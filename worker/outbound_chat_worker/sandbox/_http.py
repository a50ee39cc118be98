"""Just enough HTTP/1.1 for one operation, without unnecessary tasks or allocations per request.

httptools (the parser of Node.js) reads; this module adds limits, keep-alive, answers in the order of the requests, and
`Expect: 100-continue`. A web framework would cost about twice as much as the whole check of a call, and benchmarks run
against the sandbox on the cores that they measure. Bodies have a Content-Length of up to 1 MiB; chunked bodies (411),
upgrades (501) and TLS are not supported. The handler is a plain function; a late answer is a timer.
"""

import asyncio
import email.utils
import functools
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import NamedTuple

import httptools

_MAX_HEAD_BYTES = 65_536
_MAX_BODY_BYTES = 1_048_576
_PIECE_BYTES = 16_384
_LINGER_SECONDS = 60.0
_REASONS = {status.value: status.phrase for status in HTTPStatus}


class HttpRequest(NamedTuple):
    """A request as received. Header names are in lower case, and repeated headers are joined with commas."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True, kw_only=True)
class HttpResponse:
    """What to send after `delay_seconds`. If `status` is None, the connection is cut instead."""

    status: int | None = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    delay_seconds: float = 0.0
    missing: int = 0
    """Bytes that the head announces after `body` but that never come, since the connection is closed."""
    again: "Callable[[], HttpResponse] | None" = None
    """For a long poll: what is asked for the response after `delay_seconds`, instead of sending this one."""


class _BadRequestError(Exception):
    """The parser accepts the request, but this server does not."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status


class HttpConnection(asyncio.Protocol):
    """A client's connection. Its requests are answered one after the other, in order."""

    def __init__(self, handle: Callable[[HttpRequest], HttpResponse], connections: set["HttpConnection"]) -> None:
        self._handle = handle
        self._connections = connections
        self._transport: asyncio.Transport | None = None
        self._reader = _Reader()
        self._late: asyncio.TimerHandle | None = None
        self._refused: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Registers the connection; asyncio calls this once."""
        if isinstance(transport, asyncio.Transport):
            self._transport = transport
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature; a cut is no error here
        """Removes the connection and drops a late answer."""
        self._transport = None
        self._connections.discard(self)
        for timer in (self._late, self._refused):
            if timer is not None:
                timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Reads bytes and answers every complete request; everything after an invalid one is dropped."""
        if self._transport is None or self._refused is not None:
            return
        self._reader.feed(data)
        self._advance()

    def abort(self) -> None:
        """Cuts the connection immediately and drops a late answer."""
        if self._transport is not None:
            self._transport.abort()

    def _advance(self) -> None:
        complete = self._reader.complete
        while complete and self._late is None and self._transport is not None:
            request, keep_alive = complete.popleft()
            if isinstance(request, HTTPStatus):
                self._refuse(self._transport, request)
                return
            self._send(self._handle(request), keep_alive=keep_alive)
        if self._transport is None:
            return
        if complete:
            # A client that keeps sending while an answer is late must not fill the memory.
            self._transport.pause_reading()
        elif self._late is None and self._reader.awaits_continue():
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _refuse(self, transport: asyncio.Transport, status: HTTPStatus) -> None:
        """Answers an invalid request and closes the connection after its client did: if it were closed earlier, while
        the client still sends, it would be reset, and most clients would report the reset instead of the answer.
        """
        transport.write(_to_bytes(HttpResponse(status=status), status, keep_alive=False))
        if transport.can_write_eof():
            transport.write_eof()
        self._refused = asyncio.get_running_loop().call_later(_LINGER_SECONDS, transport.abort)
        transport.resume_reading()

    def _send(self, response: HttpResponse, *, keep_alive: bool) -> None:
        if response.delay_seconds <= 0:
            self._write(response, keep_alive=keep_alive)
            return

        def write_late() -> None:
            self._late = None
            if response.again is None:
                self._write(response, keep_alive=keep_alive)
            else:
                self._send(response.again(), keep_alive=keep_alive)
            if self._transport is not None and self._late is None:
                self._transport.resume_reading()
            self._advance()

        self._late = asyncio.get_running_loop().call_later(response.delay_seconds, write_late)

    def _write(self, response: HttpResponse, *, keep_alive: bool) -> None:
        transport = self._transport
        if transport is None:
            return
        if response.status is None:
            self._transport = None
            transport.abort()
            return
        transport.write(_to_bytes(response, response.status, keep_alive=keep_alive))
        if not keep_alive or response.missing:
            self._transport = None
            transport.close()


class _Reader:
    """Assembles requests from what httptools finds in the bytes of a connection."""

    def __init__(self) -> None:
        self.complete: deque[tuple[HttpRequest | HTTPStatus, bool]] = deque()
        """Requests in order, each with whether the connection stays open; an invalid one is replaced by a status."""
        self._parser = httptools.HttpRequestParser(self)
        self._in_head = False
        self._head_bytes = 0
        self._wants_continue = False

    def feed(self, data: bytes) -> None:
        """Reads bytes; everything after an invalid request is ignored."""
        # The parser does not report the length of an unfinished head, so bytes are counted piece by piece.
        for start in range(0, len(data), _PIECE_BYTES):
            piece = data[start : start + _PIECE_BYTES]
            try:
                self._parser.feed_data(piece)
            except httptools.HttpParserError as error:
                # What a callback raises arrives as the context of the parser's own error.
                cause = error.__context__
                status = cause.status if isinstance(cause, _BadRequestError) else HTTPStatus.BAD_REQUEST
                self.complete.append((status, False))
                return
            self._head_bytes = self._head_bytes + len(piece) if self._in_head else 0
            if self._head_bytes > _MAX_HEAD_BYTES:
                self.complete.append((HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, False))
                return

    def awaits_continue(self) -> bool:
        """Returns, once a request, whether its client waits for `100 Continue` before it sends the body."""
        awaits, self._wants_continue = self._wants_continue, False
        return awaits

    def on_message_begin(self) -> None:
        self._in_head = True
        self._url = b""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1").rstrip(" \t")
        self._headers[key] = f"{self._headers[key]},{text}" if key in self._headers else text

    def on_headers_complete(self) -> None:
        self._in_head = False
        if self._parser.should_upgrade():
            raise _BadRequestError(HTTPStatus.NOT_IMPLEMENTED)
        if "transfer-encoding" in self._headers:
            raise _BadRequestError(HTTPStatus.LENGTH_REQUIRED)
        if int(self._headers.get("content-length", "0")) > _MAX_BODY_BYTES:
            raise _BadRequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        self._wants_continue = self._headers.get("expect", "").lower() == "100-continue"

    def on_body(self, body: bytes) -> None:
        self._wants_continue = False
        self._body.append(body)

    def on_message_complete(self) -> None:
        self._wants_continue = False
        url = httptools.parse_url(self._url)
        request = HttpRequest(
            self._parser.get_method().decode("latin-1"),
            (url.path or b"/").decode("latin-1"),
            (url.query or b"").decode("latin-1"),
            self._headers,
            b"".join(self._body),
        )
        self.complete.append((request, self._parser.should_keep_alive()))


def _to_bytes(response: HttpResponse, status: int, *, keep_alive: bool) -> bytes:
    extra = "".join(f"{name}: {value}\r\n" for name, value in response.headers.items())
    length, connection = len(response.body) + response.missing, "keep-alive" if keep_alive else "close"
    head = (
        f"HTTP/1.1 {status} {_REASONS.get(status, 'Unknown')}\r\nDate: {_http_date(int(time.time()))}\r\n{extra}"
        f"Content-Length: {length}\r\nConnection: {connection}\r\n\r\n"
    )
    return head.encode("latin-1") + response.body


@functools.lru_cache(maxsize=1)
def _http_date(seconds: int) -> str:
    return email.utils.formatdate(seconds, usegmt=True)
