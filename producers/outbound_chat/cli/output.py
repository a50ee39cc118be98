"""How the command line speaks: data to standard output, talk to standard error, one exit code for each kind of end."""

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any

from rich.console import Console
from rich.text import Text

from outbound_chat.errors import (
    InvalidJob,
    OutboundChatError,
    SettingsError,
    StoreError,
    UnknownBatch,
    UnknownJob,
    WaitTimeout,
)
from outbound_chat.jobs import Batch, Job, JobState
from outbound_chat.plain import to_plain

out = Console(highlight=False)
talk = Console(stderr=True, highlight=False)


class Exit(IntEnum):
    """Exit codes."""

    DONE = 0
    NOT_ALL_SENT = 1
    WRONG_INPUT = 2
    STORE = 3
    TIMEOUT = 4
    UNKNOWN_ID = 5


COLOURS = {
    JobState.SENT: "green",
    JobState.FAILED: "red",
    JobState.EXPIRED: "red",
    JobState.UNCERTAIN: "yellow",
    JobState.CANCELLED: "magenta",
}


def exit_code(error: OutboundChatError | SettingsError) -> Exit:
    """The exit code for an error of ours."""
    match error:
        case WaitTimeout():
            return Exit.TIMEOUT
        case UnknownJob() | UnknownBatch():
            return Exit.UNKNOWN_ID
        case StoreError():
            return Exit.STORE
        case _:
            return Exit.WRONG_INPUT


def print_error(error: Exception) -> None:
    """An error of ours as people read it: a line for each fault."""
    lines = [f"  {fault}" for fault in error.errors] if isinstance(error, InvalidJob) else []
    head = "this is refused:" if lines else str(error)
    text = "\n".join([head, *lines, *getattr(error, "__notes__", [])])
    talk.print(Text("error: ", style="bold red") + Text(text), soft_wrap=True)


def print_json(value: Any) -> None:
    """A value as one JSON document on one line of standard output: records as objects, times as ISO 8601."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=to_plain) + "\n")


def print_jobs(jobs: Sequence[Job]) -> None:
    """Jobs, a line each; never cut, so that ids can be copied and searched for."""
    width = max((len(job.id) for job in jobs), default=0)
    for job in jobs:
        line = Text(f"{job.id:<{width}}  ") + Text(f"{job.state:<9}", style=COLOURS.get(job.state, ""))
        if job.contact_id:
            line += Text(f"  contact {job.contact_id}")
        if when := job.finished_at or job.next_attempt_at:
            word = "at" if job.final else "next at"
            line += Text(f"  {word} {when.astimezone():%Y-%m-%d %H:%M:%S%z}")
        line += Text(f"  attempts {job.attempts}")
        if job.error:
            line += Text(f"  {job.error.code}: {job.error.message}")
        out.print(line, soft_wrap=True)


def print_batch(batch: Batch) -> None:
    """A batch and its counts."""
    name = f" {batch.name}" if batch.name else ""
    word = "final" if batch.final else "closed" if batch.closed else "open"
    out.print(Text(f"batch {batch.id}{name}: {word}, {batch.accepted} accepted, {batch.rejected} rejected"))
    for state, number in batch.counts.items():
        if number:
            out.print(Text(f"  {state:<10}", style=COLOURS.get(state, "")) + Text(f"{number:>9,}"))
    if outlook := outlook_of(batch):
        out.print(Text(f"  {outlook}"), soft_wrap=True)


def outlook_of(batch: Batch) -> str:
    """How fast a batch goes, and until when; empty when nothing of it is left."""
    if batch.held_by:
        return f"held, no end known: {batch.held_by}"
    if batch.expected_end is None:
        return ""
    return f"{batch.rate:.3g}/s, expected to end {clock_time(batch.expected_end)}"


def clock_time(instant: datetime) -> str:
    """A time as people here read it: with the date unless it is today's."""
    local = instant.astimezone()
    return f"{local:%H:%M:%S}" if local.date() == datetime.now(UTC).astimezone().date() else f"{local:%Y-%m-%d %H:%M}"
