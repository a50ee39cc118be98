"""The command `outbound-chat dev`: a stack to develop against."""

import logging
import time
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from outbound_chat.children import LOOK_SECONDS
from outbound_chat.cli.output import print_json, warn
from outbound_chat.ending import Ending
from outbound_chat_worker.cli.feed import Feed
from outbound_chat_worker.local.embedded import EmbeddedServerError, is_in_use
from outbound_chat_worker.local.ports import HTTP_PORT, SANDBOX_PORT, VALKEY_PORT, listen
from outbound_chat_worker.local.stack import SENDERS, Stack, running_stack
from outbound_chat_worker.sandbox import (
    KEEP,
    SANDBOX_ACCESS_KEY_ID,
    SANDBOX_SECRET_ACCESS_KEY,
    EventOptions,
    SandboxOptions,
)

FOLDER = Path(".outbound-chat")

_READY = """\
Valkey    {redis}
Sandbox   {sandbox}   (instead of Amazon Connect; sends nothing)
Inbox     {sandbox}/inbox   (shows what it got)
Dashboard {dashboard}
Workers   {processes}, log in {log}
Senders   {senders}; budget main: {rate:g}/s, burst {burst}
Settings  {settings}

In another terminal:
  export OUTBOUND_CHAT_CONFIG={settings}
  outbound-chat send --sender {sender} --to +12025550123 --text "Hello" --wait 10

More workers need the sandbox's credentials too:
  export AWS_ACCESS_KEY_ID={key}
  export AWS_SECRET_ACCESS_KEY={secret}

Ctrl-C stops everything; the data stays in {folder}.
Messages are shown here as they end, and their chats, 20 to 90 s later:
"""


CHATS = 500
"""Open chats of the instance, as AWS gives them; more if `--rate` opens more, so that experiments don't hit it."""
CHAT_SECONDS = (20.0, 90.0)


def dev(
    *,
    folder: Annotated[Path, typer.Option(help="Folder for data, logs and settings.")] = FOLDER,
    processes: Annotated[int, typer.Option(min=1, max=64, help="Number of worker processes.")] = 1,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of Valkey; 0 picks a free one.")] = VALKEY_PORT,
    sandbox_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the sandbox; 0 picks a free one.")
    ] = SANDBOX_PORT,
    http_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the HTTP service; 0 picks a free one.")
    ] = HTTP_PORT,
    rate: Annotated[float, typer.Option(min=0.01, help="Calls per second that the sandbox and budget allow.")] = 2.0,
    burst: Annotated[int, typer.Option(min=1, help="Calls allowed at once.")] = 5,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the addresses as JSON, on one line, and no line for each message.")
    ] = False,
) -> None:
    """Run everything on this machine for development.

    Starts Valkey, workers, the HTTP service, and a sandbox instead of Amazon Connect: nothing is sent to anybody.
    Prints their addresses, then a line for each message that ends and each chat that ends, until Ctrl-C. The data is
    kept for the next start.

    $ outbound-chat dev
    $ outbound-chat dev --rate 20 --burst 20
    $ outbound-chat dev --port 0 --sandbox-port 0 --http-port 0
    """
    ending = Ending()
    if is_in_use(folder / "valkey"):
        raise EmbeddedServerError(f"outbound-chat dev runs already in this folder, {folder.absolute()}")
    listen(port, "--port").close()
    listen(sandbox_port, "--sandbox-port").close()
    pages = listen(http_port, "--http-port") if find_spec("fastapi") else None
    options = SandboxOptions(
        port=sandbox_port,
        rate=rate,
        burst=burst,
        max_chats=max(CHATS, int(rate * CHAT_SECONDS[1]) + burst),
        chat_seconds=CHAT_SECONDS,
        answered=0.1,
        events=EventOptions(),
        keep=KEEP,
    )
    with running_stack(
        folder.absolute(), sandbox=options, processes=processes, log_level="INFO", port=port, pages=pages
    ) as stack:
        _warn_of_workers()
        with closing(Feed(stack, silent=as_json)):
            _print(stack, folder, processes, as_json)
            while not ending.signal:
                stack.look(warn)
                time.sleep(LOOK_SECONDS)
        typer.echo("Stopping …", err=True)


def _warn_of_workers() -> None:
    """Shows in this terminal what their supervisor reports."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("warning: %(message)s"))
    logging.getLogger("outbound_chat.children").addHandler(handler)


def _print(stack: Stack, folder: Path, processes: int, as_json: bool) -> None:
    dashboard = f"http://127.0.0.1:{stack.settings.http.port}/ui" if len(stack.supervisors) > 1 else None
    if as_json:
        addresses = {
            "redis_url": stack.server.url,
            "sandbox_url": stack.sandbox.url,
            "inbox_url": f"{stack.sandbox.url}/inbox",
            "dashboard_url": dashboard,
            "settings": str(stack.settings_file),
            "log": str(stack.log_file),
            "senders": list(SENDERS),
            "aws_access_key_id": SANDBOX_ACCESS_KEY_ID,
            "aws_secret_access_key": SANDBOX_SECRET_ACCESS_KEY,
        }
        print_json(addresses)
        return
    text = _READY.format(
        redis=stack.server.url,
        sandbox=stack.sandbox.url,
        dashboard=dashboard or "needs more packages: pip install 'outbound-chat[http]'",
        processes=processes,
        log=stack.log_file,
        senders=", ".join(SENDERS),
        rate=stack.settings.budgets["main"].rate,
        burst=stack.settings.budgets["main"].burst,
        settings=stack.settings_file,
        sender=next(iter(SENDERS)),
        folder=folder,
        key=SANDBOX_ACCESS_KEY_ID,
        secret=SANDBOX_SECRET_ACCESS_KEY,
    )
    typer.echo(text)
