"""The time as the sandbox sees it, passed in so that seven days can pass in a test without waiting."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Where the sandbox takes its time from."""

    def monotonic(self) -> float:
        """Seconds that never run backward: for rates, tokens, chats and arrivals."""
        ...

    def now(self) -> datetime:
        """The aware UTC instant: for signatures and `started_at`."""
        ...


class SystemClock:
    """The machine's own clocks. On Linux `monotonic` agrees between processes of one machine."""

    def monotonic(self) -> float:
        """Return `time.monotonic()`."""
        return time.monotonic()

    def now(self) -> datetime:
        """Return the present instant in UTC."""
        return datetime.now(UTC)
