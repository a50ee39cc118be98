"""The command `outbound-chat sandbox inbox`: what a sandbox was asked to send."""

import sys
import time
from typing import Annotated

import typer
from rich.text import Text

from outbound_chat.cli.options import Json
from outbound_chat.cli.output import clock_time, out, print_json, print_line, talk
from outbound_chat.cli.waiting import Notice
from outbound_chat.ending import until_stopped
from outbound_chat.model.errors import SettingsError
from outbound_chat_config import load_settings
from outbound_chat_worker.local.ports import SANDBOX_PORT
from outbound_chat_worker.sandbox import SandboxClient, SandboxError, SandboxMessage

FOLLOW_SECONDS = 0.5
STYLES = {"open": "green", "closed": "", "refused": "red"}


def inbox(
    *,
    url: Annotated[
        str | None,
        typer.Option(help="Address of the sandbox; by default a sender's endpoint_url, or that of dev."),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Print new messages as they arrive, until Ctrl-C.")] = False,
    as_json: Json = False,
) -> None:
    """Show the messages that a sandbox received.

    Prints each contact with its number, text, message parts, flow and attributes, and the calls that were refused.

    $ outbound-chat sandbox inbox --follow
    $ outbound-chat sandbox inbox --url http://127.0.0.1:8399 --json
    """
    sandbox = SandboxClient(url or _address())
    if follow:
        seen = 0
        with until_stopped():
            while True:
                for message in _read(sandbox, seen):
                    seen = message.number
                    _print(message, as_json)
                sys.stdout.flush()
                time.sleep(FOLLOW_SECONDS)
    found = _read(sandbox, 0)
    if as_json:
        print_json(found)
        return
    for message in found:
        _print(message, as_json)
    if not found:
        talk.print(f"no message yet at {sandbox.url}")


def _address() -> str:
    of_dev = f"http://127.0.0.1:{SANDBOX_PORT}"
    try:
        senders = load_settings().senders.values()
    except SettingsError:
        return of_dev
    return next((sender.endpoint_url for sender in senders if sender.endpoint_url), of_dev)


def _read(sandbox: SandboxClient, after: int) -> list[SandboxMessage]:
    try:
        with Notice(lambda: f"waiting for an answer of the sandbox at {sandbox.url}"):
            found = list(sandbox.inbox(after=after))
    except (OSError, SandboxError) as error:
        fix = "start outbound-chat dev or outbound-chat sandbox, or name another address with --url"
        raise SandboxError(f"no sandbox answers at {sandbox.url}; {fix}") from error
    return found


def _print(message: SandboxMessage, as_json: bool) -> None:
    if as_json:
        print_line(message)
        return
    parts = f"  {message.parts} part{'' if message.parts == 1 else 's'}" if message.parts else ""
    state = message.state if message.code == "accepted" else f"{message.state}: {message.code}"
    head = f"{clock_time(message.at)}  {message.to:<12}  {message.channel}{parts}  "
    out.print(Text(head) + Text(state, style=STYLES[message.state]))
    if message.text:
        out.print(Text(f"  {message.text}"))
    attributes = "".join(f"  {name}={value}" for name, value in message.attributes.items())
    out.print(Text(f"  flow {message.flow}{attributes}", style="dim"))
