"""Measures how long calls and queries to Redis take in a worker process, for the pumps of one budget."""

QUICK_SECONDS = 0.1
"""Calls up to this duration are quick: then a job that waits for a thread is sent long before it is too late."""
SLOW_SECONDS = 10 * QUICK_SECONDS
"""Assumed duration of calls at first. After about a dozen quick calls, they count as quick."""
_SHORTEST_SECONDS = 0.001
_MEMORY = 0.8
"""Weight of earlier calls compared with the last one."""
_FORGETS = 1.1
"""Growth of the shortest round trip with each later one, since Redis may have moved farther away."""


class Durations:
    """The measurements. Safe from any thread: losing one of two concurrent updates is harmless."""

    def __init__(self) -> None:
        self._call_seconds = SLOW_SECONDS
        self._round_trip: float | None = None

    def note_call(self, seconds: float) -> None:
        """Notes how long a call took."""
        self._call_seconds = _MEMORY * self._call_seconds + (1 - _MEMORY) * seconds

    def note_round_trip(self, seconds: float) -> None:
        """Notes how long a query to Redis took. The shortest ones show how far away it is."""
        self._round_trip = seconds if self._round_trip is None else min(seconds, self._round_trip * _FORGETS)

    def doubt_calls(self) -> None:
        """Assumes that calls are slow: those that run now have not reported their duration yet."""
        self._call_seconds = SLOW_SECONDS

    @property
    def are_quick(self) -> bool:
        """Whether calls are quick."""
        return self._call_seconds < QUICK_SECONDS

    @property
    def round_trip(self) -> float:
        """Least seconds that a query to Redis takes; 0 if unknown."""
        return self._round_trip or 0.0

    def calls_in(self, seconds: float) -> float:
        """Returns how many calls a thread makes in this time."""
        return seconds / max(self._call_seconds, _SHORTEST_SECONDS)
