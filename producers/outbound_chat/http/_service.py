"""What all requests of one process share; made when the app starts, in the event loop that it serves."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from starlette.requests import Request

from outbound_chat.client import AsyncOutboundChat
from outbound_chat.http._keyring import Keyring
from outbound_chat.http._metrics import Metrics
from outbound_chat_config import Settings

T = TypeVar("T")


@dataclass(slots=True)
class Service:
    """Settings, client, counters and API keys of one process."""

    settings: Settings
    client: AsyncOutboundChat
    metrics: Metrics
    keyring: Keyring
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the service was told to end: what waits answers now."""


def service_of(request: Request) -> Service:
    """The service that the request came to."""
    return cast("Service", request.app.state.service)


async def unless_over(request: Request, waiting: Coroutine[Any, Any, T]) -> T | None:
    """What `waiting` gives; None as soon as the caller has gone or the service ends. Right only after the body."""
    ends = {
        asyncio.ensure_future(_gone(request)),
        asyncio.ensure_future(service_of(request).stopping.wait()),
    }
    task = asyncio.ensure_future(waiting)
    try:
        await asyncio.wait({task, *ends}, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        for one in (task, *ends):
            one.cancel()
        await asyncio.gather(task, *ends, return_exceptions=True)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
