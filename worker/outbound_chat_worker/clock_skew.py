"""Measures the skew of this machine's clock against that of Redis.

Pace, leases and due times only use the clock of Redis. But a call is signed with the time of this machine, and AWS
refuses it if that is more than 5 minutes off: the clock of one machine would put the whole sender on hold. So a worker
whose clock is more than `MOST_SKEW` off claims nothing; others continue.
"""

import logging
import threading
import time
from collections.abc import Callable

from outbound_chat_config import MOST_SKEW

logger = logging.getLogger(__name__)

_SAY_SECONDS = 60.0
_TRUST_SECONDS = 60.0
"""How long a correct clock is trusted. A wrong clock is measured each time."""


class ClockSkew:
    """The skew of this machine's clock. Safe to share between threads."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        """`now`: this machine's clock, in seconds since 1970."""
        self._now = now
        self._lock = threading.Lock()
        self._seen_at: float | None = None
        """`time.monotonic()` of the last measurement."""
        self._said_at: float | None = None
        self.skew = 0.0
        """Seconds that this machine was ahead of Redis at the last measurement; negative if it was behind."""

    @property
    def is_wrong(self) -> bool:
        """Whether the clock was too far off at the last measurement."""
        return abs(self.skew) > MOST_SKEW.total_seconds()

    @property
    def is_known(self) -> bool:
        """Whether the clock was correct a short while ago, so that it need not be measured."""
        return self._seen_at is not None and time.monotonic() - self._seen_at < _TRUST_SECONDS and not self.is_wrong

    def note(self, server_ms: int, asked_at: float) -> None:
        """Measures the skew by the server's time in an answer. `asked_at`: `time.monotonic()` before the question.

        The duration of the answer does not count as skew: the server may have read its clock at any moment of it.
        """
        now = time.monotonic()
        ahead = self._now() - server_ms / 1000
        with self._lock:
            was_wrong = self.is_wrong
            self.skew, self._seen_at = max(ahead - (now - asked_at), 0.0) + min(ahead, 0.0), now
            if self.is_wrong and (self._said_at is None or now - self._said_at >= _SAY_SECONDS):
                self._said_at = now
                logger.error("%s; set it with NTP. This worker sends nothing until it is correct", self.finding)
            elif was_wrong and not self.is_wrong:
                self._said_at = None
                logger.warning("this machine's clock is correct again; this worker continues")

    @property
    def finding(self) -> str:
        """The skew in words."""
        return (
            f"this machine's clock is {abs(self.skew):.0f} s {'ahead of' if self.skew > 0 else 'behind'} that of Redis"
        )
