"""An app of the HTTP service in this process, without a server: what it does for a request can be counted."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, Self

from outbound_chat.http import create_app
from outbound_chat_config import Settings


class Answer(NamedTuple):
    """The answer to a request."""

    status: int
    headers: dict[str, str]
    body: Any
    """What the JSON says, or else the text."""


class App:
    """The app, in a loop of its own; `local`: nobody needs a key until there is one."""

    def __init__(self, settings: Settings, *, token: str = "") -> None:
        self._app = create_app(settings, local=True)
        self._token = token
        self._loop = asyncio.new_event_loop()
        self._context = self._app.router.lifespan_context(self._app)

    def __enter__(self) -> Self:
        self._loop.run_until_complete(self._context.__aenter__())
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.run_until_complete(self._context.__aexit__(None, None, None))
        self._loop.close()

    def ask(self, method: str, path: str, body: bytes = b"") -> Answer:
        """The answer to one request."""
        return self._loop.run_until_complete(self._asked(method, path, body))

    def ask_at_once(self, count: int, method: str, path: str, body: bytes = b"") -> list[Answer]:
        """The answers to so many requests that come at the same time."""

        async def all_of_them() -> list[Answer]:
            return await asyncio.gather(*(self._asked(method, path, body) for _ in range(count)))

        return self._loop.run_until_complete(all_of_them())

    async def _asked(self, method: str, path: str, body: bytes) -> Answer:
        headers = {"host": "127.0.0.1", "accept": "*/*", "content-length": str(len(body))}
        if body:
            headers["content-type"] = "application/json"
        if self._token:
            headers["authorization"] = f"Bearer {self._token}"
        scope: dict[str, Any] = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method}
        path, _, query = path.partition("?")
        scope |= {"path": path, "raw_path": path.encode(), "query_string": query.encode()}
        scope |= {"root_path": "", "scheme": "http"}
        scope |= {"client": None, "headers": [(name.encode(), value.encode()) for name, value in headers.items()]}
        coming: list[dict[str, Any]] = [{"type": "http.request", "body": body, "more_body": False}]
        came: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            if not coming:
                await asyncio.Event().wait()
            return coming.pop()

        async def send(message: dict[str, Any]) -> None:
            came.append(message)

        await self._app(scope, receive, send)  # type: ignore[arg-type]  # plain dicts, as servers give
        found = b"".join(message.get("body", b"") for message in came[1:])
        told = {name.decode(): value.decode() for name, value in came[0]["headers"]}
        is_json = "json" in told.get("content-type", "")
        return Answer(came[0]["status"], told, json.loads(found) if is_json else found.decode())


@contextmanager
def running_app(settings: Settings, *, token: str = "") -> Iterator[App]:
    """The app for the length of a block."""
    with App(settings, token=token) as app:
        yield app
