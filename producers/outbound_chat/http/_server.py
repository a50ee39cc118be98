"""Runs the app under uvicorn."""

import ipaddress
import logging
import socket

import uvicorn

from outbound_chat.errors import SettingsError
from outbound_chat.http._app import create_app
from outbound_chat_config import Settings


class Server(uvicorn.Server):
    """uvicorn's server, which tells the app at once when it is to end, not only after all requests have ended."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answers what waits, then ends as uvicorn does."""
        self.config.loaded_app.state.service.stopping.set()
        await super().shutdown(sockets)


def check_binding(host: str) -> None:
    """Refuses an address that other machines reach, while nothing tells callers apart.

    Raises:
        SettingsError: the address is not one of this machine alone.
    """
    if not _is_loopback(host):
        raise SettingsError(
            f"http.host {host} can be reached from other machines, and the service asks nobody for a key; "
            "listen on 127.0.0.1 and let a proxy on this machine decide who may call"
        )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def serve(settings: Settings, *, host: str | None = None, port: int | None = None) -> None:
    """Serves until it is told to end (SIGTERM, SIGINT): waiting requests are answered, running ones may end.

    Raises:
        SettingsError: other machines could reach it.
    """
    check_binding(host or settings.http.host)
    _log_to_stderr()
    Server(_config(settings, host or settings.http.host, port or settings.http.port)).run()


def _config(settings: Settings, host: str, port: int) -> uvicorn.Config:
    return uvicorn.Config(
        create_app(settings),
        host=host,
        port=port,
        # h11, since it is the one that bounds heads.
        http="h11",
        h11_max_incomplete_event_size=settings.http.max_header_bytes,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=int(settings.http.grace.total_seconds()),
    )


def _log_to_stderr() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
