"""The command that finds messages without their ids: jobs."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, cast

import typer
from rich.text import Text

from outbound_chat.cli.options import Budget, Cursor, Json, unknown_sender
from outbound_chat.cli.output import print_json
from outbound_chat.cli.show_jobs import COLOURS
from outbound_chat.cli.tables import make_table, print_page_end, print_table, time_cell
from outbound_chat.client import OutboundChat
from outbound_chat.model.errors import FieldError, InvalidJob
from outbound_chat.model.jobs import Job, JobState
from outbound_chat.request import FieldCode
from outbound_chat.rows import TIMES, parse_time
from outbound_chat_config import Settings, load_settings


def find_jobs(
    *,
    budget: Budget = None,
    sender: Annotated[str | None, typer.Option(help="Only messages of this sender.")] = None,
    tenant: Annotated[str | None, typer.Option(help="Only messages of this tenant.")] = None,
    state: Annotated[JobState | None, typer.Option(help="Only messages in this state.")] = None,
    code: Annotated[str | None, typer.Option(help="Code of the last attempt, such as refused.")] = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="Enqueued at this time or later: ISO 8601 with a zone, or 2h for 2 hours ago."
        ),
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="Enqueued before this time, in the same forms.")
    ] = None,
    idempotency_key: Annotated[
        str | None, typer.Option(help="The message with this key; add --tenant if it has a tenant.")
    ] = None,
    to: Annotated[str | None, typer.Option(help="Messages to this number; needs results.find_by_number.")] = None,
    limit: Annotated[int, typer.Option(help="Messages per page, 1 to 500.")] = 50,
    cursor: Cursor = None,
    as_json: Json = False,
) -> None:
    """List single messages, or find one.

    The newest come first. For the jobs of a batch, use 'outbound-chat list --batch'; --to and --idempotency-key find
    those as well.

    $ outbound-chat jobs --sender support --since 2h --state failed
    $ outbound-chat jobs --idempotency-key A-17-left
    """
    settings = load_settings()
    chosen = {"budget": budget, "sender": sender, "tenant": tenant, "state": state, "code": code, "to": to}
    chosen["idempotency_key"] = idempotency_key
    times = {"since": _instant("since", since), "until": _instant("until", until)}
    found: list[Job] = []
    with OutboundChat.from_settings(settings) as chat:
        # Few of many jobs may match, so that a page has none and is not the last.
        while True:
            page = chat.jobs(limit=limit - len(found), cursor=cursor, **cast("Any", {**chosen, **times}))
            found += page.jobs
            cursor = page.cursor
            if cursor is None or len(found) >= limit:
                break
    if as_json:
        print_json(found, cursor=cursor)
        return
    _print(found)
    is_list = to is None and idempotency_key is None
    print_page_end(found, cursor, _nothing(settings, is_list=is_list), unknown_sender(settings, sender))


def _instant(field: str, text: str | None) -> Any:
    ago, at = TIMES["expires_in"](field, text), parse_time(field, text)
    if isinstance(ago, InvalidJob) and isinstance(at, InvalidJob):
        message = "must be an ISO 8601 time with a zone, such as 2026-05-01T09:00:00+02:00, or how long ago, such as 2h"
        return InvalidJob([FieldError(field, FieldCode.INVALID_TIME, message)])
    return datetime.now(UTC) - ago if isinstance(ago, timedelta) else at


def _print(jobs: Sequence[Job]) -> None:
    table = make_table("job", "state", "code", "created", "sender", extras=("sender", "created", "code"))
    for job in jobs:
        code = job.error.code if job.error else ""
        state = Text(job.state, style=COLOURS.get(job.state, ""))
        table.add_row(job.id, state, code, time_cell(job.created_at), job.sender)
    print_table(table)


def _nothing(settings: Settings, *, is_list: bool) -> str:
    """Returns what else whoever finds nothing should know."""
    if is_list and not settings.results.listed_jobs:
        return "No matching messages. Single messages are not listed, since results.listed_jobs is 0."
    return f"No matching messages.{' Those of batches: outbound-chat list' if is_list else ''}"
