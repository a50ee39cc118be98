"""The jobs that a pump has in flight: one a thread, and as many again prefetched while calls are quick.

With prefetched jobs no thread waits while the pump talks to Redis, and one script serves several jobs: with calls of
50 ms on 16 threads that is a quarter of a script a job, instead of two.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from outbound_chat_config import LATEST_SECONDS

if TYPE_CHECKING:
    from concurrent.futures import Future

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
    call: "Future[None] | None"


class InFlight:
    """Tracks the jobs in flight of one pump. For its main thread alone, except `note_latency`."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._held: dict[str, _Held] = {}
        self._call_seconds = SLOW_SECONDS

    def __len__(self) -> int:
        return len(self._held)

    @property
    def claims(self) -> dict[str, str]:
        """Local id of each job → claim id."""
        return {local_id: held.claim_id for local_id, held in self._held.items()}

    def add(self, local_id: str, claim_id: str, call: "Future[None] | None") -> None:
        """Adds a job whose call was submitted to the threads; None: they accept no more calls."""
        self._held[local_id] = _Held(claim_id, time.monotonic(), call)

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
        """Number of jobs that may be claimed now."""
        return max(0, self._threads + self._prefetch - len(self._held))

    def has_stock(self, ended: int) -> bool:
        """Whether the threads have jobs for a while, although `ended` of those in flight have ended."""
        return len(self._held) - ended > self._threads + self._prefetch // 4

    def reclaim_late(self) -> Iterator[tuple[str, str]]:
        """Cancels jobs that got no thread in time because calls became slow, and yields their local and claim ids."""
        latest = time.monotonic() - LATEST_SECONDS
        for local_id, held in self._held.items():
            if held.call and held.since < latest and held.call.cancel():
                # The running calls have not reported yet how long they take.
                self._call_seconds = SLOW_SECONDS
                yield local_id, held.claim_id

    @property
    def _prefetch(self) -> int:
        return int(self._threads * PREFETCH) if self._call_seconds < QUICK_SECONDS else 0
