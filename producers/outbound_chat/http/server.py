"""Runs the app under uvicorn."""

import logging
import socket

import uvicorn

from outbound_chat.client.api_keys import ApiKeys
from outbound_chat.ending import Ending
from outbound_chat.http.access.loopback import is_loopback
from outbound_chat.http.app import create_app
from outbound_chat.http.processes import end_with_parent, run_processes
from outbound_chat.listening import CannotListen
from outbound_chat.logs import log_to_stderr
from outbound_chat.model.api_keys import KeyState
from outbound_chat.model.errors import SettingsError, StoreError
from outbound_chat.store import Store
from outbound_chat_config import Settings, describe, load_settings

MAKE_KEY = "outbound-chat keys create NAME --scope enqueue --scope read"
_log = logging.getLogger("outbound_chat.http")


class Server(uvicorn.Server):
    """uvicorn's server, which notifies the app as soon as it should stop, not only after all requests have ended."""

    def __init__(self, config: uvicorn.Config, ending: Ending) -> None:
        super().__init__(config)
        self._ending = ending

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts to serve unless it should already stop. From here on, uvicorn itself handles signals."""
        if self._ending.signal:
            self.should_exit = True
        else:
            await super().startup(sockets)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Makes long polls respond, then shuts down like uvicorn."""
        self.config.loaded_app.state.service.stopping.set()
        await super().shutdown(sockets)


def check_binding(settings: Settings, host: str) -> str:
    """Refuses an address that other machines can reach while there is no API key. Returns in words who needs one.

    Raises:
        SettingsError: other machines can reach the address, and there is no active API key.
        StoreError: other machines can reach the address, and the API keys can't be read.
    """
    local = is_loopback(host)
    try:
        with Store.from_settings(settings) as store:
            keys = ApiKeys(store).all()
    except StoreError as error:
        if not local:
            raise
        _log.warning("can't check for API keys yet, so all requests are refused until Redis answers: %s", error)
        return "it is not yet known whether callers need an API key"
    if not local and not any(key.state is KeyState.ACTIVE for key in keys):
        raise SettingsError(
            f"http.host {host} can be reached from other machines, and there is no active API key; "
            f"make one with '{MAKE_KEY}', or listen on 127.0.0.1"
        )
    if keys:
        return "callers need an API key (outbound-chat keys list)"
    _log.warning("unprotected: every program on this machine may do everything; create an API key: %s", MAKE_KEY)
    return "callers need no API key"


def serve(settings: Settings, *, host: str | None = None, port: int | None = None, workers: int = 1) -> None:
    """Serves until SIGTERM or SIGINT. Then long polls respond immediately, and running requests may finish.

    Raises:
        SettingsError: other machines could reach it without an API key.
        CannotListen: the port is in use, or not allowed.
    """
    ending = Ending()
    address = (host or settings.http.host, port or settings.http.port)
    _begin_logs(settings)
    for line in describe(settings):
        _log.info("%s", line)
    if not settings.senders:
        _log.warning("no sender is configured, so every message is refused; add [senders.NAME] (docs/settings.md)")
    with ending.at_once():
        needed = check_binding(settings, address[0])
        listener = _listener(*address)
    with listener:
        url = _url(*address)
        _log.info("listening on %s; the documentation is at %s/docs; %s", url, url, needed)
        if workers > 1:
            run_processes(listener, workers, settings.http.grace.total_seconds(), ending)
        else:
            Server(_config(settings, listener), ending).run([listener])
    _log.info("stopped")
    ending.leave()


def serve_on(listener: int, alive: int) -> None:
    """Serves as one of several processes: on an open socket, until SIGTERM, SIGINT, or the end of the pipe `alive`."""
    ending = Ending()
    settings = load_settings()
    _begin_logs(settings)
    end_with_parent(alive)
    open_socket = socket.socket(fileno=listener)
    Server(_config(settings, open_socket), ending).run([open_socket])


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise CannotListen(host, port, error) from error
    # asyncio disables Nagle's algorithm only if the socket says it is TCP, which this one does not yet. With it each
    # response on a kept connection would wait 40 ms for the caller's acknowledgement.
    return socket.socket(fileno=listener.detach())


def _config(settings: Settings, listener: socket.socket) -> uvicorn.Config:
    return uvicorn.Config(
        create_app(settings, local=is_loopback(listener.getsockname()[0])),
        # Only h11 limits the size of heads.
        http="h11",
        h11_max_incomplete_event_size=settings.http.max_header_bytes,
        ws="none",
        lifespan="on",
        log_config=None,
        # Its lines about start and end say no more than ours.
        log_level=logging.WARNING,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=int(settings.http.grace.total_seconds()),
    )


def _begin_logs(settings: Settings) -> None:
    """Logs without details that the format does not use: Python would look up the caller and thread of each record.

    https://docs.python.org/3/howto/logging.html#optimization
    """
    logging._srcfile = None  # noqa: SLF001  # as the page says
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    log_to_stderr(settings.log_format)
