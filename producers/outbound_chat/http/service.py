"""What all requests of a process share. It is created when the app starts, in the event loop that serves it."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeVar, cast

from starlette.requests import ClientDisconnect, Request

from outbound_chat.client import AsyncOutboundChat
from outbound_chat.http.access.audit import AuditLog
from outbound_chat.http.access.keyring import Keyring
from outbound_chat.http.access.sharing import Snapshots
from outbound_chat.http.metrics import Metrics
from outbound_chat_config import Settings

T = TypeVar("T")


@dataclass(slots=True)
class Service:
    """Settings, client, counters and API keys of a process."""

    settings: Settings
    client: AsyncOutboundChat
    metrics: Metrics
    keyring: Keyring
    audit_log: AuditLog
    snapshots: Snapshots = field(default_factory=Snapshots)
    """What was just read: it serves several callers."""
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the service should stop: long polls then respond immediately."""


def service_of(request: Request) -> Service:
    """Returns the service that received the request."""
    return cast("Service", request.app.state.service)


async def unless_over(request: Request, waiting: Coroutine[Any, Any, T]) -> T | None:
    """Returns the result of `waiting`, or None if the caller disconnects or the service stops. Only after the body."""
    return await _first_of(waiting, _gone(request), _stopped(service_of(request)))


async def unless_stopping(service: Service, waiting: Coroutine[Any, Any, T]) -> T | None:
    """Returns the result of `waiting`, or None if the service stops."""
    return await _first_of(waiting, _stopped(service))


async def while_there(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Returns the result of `work`, which may take any number of round trips. Only after the body, and for work that
    may end between any two of them.

    Raises:
        ClientDisconnect: the caller has disconnected, so the work was cancelled.
    """

    async def has_left() -> NoReturn:
        await _gone(request)
        raise ClientDisconnect

    return await _first_of(work, has_left())


async def _first_of(*several: Coroutine[Any, Any, T]) -> T:
    """Returns or raises the outcome of the first one that ends, and cancels the others."""
    tasks = [asyncio.ensure_future(one) for one in several]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return next(task for task in tasks if task.done()).result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _stopped(service: Service) -> None:
    await service.stopping.wait()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
