"""How the command line speaks: data to standard output, talk to standard error, one exit code for each kind of end."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import datetime
from enum import Enum, IntEnum
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
    """A value as one JSON document on standard output."""
    sys.stdout.write(json.dumps(plain(value), ensure_ascii=False) + "\n")


def plain(value: Any) -> Any:
    """A value as JSON holds it: records as objects, times as ISO 8601, states as their words."""
    if isinstance(value, Job):
        return {**_fields(value), "final": value.final, "error": plain(value.error)}
    if isinstance(value, Batch):
        return {**_fields(value), "remaining": value.remaining}
    if is_dataclass(value) and not isinstance(value, type):
        return _fields(value)
    if isinstance(value, IntEnum):
        return value.name.lower()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    if isinstance(value, Mapping):
        return {plain(key): plain(item) for key, item in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [plain(item) for item in value]
    return value


def _fields(value: Any) -> dict[str, Any]:
    return {name: plain(getattr(value, name)) for name in asdict(value)}


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
