"""Bulk actions: what workers do to all jobs that a filter matches."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Self

from outbound_chat.model.errors import OutboundChatError

LONGEST_REASON = 300


@dataclass(frozen=True, slots=True)
class Refusal:
    """A job that was not replayed."""

    job_id: str
    """Id of the job."""
    code: str
    """Stable code, as in a problem."""
    reason: str
    """Why it was not replayed, for people."""

    @classmethod
    def of(cls, job_id: str, error: Exception) -> Self:
        """Returns why an error kept the job from being replayed. That of the settings would name other senders."""
        if isinstance(error, OutboundChatError):
            return cls(job_id, error.code, str(error)[:LONGEST_REASON])
        return cls(job_id, "unknown_sender", "the settings no longer have its sender")


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
    key_id: str
    """Id of the API key that started it; empty if there was none."""
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
    first_refused: tuple[Refusal, ...]
    """The first 100 of them."""
