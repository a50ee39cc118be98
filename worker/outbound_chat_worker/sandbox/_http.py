"""Just enough HTTP/1.1 for one operation, without a task or an allocation too many for each request.

A web framework costs about twice what the whole check of a call costs, and benchmarks run against the sandbox on the
cores they measure. So: keep-alive, bodies with Content-Length up to 1 MiB, `Expect: 100-continue`; no chunked bodies
(411), no TLS. The handler is a plain function; an answer that is late is a timer.
"""

import asyncio
import email.utils
import functools
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import NamedTuple

_MAX_HEAD_BYTES = 65_536
_MAX_BODY_BYTES = 1_048_576
_REQUEST_LINE = re.compile(r"([A-Z]+) (/[^ ?#]*)(?:\?([^ #]*))? HTTP/1\.([01])")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_REASONS = {status.value: status.phrase for status in HTTPStatus}


class HttpRequest(NamedTuple):
    """A request as it came in; header names are lower case, and repeated headers are joined by commas."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True, kw_only=True)
class HttpResponse:
    """What to send back after `delay_s`; `status` None means to cut the connection instead."""

    status: int | None = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0


class _Head(NamedTuple):
    request: HttpRequest
    keep_alive: bool
    body_bytes: int


class _BadRequestError(Exception):
    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = int(status)


class HttpConnection(asyncio.Protocol):
    """One client's connection: its requests are answered one after the other, in order."""

    def __init__(self, handle: Callable[[HttpRequest], HttpResponse], connections: set["HttpConnection"]) -> None:
        self._handle = handle
        self._connections = connections
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._head: _Head | None = None
        self._late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin: asyncio calls this once."""
        if isinstance(transport, asyncio.Transport):
            self._transport = transport
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature; a cut is no error here
        """End: a late answer has nobody left to go to."""
        self._transport = None
        self._connections.discard(self)
        if self._late is not None:
            self._late.cancel()

    def data_received(self, data: bytes) -> None:
        """Take bytes, and answer every request that is complete."""
        self._received += data
        self._advance()

    def abort(self) -> None:
        """End at once; a late answer is dropped."""
        if self._transport is not None:
            self._transport.abort()

    def _advance(self) -> None:
        while self._late is None and self._transport is not None:
            try:
                request = self._next_request()
            except _BadRequestError as error:
                self._write(HttpResponse(status=error.status), keep_alive=False)
                return
            if request is None:
                return
            head, self._head = self._head, None
            self._send(self._handle(request), keep_alive=head is not None and head.keep_alive)

    def _next_request(self) -> HttpRequest | None:
        if self._head is None:
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                if len(self._received) > _MAX_HEAD_BYTES:
                    raise _BadRequestError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
                return None
            self._head = _parse_head(self._received[:end].decode("latin-1"))
            del self._received[: end + 4]
            is_waiting = len(self._received) < self._head.body_bytes
            if (
                is_waiting
                and self._transport is not None
                and self._head.request.headers.get("expect") == "100-continue"
            ):
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        head = self._head
        if len(self._received) < head.body_bytes:
            return None
        body = bytes(self._received[: head.body_bytes])
        del self._received[: head.body_bytes]
        return head.request._replace(body=body)

    def _send(self, response: HttpResponse, *, keep_alive: bool) -> None:
        if response.delay_s <= 0:
            self._write(response, keep_alive=keep_alive)
            return

        def write_late() -> None:
            self._late = None
            self._write(response, keep_alive=keep_alive)
            self._advance()

        self._late = asyncio.get_running_loop().call_later(response.delay_s, write_late)

    def _write(self, response: HttpResponse, *, keep_alive: bool) -> None:
        transport = self._transport
        if transport is None:
            return
        if response.status is None:
            self._transport = None
            transport.abort()
            return
        transport.write(_to_bytes(response, response.status, keep_alive=keep_alive))
        if not keep_alive:
            self._transport = None
            transport.close()


def _parse_head(text: str) -> _Head:
    first, *lines = text.split("\r\n")
    line = _REQUEST_LINE.fullmatch(first)
    if line is None:
        raise _BadRequestError(HTTPStatus.BAD_REQUEST)
    headers: dict[str, str] = {}
    for header_line in lines:
        name, colon, value = header_line.partition(":")
        if not colon or not _HEADER_NAME.fullmatch(name):
            raise _BadRequestError(HTTPStatus.BAD_REQUEST)
        name = name.lower()
        value = value.strip(" \t")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    if "transfer-encoding" in headers:
        raise _BadRequestError(HTTPStatus.LENGTH_REQUIRED)
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit()):
        raise _BadRequestError(HTTPStatus.BAD_REQUEST)
    if len(length) > len(str(_MAX_BODY_BYTES)) or int(length) > _MAX_BODY_BYTES:
        raise _BadRequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    keep_alive = line[4] == "1" and headers.get("connection", "").lower() != "close"
    return _Head(HttpRequest(line[1], line[2], line[3] or "", headers, b""), keep_alive, int(length))


def _to_bytes(response: HttpResponse, status: int, *, keep_alive: bool) -> bytes:
    extra = "".join(f"{name}: {value}\r\n" for name, value in response.headers.items())
    head = (
        f"HTTP/1.1 {status} {_REASONS.get(status, 'Unknown')}\r\nDate: {_http_date(int(time.time()))}\r\n{extra}"
        f"Content-Length: {len(response.body)}\r\nConnection: {'keep-alive' if keep_alive else 'close'}\r\n\r\n"
    )
    return head.encode("latin-1") + response.body


@functools.lru_cache(maxsize=1)
def _http_date(seconds: int) -> str:
    return email.utils.formatdate(seconds, usegmt=True)
