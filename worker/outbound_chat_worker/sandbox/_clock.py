"""The sandbox's clock. It is passed in so that seven days can pass in a test without waiting."""

import time
from datetime import UTC, datetime


class Clock:
    """The machine's own clocks. On Linux `monotonic` agrees between processes of one machine."""

    def monotonic(self) -> float:
        """Seconds that never run backward: for rates, tokens, chats and arrivals."""
        return time.monotonic()

    def now(self) -> datetime:
        """The aware UTC instant: for signatures and `started_at`."""
        return datetime.now(UTC)
