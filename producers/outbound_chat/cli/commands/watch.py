"""The command that shows live what is happening: watch."""

import os
import select
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.live import Live

from outbound_chat.cli.output import out, print_json, print_line, when
from outbound_chat.cli.waiting import say_when_redis_is_silent
from outbound_chat.cli.watch_snapshot import Looks, Snapshot, Watcher
from outbound_chat.cli.watch_tables import fault_line, snapshot_tables
from outbound_chat.client import OutboundChat
from outbound_chat.ending import until_stopped
from outbound_chat.model.json import json_default
from outbound_chat_config import load_settings

EVERY_SECONDS = 1.0


def watch(
    *,
    limit: Annotated[
        int, typer.Option(help="Maximum number of lanes, and of batches per budget, 1 to 50.", min=1, max=50)
    ] = 10,
    once: Annotated[bool, typer.Option("--once", help="Measure for a second, print once, and exit.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables, one line per second.")] = False,
) -> None:
    """Watch budgets, queues and batches live.

    Refreshes every second, until q or Ctrl-C. If the output is not a terminal, it prints once. The glossary,
    docs/glossary.md, explains the columns.

    $ outbound-chat watch
    $ outbound-chat watch --once --json
    """
    settings = load_settings()
    once = once or not (as_json or out.is_terminal)
    if not once:
        say_when_redis_is_silent(wanted=False)  # each look says it
    with nullcontext() if once else until_stopped(), OutboundChat.from_settings(settings) as chat:
        watcher = Watcher(chat, settings, limit)
        if once:
            # The second snapshot knows how many were sent since the first.
            watcher.snapshot()
            time.sleep(EVERY_SECONDS)
            snapshot = watcher.snapshot()
            if as_json:
                print_json(_plain(snapshot))
            else:
                out.print(snapshot_tables(snapshot, width=out.width))
        elif as_json:
            looks = Looks(watcher.snapshot)
            looks.last = watcher.snapshot()
            while True:
                print_line(_plain(looks.last, looks))
                _pause(0 if looks.running else EVERY_SECONDS)
                looks.look(EVERY_SECONDS)
        else:
            _show(Looks(watcher.snapshot))


def _plain(snapshot: Snapshot, looks: Looks | None = None) -> dict[str, object]:
    budgets = [{**json_default(one), "sent_per_second": snapshot.sent_per_second[one.name]} for one in snapshot.budgets]
    lanes = [{**json_default(one), "priority": one.priority.name.lower()} for one in snapshot.lanes.lanes]
    whole = {**json_default(snapshot), "budgets": budgets, "lanes": {**json_default(snapshot.lanes), "lanes": lanes}}
    del whole["sent_per_second"]
    return {**whole, "no_answer_seconds": looks.silent_seconds if looks else None}


def _show(looks: Looks) -> None:
    with _keys() as key_within, Live(console=out, screen=True, auto_refresh=False) as live:
        while True:
            looks.look(EVERY_SECONDS)
            live.update(_screen(looks, out.width, out.height), refresh=True)
            # A look that is still running has been waited for already.
            if key_within(0 if looks.running else EVERY_SECONDS) in {b"q", b"Q"}:
                return


def _screen(looks: Looks, width: int, height: int) -> RenderableType:
    snapshot = looks.last
    if snapshot is None:
        return fault_line(looks.fault)
    note = f"{when(snapshot.at, brief=True)}  q ends"
    return snapshot_tables(snapshot, width=width, height=height, note=note, fault=looks.fault)


@contextmanager
def _keys() -> Iterator[Callable[[float], bytes]]:
    """Yields a function that waits so many seconds for a key: empty if none came. Without a terminal it only waits."""
    if not sys.stdin.isatty():
        yield _pause
        return
    import termios  # noqa: PLC0415  # only where there is a terminal
    import tty  # noqa: PLC0415  # the same

    before = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin)
    try:
        yield _key_within
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _pause(seconds: float) -> bytes:
    time.sleep(seconds)
    return b""


def _key_within(seconds: float) -> bytes:
    # Reads past Python's buffer, which `select` does not see.
    return os.read(sys.stdin.fileno(), 1) if select.select([sys.stdin], [], [], seconds)[0] else b""
