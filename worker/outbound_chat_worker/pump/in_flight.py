"""The jobs that a pump has in flight: one a thread, and as many again in stock while calls are quick (prefetch).

The stock is there so that no thread waits while the pump talks to Redis, and so that one script serves several jobs:
with calls of 50 ms on 16 threads that is a quarter of a script a job, where it would be two.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from outbound_chat_config import LATEST_SECONDS

QUICK_SECONDS = 0.1
"""Calls that take no longer are quick: then a job that waits for a thread leaves long before it is too late."""
SLOW_SECONDS = 10 * QUICK_SECONDS
"""Assumed duration of calls at first; after about a dozen quick ones they count as quick."""
PREFETCH = 1.0
"""Most prefetched jobs, as a share of the number of threads."""
_MEMORY = 0.8
"""Weight of earlier latencies against that of the last call."""


@dataclass(frozen=True, slots=True)
class _Held:
    claim_id: str
    since: float


class InFlight:
    """Tracks the jobs in flight of one pump. For its main thread alone, except `start` and `note_latency`."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._held: dict[str, _Held] = {}
        self._unstarted: set[tuple[str, str]] = set()
        """Local and claim ids of jobs whose calls have not begun."""
        self._call_seconds = SLOW_SECONDS

    def __len__(self) -> int:
        return len(self._held)

    @property
    def claims(self) -> dict[str, str]:
        """Local id of each job → claim id."""
        return {local_id: held.claim_id for local_id, held in self._held.items()}

    def add(self, local_id: str, claim_id: str) -> None:
        """Adds a job that is about to be given to the threads."""
        self._unstarted.add((local_id, claim_id))
        self._held[local_id] = _Held(claim_id, time.monotonic())

    def start(self, local_id: str, claim_id: str) -> bool:
        """Decides who has the job, a thread that calls it or the pump that takes it back: True for the first to ask."""
        try:
            self._unstarted.remove((local_id, claim_id))
        except KeyError:
            return False
        return True

    def remove(self, local_id: str) -> None:
        """Removes a job whose result is recorded."""
        self._held.pop(local_id, None)

    def note_latency(self, seconds: float) -> None:
        """Notes how long a call took. Safe from any thread; losing one of two concurrent updates is harmless."""
        self._call_seconds = _MEMORY * self._call_seconds + (1 - _MEMORY) * seconds

    @property
    def is_full(self) -> bool:
        """Whether every thread has a job."""
        return len(self._held) >= self._threads

    @property
    def capacity(self) -> int:
        """Jobs that may be claimed now."""
        return max(0, self._threads + self._prefetch - len(self._held))

    def has_stock(self, ended: int) -> bool:
        """Whether threads still find jobs for a while, although so many of those in flight have ended."""
        return len(self._held) - ended > self._threads + self._prefetch // 4

    def reclaim_late(self) -> Iterator[tuple[str, str]]:
        """Takes back jobs that found no thread in time, since calls became slow; yields their local and claim ids."""
        latest = time.monotonic() - LATEST_SECONDS
        for local_id, held in self._held.items():
            if held.since < latest and self.start(local_id, held.claim_id):
                # Calls that run now have not reported yet how long they take.
                self._call_seconds = SLOW_SECONDS
                yield local_id, held.claim_id

    @property
    def _prefetch(self) -> int:
        return int(self._threads * PREFETCH) if self._call_seconds < QUICK_SECONDS else 0
