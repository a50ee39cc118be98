"""The server: one port for the operation and for the control routes, so that one address is all a user needs."""

import asyncio
from collections.abc import Callable

from ._clock import Clock, SystemClock
from ._control import PREFIX, control
from ._engine import Engine
from ._http import HttpConnection, HttpRequest, HttpResponse
from ._options import SandboxOptions
from ._reports import SandboxStats

_BACKLOG = 1024


async def serve(
    options: SandboxOptions,
    *,
    ready: Callable[[str], None] | None = None,
    stop: asyncio.Event,
    clock: Clock | None = None,
) -> SandboxStats:
    """Run a sandbox until `stop` is set, then return its totals.

    `ready` is called once with the address, as in `http://127.0.0.1:41234`, when connections are accepted. Raises
    `OSError` when the port cannot be had.
    """
    engine = Engine(options, clock or SystemClock())
    connections: set[HttpConnection] = set()

    def handle(request: HttpRequest) -> HttpResponse:
        return control(engine, request) if request.path.startswith(PREFIX) else engine.respond(request)

    listener = await asyncio.get_running_loop().create_server(
        lambda: HttpConnection(handle, connections), options.host, options.port, backlog=_BACKLOG
    )
    try:
        if ready is not None:
            port = listener.sockets[0].getsockname()[1]
            host = f"[{options.host}]" if ":" in options.host else options.host
            ready(f"http://{host}:{port}")
        await stop.wait()
    finally:
        listener.close()
        for connection in tuple(connections):
            connection.abort()
        await listener.wait_closed()
    return engine.ledger.stats()
