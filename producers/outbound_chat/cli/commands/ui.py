"""The command that opens the pages of the HTTP service."""

import socket
import webbrowser

import typer

from outbound_chat.model.errors import OutboundChatError
from outbound_chat_config import load_settings


class NoService(OutboundChatError, code="no_service"):
    """Nothing listens at the address of the HTTP service."""


def ui() -> None:
    """Open the dashboard in a browser.

    The HTTP service, which has these pages, must run at http.host and http.port. Prints the address, which a browser of
    this machine opens.

    $ outbound-chat ui
    """
    http = load_settings().http
    # A browser on this machine, also where the service listens on all addresses.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(http.host, http.host)  # noqa: S104
    address = f"http://{f'[{host}]' if ':' in host else host}:{http.port}/ui"
    try:
        socket.create_connection((host, http.port), timeout=5).close()
    except OSError as error:
        raise NoService(f"nothing listens at {address}; start the service with: outbound-chat http") from error
    typer.echo(address)
    webbrowser.open(address)
