"""Bulk actions: what workers do to all jobs that a filter matches."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkAction:
    """An action on all jobs that matched a filter when it began. Workers carry it out, page by page."""

    id: str
    """Id of the action."""
    kind: Literal["replay"]
    """What it does to dead letters."""
    budget: str
    """Budget of the jobs."""
    filter: Mapping[str, str | list[str]]
    """What the jobs have in common: those of `state`, `code`, `sender`, `tenant` and `batch` that were given."""
    force: bool
    """Whether it replays jobs even if the customer might be texted twice."""
    started_at: datetime
    """When it began."""
    ended_at: datetime | None
    """When it ended; None: it is running."""
    state: Literal["running", "done", "stopped"]
    """`done`: all jobs were replayed or refused. `stopped`: a person stopped it."""
    total: int | None
    """Jobs that matched when it began; None: only state and code can be counted."""
    done: int = 0
    """Jobs that it replayed so far."""
    refused: Mapping[str, int]
    """Jobs that it could not replay, by code, in the pages that are done."""
    first_refused: Mapping[str, str]
    """The first 100 of them: id of the job → why, for people."""
