"""The command that shows what happened, and follows what happens: events."""

import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import nullcontext, suppress
from datetime import UTC, datetime
from typing import Annotated, Literal

import typer
from rich.text import Text

from outbound_chat.cli.options import Budget, Json
from outbound_chat.cli.output import out, print_line, talk, when
from outbound_chat.cli.show_jobs import COLOURS
from outbound_chat.client import OutboundChat
from outbound_chat.ending import until_stopped
from outbound_chat.model.batches import Batch
from outbound_chat.model.errors import OutboundChatError, UnknownBatch
from outbound_chat.model.operations import Event, EventKind, Events
from outbound_chat_config import is_number, load_settings

FOLLOW_SECONDS = 5.0
TAIL = 50
"""Events that are shown by default."""
ID_LENGTH = len(".01JD2Y8Q6ZK4X0B7V5N3M1C9TR-20000")
"""Of most jobs of a batch, without the budget."""
End = Literal["sent", "failed", "expired", "cancelled", "uncertain"]


def events(
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Print new events until Ctrl-C.")] = False,
    tail: Annotated[
        int | None, typer.Option(min=0, help=f"Show the last events: {TAIL} by default, none with --follow.")
    ] = None,
    since: Annotated[str | None, typer.Option(help="Show all events after that of this number; 0: all.")] = None,
    kind: Annotated[EventKind | None, typer.Option(help="Only events of this kind, such as batch_final.")] = None,
    state: Annotated[End | None, typer.Option(help="Only jobs that ended in this state.")] = None,
    code: Annotated[str | None, typer.Option(help="Only events with this code, such as refused.")] = None,
    sender: Annotated[list[str] | None, typer.Option(help="Only this sender; can be repeated.")] = None,
    batch: Annotated[str | None, typer.Option(help="Only this batch and its jobs.")] = None,
    budget: Budget = None,
    as_json: Json = False,
) -> None:
    """Show what happened: jobs and batches that ended.

    Prints the last 50 by default. With --follow, it prints new events as they happen. With --json, it prints one object
    per line.

    $ outbound-chat events --batch main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR --state failed
    $ outbound-chat events --follow --sender support
    $ outbound-chat events --follow --tail 20 --json
    """
    after = _number(since, tail)
    settings = load_settings()
    for name in sender or ():
        settings.sender(name)  # an unknown one would be waited for without end
    exact = {name: value for name, value in {"kind": kind, "state": state, "code": code}.items() if value is not None}

    def wanted(page: Events) -> list[Event]:
        found = [one for one in page.events if all(getattr(one, name) == value for name, value in exact.items())]
        found = [one for one in found if batch in {None, one.id, one.id.rpartition("-")[0]}]
        return _of_senders(chat, found, sender) if sender else found

    width = max(map(len, settings.budgets), default=0) + ID_LENGTH
    if out.is_terminal and not as_json:
        time_head = "time".ljust(len(when(datetime.now(UTC))))
        out.print(Text(_line(time_head, "job or batch", width) + "event", style="bold"))
    with until_stopped() if follow else nullcontext(), OutboundChat.from_settings(settings) as chat:
        if since is None:
            last = deque[Event](maxlen=tail if tail is not None else 0 if follow else TAIL)
            for page in _pages(chat, after, budget):
                last.extend(wanted(page) if last.maxlen else ())
                after = page.next
            _print(last, width, as_json)
            if not follow:
                return
        for page in _pages(chat, after, budget, FOLLOW_SECONDS if follow else 0.0):
            if page.missed:
                talk.print(f"{page.missed:,} events were trimmed before they were read", style="yellow")
            _print(wanted(page), width, as_json)


def _number(since: str | None, tail: int | None) -> int:
    """Returns the number of the event after which to begin."""
    if since is not None and tail is not None:
        raise typer.BadParameter("give --tail or --since, not both", param_hint="--tail")
    if since is not None and not is_number(since, whole=True):
        raise typer.BadParameter("must be the number of an event, such as 1200, not a time", param_hint="--since")
    return int(since or 0)


def _pages(chat: OutboundChat, since: int, budget: str | None, wait: float = 0.0) -> Iterator[Events]:
    """Yields pages up to the last event; if it waits for more, without end."""
    while True:
        try:
            page = chat.events(since=since, budget=budget, wait=wait)
        except OutboundChatError:
            # Following survives a restart of Redis, but an outage that lasts is reported.
            if not wait:
                raise
            time.sleep(1)
            page = chat.events(since=since, budget=budget)
        yield page
        since = page.next
        if not (wait or page.events):
            return


def _of_senders(chat: OutboundChat, events: Iterable[Event], senders: Iterable[str]) -> list[Event]:
    """Returns those of the senders. Events have none, so their jobs and batches are read."""
    jobs = chat.statuses(one.id for one in events if one.kind is EventKind.JOB_FINAL)
    return [one for one in events if (of := jobs.get(one.id) or _batch(chat, one)) and of.sender in senders]


def _batch(chat: OutboundChat, event: Event) -> Batch | None:
    with suppress(UnknownBatch):  # it has passed its lifetime, or the event is about no batch
        return chat.batch(event.id)
    return None


def _line(time: str, id_: str, width: int) -> str:
    return f"{time}  {id_:<{width}}  "


def _print(events: Iterable[Event], width: int, as_json: bool) -> None:
    for event in events:
        if as_json:
            print_line(event)
            continue
        style = COLOURS.get(event.state, "") if event.state else ""
        what = Text(event.state or event.kind.replace("_", " "), style=style)
        # Always with the date, so that the columns of several days line up.
        line = Text(_line(when(event.at), event.id, width)) + what + (f": {event.code}" if event.code else "")
        out.print(line, no_wrap=True, overflow="ignore", crop=False)
