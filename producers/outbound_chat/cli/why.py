"""The command that tells what a job waits for: why."""

from datetime import datetime
from typing import Annotated

import typer
from rich.text import Text

from outbound_chat.cli.jobs import Json
from outbound_chat.cli.output import COLOURS, out, print_json
from outbound_chat.client import OutboundChat
from outbound_chat.why import WaitReason, Why

_MOVES_BY_ITSELF = frozenset(
    {WaitReason.FINAL, WaitReason.SENDING, WaitReason.SCHEDULED, WaitReason.PACED, WaitReason.NEXT}
)


def why(job: Annotated[str, typer.Argument(help="Id of a job.", show_default=False)], *, as_json: Json = False) -> None:
    """Tell what a job waits for: the rule that stops it, its place, its next attempt, and when it may be called."""
    with OutboundChat.from_settings() as chat:
        found = chat.why(job)
    if as_json:
        print_json(found)
    else:
        _print(found)


def _print(found: Why) -> None:
    job = found.job
    line = Text(f"{job.id}  ") + Text(job.state, style=COLOURS.get(job.state, ""))
    out.print(line + Text(f"  {job.priority.name.lower()}  sender {job.sender}"), soft_wrap=True)
    style = "green" if found.reason in _MOVES_BY_ITSELF else "yellow"
    out.print(Text(found.reason, style=f"bold {style}") + Text(f": {found.explanation}"), soft_wrap=True)
    if found.position is None or found.ahead is None:
        return
    out.print(Text(f"place     {found.position:,} of its lane before it, about {found.ahead:,} in all"))
    out.print(Text(f"next      {_time(found.next_attempt_at)}"))
    out.print(Text(f"expected  {_time(found.expected_at)}"))
    out.print(Text(f"expires   {_time(job.expires_at)}"))


def _time(time: datetime | None) -> str:
    if time is None:
        return "not known"
    return f"{time.astimezone():%Y-%m-%d %H:%M:%S%z}"
