"""Bulk actions: what is done to all jobs that a filter matches, by workers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal


@dataclass(frozen=True, slots=True)
class Refusal:
    """A job that a bulk action left as it was."""

    job_id: str
    """Id of the job."""
    code: str
    """Stable code of the error, such as `duplicate_risk`."""
    reason: str
    """Why, for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkAction:
    """An action on all jobs that a filter matched when it began. Workers carry it out, page by page."""

    id: str
    """Id of the action."""
    kind: Literal["replay"]
    """What it does: it replays dead letters."""
    budget: str
    """Budget of the jobs."""
    filter: Mapping[str, str | list[str]]
    """What the jobs have in common: `state`, `code`, `sender`, `tenant` and `batch`, as far as they were given."""
    force: bool
    """Whether jobs are replayed even if the customer might be texted twice."""
    key_id: str
    """Id of the API key that started it; empty for a program or person without a key."""
    started_at: datetime
    """When it began. Jobs that fail later, also replays of its own, are not part of it."""
    ended_at: datetime | None
    """When it ended; None: it is running."""
    state: Literal["running", "done", "stopped"]
    """`done`: all jobs were replayed or refused. `stopped`: a person stopped it; the other jobs stay as they were."""
    total: int | None
    """Jobs that matched when it began; None: a filter other than state and code can't be counted at once."""
    done: int = 0
    """Jobs that it replayed."""
    refused: Mapping[str, int] = field(default_factory=dict)
    """Jobs that it could not replay, by code; those of a page are added when the page is done."""
    first_refused: tuple[Refusal, ...] = ()
    """The first 100 of them."""
