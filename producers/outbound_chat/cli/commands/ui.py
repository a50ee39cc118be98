"""The command that opens the pages of the HTTP service."""

import socket
import webbrowser
from typing import Annotated
from urllib.parse import urlsplit

import typer

from outbound_chat.model.errors import OutboundChatError
from outbound_chat_config import load_settings


class NoService(OutboundChatError, code="no_service"):
    """Nothing listens at the address of the HTTP service."""


def ui(
    *,
    url: Annotated[str | None, typer.Option(help="Address of the service; http.host and http.port by default.")] = None,
    only_print: Annotated[bool, typer.Option("--print", help="Only print the address of the pages.")] = False,
) -> None:
    """Open the dashboard in a browser.

    The HTTP service, which has these pages, must run. Without a browser on this machine, prints the address.

    $ outbound-chat ui
    $ outbound-chat ui --print
    $ outbound-chat ui --url https://chat.example.com
    """
    http = load_settings().http
    # A browser on this machine, also where the service listens on all addresses.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(http.host, http.host)  # noqa: S104
    address = (url or f"http://{f'[{host}]' if ':' in host else host}:{http.port}").rstrip("/") + "/ui"
    if not only_print:
        parts = urlsplit(address)
        port = 443 if parts.scheme == "https" else 80
        try:
            socket.create_connection((parts.hostname, parts.port or port), timeout=5).close()
        except (OSError, ValueError) as error:
            raise NoService(f"nothing listens at {address}; start the service with: outbound-chat http") from error
    if only_print or not webbrowser.open(address):
        typer.echo(address)
