"""The command that lists the batches of a budget, or the jobs of one batch: list."""

from typing import Annotated

import typer
from rich.text import Text

from outbound_chat.cli.options import Budget, Cursor, Json
from outbound_chat.cli.output import COLOURS, batch_state, clock_time, out, print_jobs, print_json, talk
from outbound_chat.client import OutboundChat
from outbound_chat.model.batches import Batch
from outbound_chat.model.jobs import JobState
from outbound_chat_config import load_settings

LIMIT = 50
_ENDS = (JobState.SENT, JobState.FAILED, JobState.UNCERTAIN, JobState.EXPIRED, JobState.CANCELLED)


def show(
    *,
    batch: Annotated[str | None, typer.Option(help="List the jobs of this batch instead.", show_default=False)] = None,
    state: Annotated[str | None, typer.Option(help="With --batch: only jobs of this state.")] = None,
    budget: Budget = None,
    sender: Annotated[str | None, typer.Option(help="Only batches of this sender.")] = None,
    tenant: Annotated[str | None, typer.Option(help="Only batches of this tenant.")] = None,
    only_open: Annotated[bool, typer.Option("--open", help="Only batches that are not final.")] = False,
    limit: Annotated[int, typer.Option(help="Lines a page: 1 to 100, of jobs 1 to 500.")] = LIMIT,
    cursor: Cursor = None,
    as_json: Json = False,
) -> None:
    """List batches with their counts: those that are not final, the newest first, then those that ended last."""
    _check(batch, state, of_lists=any((budget, sender, tenant, only_open)))
    with OutboundChat.from_settings(load_settings()) as chat:
        if batch is not None:
            jobs = chat.batch_jobs(batch, state, cursor, limit)
            if as_json:
                print_json(jobs.jobs, cursor=jobs.cursor)
                return
            print_jobs(jobs.jobs)
            _end(len(jobs.jobs), jobs.cursor, "no matching jobs in the batch")
            return
        page = chat.batches(budget=budget, sender=sender, tenant=tenant, open=only_open, cursor=cursor, limit=limit)
    if as_json:
        print_json(page.batches, cursor=page.cursor)
        return
    for one in page.batches:
        _print_line(one)
    is_filtered = any((sender, tenant, only_open, cursor))
    nothing = "no matching batches" if is_filtered else "No batches. Single messages: outbound-chat jobs"
    _end(len(page.batches), page.cursor, nothing)


def _check(batch: str | None, state: str | None, *, of_lists: bool) -> None:
    if batch is None and state is not None:
        raise typer.BadParameter("needs --batch: batches have no such state", param_hint="--state")
    if batch is not None and of_lists:
        message = "lists the jobs of one batch; leave out --budget, --sender, --tenant and --open"
        raise typer.BadParameter(message, param_hint="--batch")


def _end(shown: int, cursor: str | None, nothing: str) -> None:
    """Prints whether there is more, or nothing. Few of many rows may match, so an empty page need not be the last."""
    if cursor:
        talk.print(f'there {"may be " if not shown else "is "}more: --cursor "{cursor}"')
    elif not shown:
        talk.print(nothing)


def _print_line(batch: Batch) -> None:
    """Prints a batch on a line that fits a narrow terminal, and details on a line below it."""
    done = batch.accepted - batch.remaining
    line = Text(f"{batch.id}  {batch_state(batch):<6}  ") + Text(f"{done:,} of {batch.accepted:,}")
    if batch.name:
        line += Text(f"  {batch.name}")
    out.print(line)
    parts = [Text(clock_time(batch.created_at)), Text(batch.sender)]
    if batch.tenant:
        parts.append(Text(f"tenant {batch.tenant}"))
    parts += [
        Text(f"{batch.counts[state]:,} {state}", style=COLOURS.get(state, "")) for state in _ENDS if batch.counts[state]
    ]
    if batch.rejected:
        parts.append(Text(f"{batch.rejected:,} rejected"))
    if batch.held_by:
        parts.append(Text(batch.held_by, style="yellow"))
    out.print(Text("  ") + Text("  ").join(parts))
