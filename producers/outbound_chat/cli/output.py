"""How the command line speaks: data to standard output, talk to standard error, one exit code for each kind of end."""

import json
import sys
from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from enum import IntEnum
from typing import Any

from rich.console import Console
from rich.table import Table
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


def exit_code(error: Exception) -> Exit | None:
    """The exit code for an error of ours; None for any other."""
    match error:
        case WaitTimeout():
            return Exit.TIMEOUT
        case UnknownJob() | UnknownBatch():
            return Exit.UNKNOWN_ID
        case StoreError():
            return Exit.STORE
        case OutboundChatError() | SettingsError():
            return Exit.WRONG_INPUT
    return None


def print_error(error: Exception) -> None:
    """An error of ours as people read it: a line for each fault."""
    lines = [f"  {fault}" for fault in error.errors] if isinstance(error, InvalidJob) else []
    head = "the job is refused:" if lines else str(error)
    talk.print(Text("error: ", style="bold red") + Text("\n".join([head, *lines, *getattr(error, "__notes__", [])])))


def print_json(value: Any) -> None:
    """A value as one JSON document on standard output: records as objects, times as ISO 8601."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=_plain) + "\n")


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    plain = {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, Job):
        plain |= {"priority": value.priority.name.lower(), "final": value.final, "error": value.error}
    if isinstance(value, Batch):
        plain |= {"counts": dict(value.counts), "remaining": value.remaining}
    return plain


def print_jobs(jobs: Sequence[Job]) -> None:
    """Jobs as a table, a line each."""
    table = Table("job", "state", "attempts", "contact", "next attempt or end", "reason", box=None, pad_edge=False)
    for job in jobs:
        when = job.finished_at or job.next_attempt_at
        reason = f"{job.error.code}: {job.error.message}" if job.error else ""
        table.add_row(
            job.id,
            Text(job.state, style=COLOURS.get(job.state, "")),
            str(job.attempts),
            job.contact_id or "",
            when.astimezone().strftime("%Y-%m-%d %H:%M:%S") if when else "",
            Text(reason),
        )
    out.print(table)


def print_batch(batch: Batch) -> None:
    """A batch and its counts."""
    name = f" {batch.name}" if batch.name else ""
    word = "final" if batch.final else "closed" if batch.closed else "open"
    out.print(Text(f"batch {batch.id}{name}: {word}, {batch.accepted} accepted, {batch.rejected} rejected"))
    for state, number in batch.counts.items():
        if number:
            out.print(Text(f"  {state:<10}", style=COLOURS.get(state, "")) + Text(f"{number:>9,}"))
