"""Builds the app."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from outbound_chat.client import AsyncOutboundChat
from outbound_chat.http import docs_page
from outbound_chat.http.access.audit import AuditLog
from outbound_chat.http.access.keyring import Keyring
from outbound_chat.http.endpoints import Endpoints
from outbound_chat.http.metrics import Metrics
from outbound_chat.http.middleware import RequestMiddleware
from outbound_chat.http.routes import (
    batches,
    budgets,
    contact_events,
    dead_letters,
    events,
    find,
    jobs,
    suppression,
    system,
    webhooks,
)
from outbound_chat.http.service import Service
from outbound_chat.http.ui import router as ui_router
from outbound_chat.http.wire.problems import add_problems
from outbound_chat.store import AsyncStore
from outbound_chat_config import Settings

_PARTS = (jobs, find, batches, dead_letters, webhooks, budgets, suppression, events, contact_events, system, docs_page)
ROUTERS = tuple(part.router for part in _PARTS)
DESCRIPTION = (
    "Enqueue SMS and WhatsApp messages for Amazon Connect, and read the results. "
    "Errors are `application/problem+json` (RFC 9457) with stable codes."
)


class App(FastAPI):
    """Serves our routes. FastAPI describes them, and responds where no route matches."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles a request, or the server's start and end."""
        if scope["type"] == "http":
            scope["app"] = self
            await self.state.requests(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def create_app(settings: Settings, *, local: bool = False) -> FastAPI:
    """Builds the HTTP service for these settings. It connects to Redis when it starts, in its event loop.

    Middleware and exception handlers that are added to it do not see requests of our routes; wrap the app in them.

    `local`: only this machine can reach it, so callers need no API key until the first one is created.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        store = AsyncStore.from_settings(settings)
        async with AsyncOutboundChat.from_settings(settings, store=store) as client:
            keyring = Keyring(store, local=local)
            await keyring.prepare()
            app.state.service = Service(settings, client, Metrics(), keyring, AuditLog(store))
            yield

    app = App(
        title="outbound-chat",
        version=version("outbound-chat"),
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        # Behind a proxy that terminates TLS a redirect would lead to http://, and send the key there.
        redirect_slashes=False,
    )
    add_problems(app)
    routers = (*ROUTERS, ui_router) if settings.http.ui else ROUTERS
    app.state.routers = routers
    for router in routers:
        app.include_router(router)
    app.openapi = lambda: docs_page.openapi_of(app)  # type: ignore[method-assign]  # FastAPI's own way to change it
    app.state.requests = RequestMiddleware(Endpoints(routers, otherwise=partial(FastAPI.__call__, app)))
    return app
