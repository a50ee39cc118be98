"""Commands for what failed: dead and replay; and for following what happens: events."""

import time
from contextlib import nullcontext
from typing import Annotated, Any, cast

import typer

from outbound_chat.cli.options import Budget, Cursor, Json
from outbound_chat.cli.output import end_with, out, print_json, print_line, talk, when
from outbound_chat.cli.replays import Replays
from outbound_chat.cli.show_jobs import print_jobs
from outbound_chat.cli.tables import make_table, print_table
from outbound_chat.client import OutboundChat
from outbound_chat.ending import until_stopped
from outbound_chat.model.errors import OutboundChatError
from outbound_chat.model.jobs import JobState
from outbound_chat.model.operations import Event
from outbound_chat_config import load_settings

State = Annotated[str | None, typer.Option(help="failed or uncertain; both by default.")]
AttemptCode = Annotated[str | None, typer.Option(help="Code of the last attempt, such as refused.")]
Sender = Annotated[str | None, typer.Option(help="Sender of the jobs.")]
Tenant = Annotated[str | None, typer.Option(help="Tenant of the jobs.")]
Batch = Annotated[str | None, typer.Option(help="Batch of the jobs.")]

FOLLOW_SECONDS = 5.0


def dead(
    *,
    budget: Budget = None,
    state: State = None,
    code: AttemptCode = None,
    sender: Sender = None,
    tenant: Tenant = None,
    batch: Batch = None,
    limit: Annotated[int, typer.Option(help="Jobs a page, 1 to 500.")] = 50,
    cursor: Cursor = None,
    counts: Annotated[bool, typer.Option("--counts", help="Only count them, by state and code.")] = False,
    as_json: Json = False,
) -> None:
    """List failed and uncertain jobs that were not replayed, the newest first."""
    settings = load_settings()
    with OutboundChat.from_settings(settings) as chat:
        if counts:
            _print_counts(dict(chat.count_dead(budget)), as_json)
            return
        chosen = {"budget": budget, "state": state, "code": code, "sender": sender, "tenant": tenant, "batch": batch}
        page = chat.dead_letters(limit=limit, cursor=cursor, **cast("Any", chosen))
    if as_json:
        print_json(page.jobs, cursor=page.cursor)
        return
    print_jobs(page.jobs)
    if not page.jobs:
        talk.print("no matching jobs")
        if sender and sender not in settings.senders:
            # It may have been configured once, so its jobs are looked for anyway.
            known = ", ".join(sorted(settings.senders))
            known += f"; settings: {settings.source}"
            talk.print(f'sender "{sender}" is not configured; known senders: {known}', style="yellow")
    if page.cursor:
        talk.print(f'there are more: --cursor "{page.cursor}"')


def _print_counts(found: dict[tuple[JobState, str], int], as_json: bool) -> None:
    if as_json:
        print_json([{"state": state, "code": code, "count": count} for (state, code), count in found.items()])
        return
    table = make_table("state", "code", "jobs", numbers=("jobs",))
    for (state, code), count in sorted(found.items()):
        table.add_row(state, code, f"{count:,}")
    print_table(table) if found else talk.print("no matching jobs")


def replay(
    ids: Annotated[
        list[str] | None, typer.Argument(help="Ids of failed or uncertain jobs.", show_default=False)
    ] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Replay all that match the options below.")] = False,
    budget: Budget = None,
    state: State = None,
    code: AttemptCode = None,
    sender: Sender = None,
    tenant: Tenant = None,
    batch: Batch = None,
    text: Annotated[str | None, typer.Option(help="Send this message instead; needs a new token.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Even if the customer may be texted twice.")] = False,
    as_json: Json = False,
) -> None:
    """Send failed or uncertain jobs again, as new jobs; print them. Exits with 1 when one could not be replayed."""
    if bool(ids) is every:
        raise typer.BadParameter("name ids, or --all with what they have in common", param_hint="IDS")
    replays = Replays({"force": force, **({} if text is None else {"text": text})})
    with OutboundChat.from_settings(load_settings()) as chat:
        if every:
            chosen = {"budget": budget, "state": state, "code": code, "sender": sender, "tenant": tenant}
            ids = [job.id for job in chat.each_dead_letter(**cast("Any", {**chosen, "batch": batch}))]
        replays.make(chat, ids or [])
    if as_json:
        print_json(replays.new, replays.errors)
    else:
        print_jobs(replays.new)
    end_with(replays.errors, replays.code)
    if every and not ids:
        talk.print("no matching jobs")


def events(
    *,
    since: Annotated[int, typer.Option(help="Number of the last event known; 0: from the first that is kept.")] = 0,
    budget: Budget = None,
    follow: Annotated[bool, typer.Option("--follow", help="Keep printing what happens until Ctrl-C.")] = False,
    as_json: Json = False,
) -> None:
    """Print what happened: batches accepted, batches final, jobs final. With --json a line each."""
    with until_stopped() if follow else nullcontext(), OutboundChat.from_settings(load_settings()) as chat:
        while True:
            found = _ask(chat, since, budget, FOLLOW_SECONDS if follow else 0.0)
            if found.missed:
                talk.print(f"{found.missed:,} events were trimmed before they were read", style="yellow")
            for event in found.events:
                _print_event(event, as_json)
            since = found.next
            if not follow and not found.events:
                return


def _ask(chat: OutboundChat, since: int, budget: str | None, wait: float) -> Any:
    try:
        return chat.events(since=since, budget=budget, wait=wait)
    except OutboundChatError:
        # Following survives a restart of Redis, but an outage that lasts is reported.
        if not wait:
            raise
        time.sleep(1)
        return chat.events(since=since, budget=budget)


def _print_event(event: Event, as_json: bool) -> None:
    if as_json:
        print_line(event)
        return
    word = event.state or ""
    code = f"  {event.code}" if event.code else ""
    line = f"{event.number:>8}  {when(event.at)}  {event.kind:<14}  {event.id}  {word}{code}"
    out.print(line.rstrip())
