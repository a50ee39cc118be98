"""The commands `outbound-chat sandbox inbox` and `events`: what a sandbox was asked to send, and what it reported."""

import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from typing import Annotated, TypeVar

import typer
from rich.text import Text

from outbound_chat.cli.options import Json
from outbound_chat.cli.output import print_json, print_line, talk
from outbound_chat.cli.tables import make_table, print_table, time_cell
from outbound_chat.cli.waiting import Notice
from outbound_chat.ending import until_stopped
from outbound_chat.model.errors import SettingsError
from outbound_chat_config import load_settings
from outbound_chat_worker.local.ports import SANDBOX_PORT
from outbound_chat_worker.sandbox import SandboxClient, SandboxError, SandboxEvent, SandboxMessage

FOLLOW_SECONDS = 0.5
STYLES = {"open": "green", "closed": "", "refused": "red"}
Row = TypeVar("Row", SandboxMessage, SandboxEvent)
Url = Annotated[
    str | None, typer.Option(help="Address of the sandbox; by default a sender's endpoint_url, or that of dev.")
]


def inbox(
    *,
    url: Url = None,
    follow: Annotated[bool, typer.Option("--follow", help="Print new messages as they arrive, until Ctrl-C.")] = False,
    as_json: Json = False,
) -> None:
    """Show the messages that a sandbox received.

    Prints each contact with its number, text, message parts, flow and attributes, and the calls that were refused.

    $ outbound-chat sandbox inbox --follow
    $ outbound-chat sandbox inbox --url http://127.0.0.1:8399 --json
    """
    sandbox = SandboxClient(url or _address())

    def show(found: list[SandboxMessage], heads: bool) -> None:
        if as_json and not follow:
            print_json(found)
        elif found or follow:
            _print(found, as_json, heads=heads)
        else:
            talk.print(f"no message yet at {sandbox.url}")

    _look(sandbox.inbox, sandbox, show, follow=follow)


def events(
    *,
    url: Url = None,
    follow: Annotated[bool, typer.Option("--follow", help="Print new events as they arrive, until Ctrl-C.")] = False,
    as_json: Json = False,
) -> None:
    """Show the contact events that a sandbox delivered.

    Prints one event a line, in JSON as EventBridge sends it, so that another command can read them.

    $ outbound-chat sandbox events --follow
    $ outbound-chat sandbox events --url http://127.0.0.1:8399 --json
    """
    sandbox = SandboxClient(url or _address())

    def show(found: list[SandboxEvent], _: bool) -> None:
        if as_json and not follow:
            print_json([one.event for one in found])
        else:
            for one in found:
                print_line(one.event)

    _look(sandbox.events, sandbox, show, follow=follow)


def _look(
    read: Callable[..., Iterable[Row]], sandbox: SandboxClient, show: Callable[[list[Row], bool], None], *, follow: bool
) -> None:
    """Shows what is there, and with `follow` what is new, until a signal; `show` is told whether it is the first."""
    seen = 0
    with until_stopped() if follow else nullcontext():
        while True:
            found = _read(read, sandbox, seen)
            show(found, not seen)
            if not follow:
                return
            seen = found[-1].number if found else seen
            sys.stdout.flush()
            time.sleep(FOLLOW_SECONDS)


def _address() -> str:
    of_dev = f"http://127.0.0.1:{SANDBOX_PORT}"
    try:
        senders = load_settings().senders.values()
    except SettingsError:
        return of_dev
    return next((sender.endpoint_url for sender in senders if sender.endpoint_url), of_dev)


def _read(read: Callable[..., Iterable[Row]], sandbox: SandboxClient, after: int) -> list[Row]:
    try:
        with Notice(lambda: f"waiting for an answer of the sandbox at {sandbox.url}"):
            found = list(read(after=after))
    except (OSError, SandboxError) as error:
        fix = "start outbound-chat dev or outbound-chat sandbox, or name another address with --url"
        raise SandboxError(f"no sandbox answers at {sandbox.url}; {fix}") from error
    return found


def _print(found: Sequence[SandboxMessage], as_json: bool, *, heads: bool = True) -> None:
    if as_json:
        for message in found:
            print_line(message)
    elif found:
        print_messages(found, heads=heads)


def print_messages(messages: Iterable[SandboxMessage], *, heads: bool = True) -> None:
    """Prints a table of messages; without heads below one that was printed before."""
    columns, lesser = ("time", "to", "state", "text"), ("flow", "parts", "channel", "attributes")
    table = make_table(
        *columns, *reversed(lesser), numbers=("parts",), folds={"attributes": 12, "text": 20}, extras=lesser
    )
    table.show_header = heads
    for one in messages:
        state = one.state if one.code == "accepted" else f"{one.state}: {one.code}"
        attributes = ", ".join(f"{name}={value}" for name, value in one.attributes.items())
        parts = f"{one.parts:,}" if one.parts else ""
        cells = (time_cell(one.at), f"{one.to:<12}", Text(f"{state:<7}", style=STYLES[one.state]))
        table.add_row(*cells, one.text, attributes, one.channel, parts, one.flow)
    print_table(table)
