"""The command that serves HTTP; it needs the extra `[http]`."""

from typing import Annotated

import typer

from outbound_chat.cli.errors import MissingExtra
from outbound_chat_config import load_settings


def http(
    *,
    host: Annotated[str | None, typer.Option(help="Address to listen on; http.host by default.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65_535, help="Port; http.port by default.")] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Number of processes; each uses one core.")] = 1,
) -> None:
    """Run the HTTP API.

    Serves until Ctrl-C or SIGTERM. The page /docs of the service describes its routes.

    $ outbound-chat http
    $ outbound-chat http --port 8080 --workers 2
    """
    try:
        from outbound_chat.http import serve  # noqa: PLC0415  # the extra may be missing
    except ModuleNotFoundError as error:
        raise MissingExtra("http", error.name, "http") from error
    serve(load_settings(), host=host, port=port, workers=workers)
