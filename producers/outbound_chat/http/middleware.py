"""Handles what all requests have in common: ids, the access log, counters, HEAD, and a timeout for bodies.

The log contains the method, route, status, duration, and the ids of request and API key, but never a query, a body, or
the path itself, which can contain anything.
"""

import asyncio
import logging
import re
import time
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING, Any

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from outbound_chat.http.access.authentication import ANSWER_HEADERS, KEY_ID, refuse_exposed_key
from outbound_chat.http.wire.codes import ProblemCode
from outbound_chat.http.wire.problems import EXPECTED, Problem, problem_of
from outbound_chat.http.wire.turns import HAS_GONE
from outbound_chat.model.errors import FieldError
from outbound_chat.model.ids import new_local_id
from outbound_chat.request import FieldCode

if TYPE_CHECKING:
    from outbound_chat.http.service import Service

_DISCARDED_BYTES = 64 * 1024 * 1024
_DISCARDING_SECONDS = 60.0
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_ONE_VALUE = {
    name.lower().encode(): name for name in ("Idempotency-Key", "Content-Type", "Content-Encoding", "Last-Event-ID")
}
"""Headers that must have a single value: with two, different readers would use different ones."""
_LINE = "%(method)s %(route)s %(status)d %(ms).1f ms %(request_id)s"
_LINE_OF_KEY = f"{_LINE} key %(key)s"
_log = logging.getLogger("outbound_chat.http")
_access = logging.getLogger("outbound_chat.http.access")


class RequestMiddleware:
    """Adds a request id, the access log, metrics, and limits of size and time to every request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        context = _RequestContext(scope, receive, send)
        try:
            context.check_head()
            await self._app(context.scope, context.receive, context.send)
        except ClientDisconnect:
            pass  # there is nobody to respond to; `end` counts and logs it
        except Exception as error:
            if not isinstance(error, EXPECTED):
                _log.exception("request %(request_id)s failed", {"request_id": context.id})
            if context.status:
                raise
            response = problem_of(error).response(scope.get("root_path", ""))
            await response(scope, context.receive, context.send)
        finally:
            context.end()


class _RequestContext:
    """A request and its response."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        self.id = given.decode() if _REQUEST_ID.fullmatch(given) else new_local_id()
        self.status = 0
        self._method = scope["method"]
        # HEAD is answered as GET is, without the body. https://www.rfc-editor.org/rfc/rfc9110#section-9.3.2
        self.scope = {**scope, "method": "GET" if self._method == "HEAD" else self._method, HAS_GONE: self._has_gone}
        self._receive, self._send = receive, send
        self._service: Service = scope["app"].state.service
        self._began = time.perf_counter()
        self._whole = self._gone = self._closes = False
        self._ahead: asyncio.Task[Message] | None = None

    def check_head(self) -> None:
        """Refuses a head that is too long, which the parser accepts if it arrives at once; API keys in the URL; and
        headers with two different values.
        """
        most = self._service.settings.http.max_header_bytes
        long = len(self.scope["raw_path"]) + len(self.scope["query_string"])
        if long + sum(map(len, chain.from_iterable(self.scope["headers"]))) > most:
            raise Problem(ProblemCode.HEAD_TOO_LARGE, f"The URL and headers may have {most:,} bytes together.")
        refuse_exposed_key(self.scope["raw_path"], self.scope["query_string"])
        values: dict[bytes, bytes] = {}
        for name, value in self.scope["headers"]:
            if name in _ONE_VALUE and values.setdefault(name, value) != value:
                fault = FieldError(_ONE_VALUE[name], FieldCode.GIVEN_TWICE, "has two values; send only one")
                raise Problem(ProblemCode.INVALID_REQUEST, "Nothing was done. See errors.", errors=[fault])

    async def receive(self) -> Message:
        """Returns the next part of the body, or that the caller has disconnected."""
        ahead, self._ahead = self._ahead, None
        message = await (ahead or self._next())
        self._gone = message["type"] == "http.disconnect"
        return message

    def _has_gone(self) -> bool:
        """Returns whether the caller has disconnected. To find out, it must read a part of the body ahead."""
        self._ahead = self._ahead or asyncio.ensure_future(self._next())
        return self._ahead.done() and self._ahead.result()["type"] == "http.disconnect"

    async def _next(self) -> Message:
        if self._whole:
            return await self._receive()
        seconds = self._service.settings.http.body_timeout.total_seconds()
        try:
            async with asyncio.timeout(seconds):
                message = await self._receive()
        except TimeoutError:
            self._whole = True
            detail = f"Nothing was received for {seconds:g} seconds. Rows that arrived before may have been stored."
            raise Problem(ProblemCode.BODY_TOO_SLOW, detail, headers={"Connection": "close"}) from None
        self._whole = message["type"] != "http.request" or not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        """Forwards a message with the request id."""
        if self._gone and not self.status:
            return
        if message["type"] == "http.response.start":
            self.status = message["status"]
            own = ((b"x-request-id", self.id.encode()), *self.scope.get(ANSWER_HEADERS, ()))
            message["headers"] = [*message.get("headers", ()), *own]
            if not self._whole and self._is_long():
                # A caller that is refused in the middle of a long body would keep sending it, to nobody.
                message["headers"].append((b"connection", b"close"))
            self._closes = not self._whole and (b"connection", b"close") in message["headers"]
            await self._send(message)
            if self._method != "HEAD":
                return
            message = {"type": "http.response.body"}
        elif self._method == "HEAD":
            return  # the head was the whole response, even if the body would never end
        if self._closes and not message.get("more_body"):
            await self._send({**message, "more_body": True})
            await self._discard_body()
            message = {"type": "http.response.body"}
        await self._send(message)
        if message.get("more_body"):
            # Without a pause the server does not notice that the reader has gone, and keeps writing.
            await asyncio.sleep(0)

    async def _discard_body(self) -> None:
        """Reads what the caller is still sending, up to a limit. Otherwise the connection would be reset, and most
        clients would report that instead of the response.
        """
        left = _DISCARDED_BYTES
        with suppress(TimeoutError, Problem):  # the response has been sent: a slow caller changes nothing
            async with asyncio.timeout(_DISCARDING_SECONDS):
                while left > 0 and not self._whole:
                    left -= len((await self.receive()).get("body", b""))

    def _is_long(self) -> bool:
        """Returns whether the body has no known length, or is too long to be read as a whole."""
        given = dict(self.scope["headers"])
        length = given.get(b"content-length", b"0")
        return b"transfer-encoding" in given or int(length) > self._service.settings.http.max_body_bytes

    def end(self) -> None:
        """Counts and logs the request."""
        if self._ahead:
            # Its outcome no longer matters, but asyncio would log an exception that was never retrieved.
            self._ahead.add_done_callback(lambda task: task.cancelled() or task.exception())
            self._ahead.cancel()
        route: Any = self.scope.get("route")
        path = getattr(route, "path", "-")
        method = self._method if self._method in _METHODS else "-"
        seconds = time.perf_counter() - self._began
        status = self.status or 499  # the caller had gone before the response
        self._service.metrics.count_request(method, path, status, seconds)
        told: dict[str, object] = {
            "method": method,
            "route": path,
            "status": status,
            "ms": round(seconds * 1000, 1),
            "request_id": self.id,
        }
        key = self.scope.get(KEY_ID)
        if key:
            told["key"] = key
        _access.info(_LINE_OF_KEY if key else _LINE, told)
