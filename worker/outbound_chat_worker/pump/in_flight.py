"""The jobs that a pump has in hand: one a thread, and a few more while calls are quick.

The few more are there so that no thread waits while the pump speaks to the ledger, and so that it speaks for several
jobs at once: with calls of 50 ms on 16 threads that is a quarter of a script a job, where it would be two.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from outbound_chat_config import LATEST_SECONDS

if TYPE_CHECKING:
    from concurrent.futures import Future

QUICK_SECONDS = 0.1
"""Calls that take no longer are quick: a job that waits for a thread then leaves long before it is too late."""
SLOW_SECONDS = 10 * QUICK_SECONDS
"""What calls are taken to last before they were seen to be quick: a dozen of them show it."""
AHEAD = 1.0
"""Jobs waiting for a thread, at most, of the number of threads."""
_MEMORY = 0.8
"""Weight of what was known before, against that of the last call."""


@dataclass(frozen=True, slots=True)
class _Held:
    claim_id: str
    since: float
    call: "Future[None] | None"


class Hand:
    """Of one pump with so many threads. For its main thread, but for `took`."""

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

    def take(self, local_id: str, claim_id: str, call: "Future[None] | None") -> None:
        """A job whose call was given to the threads; None: they take none any more."""
        self._held[local_id] = _Held(claim_id, time.monotonic(), call)

    def drop(self, local_id: str) -> None:
        """Its result is recorded."""
        self._held.pop(local_id, None)

    def took(self, seconds: float) -> None:
        """How long a call took. From any thread: that of two at once one may be forgotten changes little."""
        self._call_seconds = _MEMORY * self._call_seconds + (1 - _MEMORY) * seconds

    @property
    def full(self) -> bool:
        """Whether every thread has a job."""
        return len(self._held) >= self._threads

    @property
    def room(self) -> int:
        """Jobs that may be claimed now."""
        return max(0, self._threads + self._ahead - len(self._held))

    def has_stock(self, ended: int) -> bool:
        """Whether threads still find jobs for a while, although so many of those in hand have ended."""
        return len(self._held) - ended > self._threads + self._ahead // 4

    def late(self) -> Iterator[tuple[str, str]]:
        """Takes those back that found no thread in time, and gives their local and claim ids: calls became slow."""
        latest = time.monotonic() - LATEST_SECONDS
        for local_id, held in self._held.items():
            if held.call and held.since < latest and held.call.cancel():
                # Those that run now have not ended, and so have not told how long they take.
                self._call_seconds = SLOW_SECONDS
                yield local_id, held.claim_id

    @property
    def _ahead(self) -> int:
        return int(self._threads * AHEAD) if self._call_seconds < QUICK_SECONDS else 0
