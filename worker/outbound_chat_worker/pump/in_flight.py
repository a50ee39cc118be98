"""The jobs that a pump has in flight: one per thread, and as many again in stock while calls are quick (prefetch).

With the stock, threads need not wait while the pump talks to Redis, and one script serves several jobs: with calls of
50 ms on 16 threads, a quarter of a script per job instead of two. If Redis is far away, the stock lasts for three round
trips: one until the next claim, one until its answer, one in reserve.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from outbound_chat.store.scripts import MOST_JOBS
from outbound_chat_config import LATEST_SECONDS
from outbound_chat_worker.pump.durations import Durations

PREFETCH = 1.0
"""Most prefetched jobs, as a share of the number of threads."""
ROUND_TRIPS = 3
LONGEST_STOCK_SECONDS = LATEST_SECONDS / 2
"""Longest wait of a job in stock for its thread, even if Redis is far away."""


@dataclass(frozen=True, slots=True)
class _Held:
    claim_id: str
    since: float


class InFlight:
    """Tracks the jobs in flight of a pump. Only for its main thread, except `start` and `len`."""

    def __init__(self, threads: int, durations: Durations) -> None:
        self._threads = threads
        self._durations = durations
        self._held: dict[str, _Held] = {}
        self._unstarted: set[tuple[str, str]] = set()
        """Local and claim ids of jobs whose calls have not begun."""

    def __len__(self) -> int:
        return len(self._held)

    @property
    def claims(self) -> dict[str, str]:
        """Local id of each job → claim id."""
        return {local_id: held.claim_id for local_id, held in self._held.items()}

    def add(self, local_id: str, claim_id: str, *, started: bool = False) -> None:
        """Adds a job that is about to be given to the threads, or that a thread has already `started`."""
        if not started:
            self._unstarted.add((local_id, claim_id))
        self._held[local_id] = _Held(claim_id, time.monotonic())

    def start(self, local_id: str, claim_id: str) -> bool:
        """Decides who gets the job, a thread for its call or the pump that takes it back: True for the first to ask."""
        try:
            self._unstarted.remove((local_id, claim_id))
        except KeyError:
            return False
        return True

    def remove(self, local_id: str) -> None:
        """Removes a job whose result is recorded."""
        self._held.pop(local_id, None)

    @property
    def is_full(self) -> bool:
        """Whether every thread has a job."""
        return len(self._held) >= self._threads

    def capacity(self, ended: int) -> int:
        """Returns how many jobs may be claimed now, if this many of those in flight have ended."""
        return max(0, min(MOST_JOBS, self._threads + self._prefetch - len(self._held) + ended))

    def has_stock(self, ended: int) -> bool:
        """Returns whether the stock lasts for a while, although this many jobs in flight have ended."""
        prefetch = self._prefetch
        reserve = max(prefetch // 4, min(prefetch, self._calls_in(self._durations.round_trip)))
        return len(self._held) - ended > self._threads + reserve

    def reclaim_late(self) -> Iterator[tuple[str, str]]:
        """Takes back jobs that got no thread in time, because calls became slow; yields their local and claim ids."""
        latest = time.monotonic() - LATEST_SECONDS
        for local_id, held in self._held.items():
            if held.since < latest and self.start(local_id, held.claim_id):
                self._durations.doubt_calls()
                yield local_id, held.claim_id

    def _calls_in(self, seconds: float) -> int:
        return int(self._threads * self._durations.calls_in(seconds))

    @property
    def _prefetch(self) -> int:
        if not self._durations.are_quick:
            return 0
        far = self._calls_in(min(ROUND_TRIPS * self._durations.round_trip, LONGEST_STOCK_SECONDS))
        return int(max(self._threads * PREFETCH, min(far, MOST_JOBS - self._threads)))
