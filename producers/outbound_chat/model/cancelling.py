"""What callers see of many jobs that they cancelled."""

from collections.abc import Mapping
from dataclasses import dataclass

from outbound_chat.model.jobs import JobState


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancellation:
    """What became of many jobs that were to be cancelled."""

    counts: Mapping[JobState, int]
    """The jobs by the state that they have now: `cancelled`, `sending` (the answer to a call in progress decides), or
    the state in which they had ended before."""
    unknown: tuple[str, ...]
    """Ids that no job has. Rows of a batch that were rejected have no job and are not listed."""
    newer: tuple[str, ...]
    """Ids of jobs that a newer version has to cancel: nothing was done."""
    looked: int
    """Ids or rows that were looked at so far."""
    total: int
    """Ids or rows to look at."""
