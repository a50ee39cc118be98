"""Looks at the counts again and again while faults strike: they must add up at every look, not only at the end.

One script reads all at one moment, so that a job between two places can't hide. It also times how long work
stood still.
"""

import contextlib
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import redis

from outbound_chat.store import Keys

from .stores import client_of

EVERY_SECONDS = 0.05
FINAL = ("sent", "failed", "expired", "cancelled", "uncertain", "unreadable")

# `expiry` holds every job that is not final, `leases` every one that is being called.
_LOOK = """
local base = KEYS[1]
return {redis.call('HGETALL', base .. 'counts'), redis.call('ZCARD', base .. 'expiry'),
  redis.call('ZCARD', base .. 'leases'), #ARGV > 0 and redis.call('ZMSCORE', base .. 'expiry', unpack(ARGV)) or {}}
"""


@dataclass(slots=True)
class Sampled:
    """What was seen in one run."""

    looks: int = 0
    broken: list[str] = field(default_factory=list)
    """What did not add up."""
    ended: int = 0
    """Jobs that became final in this run."""
    resumed: float | None = None
    """Seconds from the mark until work went on; None: not yet."""


@dataclass(frozen=True, slots=True)
class _Mark:
    at: float
    final: int
    in_flight: Sequence[str]


class Sampler:
    """A thread that looks 20 times a second; while Redis does not answer it sees nothing."""

    def __init__(self, url: str, keys: Keys) -> None:
        """`url`: of the store; `keys`: of the budget."""
        self._keys = keys
        self._redis = client_of(url, tries=1, timeout=1)
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._seen = Sampled()
        self._mark: _Mark | None = None
        self._before: int | None = None
        """Jobs that were final when the run began."""
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)
        self._thread.start()

    @property
    def seen(self) -> Sampled:
        """What was seen in this run so far."""
        return self._seen

    def begin_run(self) -> None:
        """Counts anew."""
        with self._lock:
            self._seen, self._mark, self._before = Sampled(), None, None

    @property
    def marked(self) -> bool:
        """Whether the time runs, or has run."""
        return self._mark is not None

    def mark(self, at: float, in_flight: Sequence[str] = ()) -> None:
        """Lets the time run from `at` (`time.monotonic()`) until all of `in_flight`, else any job, are final."""
        final, _ = self._look(())
        with self._lock:
            self._mark, self._seen.resumed = _Mark(at, final, in_flight), None

    def since_mark(self) -> float:
        """Seconds since the time began to run."""
        return time.monotonic() - self._mark.at if self._mark else 0.0

    def close(self) -> None:
        """Ends the thread."""
        self._stop.set()
        self._thread.join(10)
        self._redis.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self) -> None:
        while not self._stop.wait(EVERY_SECONDS):
            with contextlib.suppress(redis.RedisError):
                self._sample()

    def _sample(self) -> None:
        with self._lock:
            seen, mark = self._seen, self._mark
            waits = mark if seen.resumed is None else None
        final, still_open = self._look(waits.in_flight if waits else ())
        if waits and (not still_open if waits.in_flight else final > waits.final):
            seen.resumed = max(0.0, time.monotonic() - waits.at)

    def _look(self, watched: Sequence[str]) -> tuple[int, int]:
        """Jobs that are final, and how many of the watched ones are not."""
        seen = self._seen
        reply: list[Any] = self._redis.eval(_LOOK, 2, *self._keys.declared, *watched)
        counts = {name: int(count) for name, count in zip(reply[0][::2], reply[0][1::2], strict=True)}
        final = sum(counts.get(state, 0) for state in FINAL)
        waiting, leased, accepted = (counts.get(name, 0) for name in ("waiting", "leased", "accepted"))
        seen.looks += 1
        self._before = final if self._before is None else self._before
        seen.ended = final - self._before
        if accepted != final + waiting + leased:
            seen.broken.append(f"accepted {accepted}, but final {final} + waiting {waiting} + leased {leased}")
        if (waiting + leased, leased) != (reply[1], reply[2]):
            seen.broken.append(f"counts say {waiting} + {leased}, places hold {reply[1] - reply[2]} + {reply[2]}")
        return final, sum(score is not None for score in reply[3])
