"""The command that explains what a job waits for: why."""

from datetime import datetime
from typing import Annotated, NoReturn

import typer
from rich.text import Text

from outbound_chat.cli.errors import unknown_id
from outbound_chat.cli.options import Json
from outbound_chat.cli.output import COLOURS, out, print_json, webhook_words
from outbound_chat.client import OutboundChat
from outbound_chat.model.durations import after
from outbound_chat.model.errors import UnknownBatch, UnknownJob
from outbound_chat.model.why import WaitReason, Why
from outbound_chat_config import load_settings

_MOVES_BY_ITSELF = frozenset(
    {WaitReason.FINAL, WaitReason.SENDING, WaitReason.SCHEDULED, WaitReason.PACED, WaitReason.NEXT}
)


def why(job: Annotated[str, typer.Argument(help="ID of a job.", show_default=False)], *, as_json: Json = False) -> None:
    """Explain why a job was not sent yet.

    Names the rule that stops it, its place in line, and when it is expected to be sent.

    $ outbound-chat why main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR
    """
    with OutboundChat.from_settings(load_settings()) as chat:
        try:
            found = chat.why(job)
        except UnknownJob as unknown:
            _refuse_batch(chat, unknown)
    if as_json:
        print_json(found)
    else:
        _print(found)


def _refuse_batch(chat: OutboundChat, unknown: UnknownJob) -> NoReturn:
    try:
        chat.batch(unknown.job_id)
    except UnknownBatch:
        raise unknown_id(unknown.job_id) from None
    raise typer.BadParameter(f"is a batch; give one of its jobs, such as {unknown.job_id}-1", param_hint="JOB")


def _print(found: Why) -> None:
    job = found.job
    state = Text(job.state, style=COLOURS.get(job.state, ""))
    out.print(Text(f"{job.id}  ") + state + Text(f"  {job.priority.name.lower()}  sender {job.sender}"))
    style = "green" if found.reason in _MOVES_BY_ITSELF else "yellow"
    out.print(Text("") + Text(found.reason, style=f"bold {style}") + Text(f": {found.explanation}"))
    if job.webhook:
        out.print(f"webhook   {webhook_words(job.webhook)}")
    if found.ahead is None:
        return
    place = (
        f"{found.position:,} of its lane before it, about {found.ahead:,} in all" if found.ahead else "first in line"
    )
    out.print(f"place     {place}")
    out.print(f"earliest  {_time(found.next_attempt_at, found.asked_at)}")
    out.print(f"expected  {_time(found.expected_at, found.asked_at)}")
    out.print(f"expires   {_time(job.expires_at, found.asked_at)}")


def _time(time: datetime | None, now: datetime) -> str:
    return f"{time.astimezone():%Y-%m-%d %H:%M:%S%z}, {after(time - now)}" if time else "not known"
