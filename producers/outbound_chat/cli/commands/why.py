"""The command that explains what a job waits for: why."""

from datetime import datetime
from typing import Annotated, NoReturn

import typer
from rich.text import Text

from outbound_chat.cli.errors import unknown_id
from outbound_chat.cli.options import Json
from outbound_chat.cli.output import print_json, when
from outbound_chat.cli.show_jobs import COLOURS, webhook_words
from outbound_chat.cli.tables import print_record
from outbound_chat.client import OutboundChat
from outbound_chat.model.durations import after
from outbound_chat.model.errors import UnknownBatch, UnknownJob
from outbound_chat.model.why import WaitReason, Why
from outbound_chat_config import load_settings

_MOVES_BY_ITSELF = frozenset(
    {WaitReason.FINAL, WaitReason.SENDING, WaitReason.SCHEDULED, WaitReason.PACED, WaitReason.NEXT}
)

_ORDINALS = ("first", "second", "third")
_TEENS = frozenset({11, 12, 13})


def why(job: Annotated[str, typer.Argument(help="ID of a job.", show_default=False)], *, as_json: Json = False) -> None:
    """Explain why a job has not been sent yet.

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
        print_why(found)


def _refuse_batch(chat: OutboundChat, unknown: UnknownJob) -> NoReturn:
    try:
        chat.batch(unknown.job_id)
    except UnknownBatch:
        raise unknown_id(unknown.job_id) from None
    raise typer.BadParameter(f"is a batch; give one of its jobs, such as {unknown.job_id}-1", param_hint="JOB")


def print_why(found: Why) -> None:
    """Prints what a job waits for, as a record."""
    job, waits = found.job, found.ahead is not None
    style = "green" if found.reason in _MOVES_BY_ITSELF else "yellow"
    print_record(
        [
            ("job", job.id),
            ("state", Text(job.state, style=COLOURS.get(job.state, ""))),
            ("sender", f"{job.sender}, {job.priority.name.lower()}"),
            ("why", Text(found.explanation, style=style)),
            ("reason", found.reason),
            ("position", _position(found)),
            ("earliest", _time(found.next_attempt_at, found.asked_at) if waits else None),
            ("expected", _time(found.expected_at, found.asked_at) if waits else None),
            ("expires", _time(job.expires_at, found.asked_at) if waits else None),
            ("webhook", webhook_words(job.webhook) if job.webhook else None),
        ]
    )


def _position(found: Why) -> str | None:
    if found.position is None or found.ahead is None:
        return None
    about = "about " if found.ahead >= len(_ORDINALS) else ""
    return f"{_ordinal(found.position)} in its lane, {about}{_ordinal(found.ahead)} overall"


def _ordinal(before: int) -> str:
    """Returns the place of a job with so many before it: `first`, `second`, `third`, `4th`, `1,021st`."""
    if before < len(_ORDINALS):
        return _ORDINALS[before]
    place = before + 1
    ending = "th" if place % 100 in _TEENS else {1: "st", 2: "nd", 3: "rd"}.get(place % 10, "th")
    return f"{place:,}{ending}"


def _time(time: datetime | None, now: datetime) -> str:
    return f"{when(time)}, {after(time - now)}" if time else "not known"
