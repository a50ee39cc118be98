"""What a budget did over time, for charts."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class HistoryPoint:
    """What a budget did in a time of some minutes."""

    at: datetime
    """Beginning of the time, to the minute; what is counted may be off by a second."""
    minutes: int
    """Its length in minutes: longer than was asked for if no worker ran meanwhile, shorter if it is the last one."""
    accepted: int
    """Jobs accepted."""
    calls: int
    """Calls to Amazon Connect that ended."""
    sent: int
    """Jobs sent."""
    failed: int
    """Jobs failed."""
    throttled: int
    """Calls that Amazon Connect throttled."""
    expired: int
    """Jobs expired."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What a budget did over time."""

    budget: str
    """Name of the budget."""
    points: tuple[HistoryPoint, ...]
    """The points, oldest first; each begins where the one before ends. The current minute is not part of any."""
