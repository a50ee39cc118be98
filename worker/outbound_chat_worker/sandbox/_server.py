"""The server. The operation, control routes and page share a port, so that users need only one address."""

import asyncio
import contextlib
from collections.abc import Callable

from outbound_chat_worker.sandbox._clock import Clock
from outbound_chat_worker.sandbox._control import PREFIX, control
from outbound_chat_worker.sandbox._engine import Engine
from outbound_chat_worker.sandbox._http import HttpConnection, HttpRequest, HttpResponse
from outbound_chat_worker.sandbox._options import SandboxOptions
from outbound_chat_worker.sandbox._page import PATHS, inbox_page
from outbound_chat_worker.sandbox._posts import post_events
from outbound_chat_worker.sandbox._reports import SandboxStats

_BACKLOG = 1024


async def serve(
    options: SandboxOptions,
    *,
    ready: Callable[[str], None] | None = None,
    stop: asyncio.Event,
    clock: Clock | None = None,
    log: Callable[[str], None] | None = None,
) -> SandboxStats:
    """Runs a sandbox until `stop` is set, then returns its totals.

    `ready` is called once with the address, such as `http://127.0.0.1:41234`, when connections are accepted. `log`
    receives a line per call. Raises `OSError` if it can't listen on the port.
    """
    engine = Engine(options, clock or Clock(), log)
    connections: set[HttpConnection] = set()

    def handle(request: HttpRequest) -> HttpResponse:
        if request.path.startswith(PREFIX):
            return control(engine, request)
        if request.method == "GET" and request.path in PATHS:
            return inbox_page(engine.ledger)
        return engine.respond(request)

    listener = await asyncio.get_running_loop().create_server(
        lambda: HttpConnection(handle, connections), options.host, options.port, backlog=_BACKLOG
    )
    posting = asyncio.create_task(post_events(engine))
    try:
        if ready is not None:
            port = listener.sockets[0].getsockname()[1]
            host = f"[{options.host}]" if ":" in options.host else options.host
            ready(f"http://{host}:{port}")
        await stop.wait()
    finally:
        posting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await posting
        listener.close()
        for connection in tuple(connections):
            connection.abort()
        await listener.wait_closed()
    return engine.ledger.stats()
