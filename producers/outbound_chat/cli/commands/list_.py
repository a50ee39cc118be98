"""The command that lists the batches of a budget, or the jobs of one batch: list."""

from typing import Annotated

import typer

from outbound_chat.cli.options import Budget, Cursor, Json
from outbound_chat.cli.output import print_json
from outbound_chat.cli.show_batches import print_batches
from outbound_chat.cli.show_jobs import print_jobs
from outbound_chat.cli.tables import print_page_end
from outbound_chat.client import OutboundChat
from outbound_chat.model.jobs import JobState
from outbound_chat_config import load_settings

LIMIT = 50


def show(
    *,
    batch: Annotated[str | None, typer.Option(help="List the jobs of this batch instead.", show_default=False)] = None,
    state: Annotated[JobState | None, typer.Option(help="With --batch: only jobs in this state.")] = None,
    budget: Budget = None,
    sender: Annotated[str | None, typer.Option(help="Only batches of this sender.")] = None,
    tenant: Annotated[str | None, typer.Option(help="Only batches of this tenant.")] = None,
    unfinished: Annotated[
        bool, typer.Option("--unfinished", help="Only batches that are open or in progress: not final.")
    ] = False,
    limit: Annotated[int, typer.Option(help="Batches per page, 1 to 100; jobs, 1 to 500.")] = LIMIT,
    cursor: Cursor = None,
    as_json: Json = False,
) -> None:
    """List batches, or the jobs of one batch.

    Batches that are not final come first, the newest at the top. Jobs are in the order of their rows.

    $ outbound-chat list --unfinished
    $ outbound-chat list --batch main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR --state failed
    """
    _check(batch, state, of_lists=any((budget, sender, tenant, unfinished)))
    with OutboundChat.from_settings(load_settings()) as chat:
        if batch is not None:
            jobs = chat.batch_jobs(batch, state, cursor, limit)
            if as_json:
                print_json(jobs.jobs, cursor=jobs.cursor)
                return
            print_jobs(jobs.jobs)
            print_page_end(jobs.jobs, jobs.cursor, "no matching jobs in the batch")
            return
        page = chat.batches(budget=budget, sender=sender, tenant=tenant, open=unfinished, cursor=cursor, limit=limit)
    if as_json:
        print_json(page.batches, cursor=page.cursor)
        return
    print_batches(page.batches)
    is_filtered = any((sender, tenant, unfinished, cursor))
    nothing = "no matching batches" if is_filtered else "No batches. Single messages: outbound-chat jobs"
    print_page_end(page.batches, page.cursor, nothing)


def _check(batch: str | None, state: str | None, *, of_lists: bool) -> None:
    if batch is None and state is not None:
        raise typer.BadParameter("needs --batch: batches have no such state", param_hint="--state")
    if batch is not None and of_lists:
        message = "lists the jobs of one batch; leave out --budget, --sender, --tenant and --unfinished"
        raise typer.BadParameter(message, param_hint="--batch")
