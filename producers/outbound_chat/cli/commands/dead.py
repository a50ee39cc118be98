"""Commands for what failed: dead and replay."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, cast

import typer

from outbound_chat.cli.confirm import confirm
from outbound_chat.cli.options import Budget, Cursor, Json, unknown_sender
from outbound_chat.cli.output import end_with, number_of, print_json
from outbound_chat.cli.replays import Matches, Replays
from outbound_chat.cli.show_jobs import print_jobs
from outbound_chat.cli.tables import make_table, print_page_end, print_table
from outbound_chat.client import OutboundChat
from outbound_chat.model.jobs import JobState
from outbound_chat_config import load_settings

State = Annotated[Literal["failed", "uncertain"] | None, typer.Option(help="failed or uncertain; both by default.")]
AttemptCode = Annotated[str | None, typer.Option(help="Code of the last attempt, such as refused.")]
Sender = Annotated[str | None, typer.Option(help="Only jobs of this sender.")]
Tenant = Annotated[str | None, typer.Option(help="Only jobs of this tenant.")]
Batch = Annotated[str | None, typer.Option(help="Only jobs of this batch.")]


def dead(
    *,
    budget: Budget = None,
    state: State = None,
    code: AttemptCode = None,
    sender: Sender = None,
    tenant: Tenant = None,
    batch: Batch = None,
    limit: Annotated[int, typer.Option(help="Jobs per page, 1 to 500.")] = 50,
    cursor: Cursor = None,
    counts: Annotated[bool, typer.Option("--counts", help="Only count them, by state and code.")] = False,
    as_json: Json = False,
) -> None:
    """List failed and uncertain jobs.

    The newest come first. Jobs that were replayed are left out.

    $ outbound-chat dead --counts
    $ outbound-chat dead --code refused --limit 100
    """
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
    print_page_end(page.jobs, page.cursor, "no matching jobs", unknown_sender(settings, sender))


def _plain(counts: Mapping[tuple[JobState, str], int]) -> list[dict[str, Any]]:
    return [{"state": state, "code": code, "count": count} for (state, code), count in counts.items()]


def _print_counts(found: dict[tuple[JobState, str], int], as_json: bool) -> None:
    if as_json:
        print_json(_plain(found))
        return
    table = make_table("state", "code", "jobs", numbers=("jobs",))
    for (state, code), count in sorted(found.items()):
        table.add_row(state, code, f"{count:,}")
    print_table(table, "no matching jobs")


def replay(
    ids: Annotated[
        list[str] | None, typer.Argument(help="IDs of failed or uncertain jobs.", show_default=False)
    ] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Replay all that match the other options.")] = False,
    budget: Budget = None,
    state: State = None,
    code: AttemptCode = None,
    sender: Sender = None,
    tenant: Tenant = None,
    batch: Batch = None,
    text: Annotated[str | None, typer.Option(help="Send this text instead of the old one.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replay even if the customer may be texted twice.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="With --all: only count the jobs that match.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --all: do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Send failed or uncertain jobs again.

    Each is sent as a new job, which is printed. A job that can't be replayed is reported and does not stop the others.

    $ outbound-chat replay main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR
    $ outbound-chat replay --all --code unreachable
    """
    if bool(ids) is every:
        raise typer.BadParameter("name ids, or --all with what they have in common", param_hint="IDS")
    if (dry_run or yes) and not every:
        raise typer.BadParameter("goes with --all", param_hint="--dry-run" if dry_run else "--yes")
    replays = Replays({"force": force, **({} if text is None else {"text": text})})
    with OutboundChat.from_settings(load_settings()) as chat:
        if every:
            chosen = {"budget": budget, "state": state, "code": code, "sender": sender, "tenant": tenant}
            found = Matches.of(chat.each_dead_letter(**cast("Any", {**chosen, "batch": batch})))
            found.show(edited=text is not None)
            if dry_run:
                if as_json:
                    counts = _plain(found.counts)
                    print_json({"jobs": len(found.ids), "maybe_sent": found.maybe_sent, "counts": counts})
                return
            if found.ids:
                confirm(f"Replay {number_of(len(found.ids), 'job')}?", yes=yes)
            ids = found.ids
        replays.make(chat, ids or [])
    if as_json:
        print_json(replays.new, replays.errors)
    _end(replays, len(ids or []), quiet=as_json, every=every)


def _end(replays: Replays, of: int, *, quiet: bool, every: bool) -> None:
    if every and of:
        replays.sum_up(of)
    elif not every:
        print_jobs(() if quiet else replays.new)
        end_with(replays.errors, replays.code)
    if replays.code:
        raise typer.Exit(replays.code)
