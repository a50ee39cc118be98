"""Figures from the arrivals of calls, as the provider counts them. Nothing here runs anything.

All times are seconds on one monotonic clock, which on Linux the processes of a machine share.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from outbound_chat_worker.sandbox import SandboxArrival

ACCEPTED = "accepted"
THROTTLED = "ThrottlingException"


@dataclass(frozen=True, slots=True)
class Window:
    """The arrivals from `start` on and before `end`."""

    start: float
    end: float
    calls: int
    accepted: int
    throttled: int

    @property
    def goodput(self) -> float:
        """Accepted calls a second."""
        return self.accepted / (self.end - self.start)

    @property
    def call_rate(self) -> float:
        """Calls a second, refused ones too."""
        return self.calls / (self.end - self.start)

    @property
    def throttled_share(self) -> float:
        """Throttled calls of all; NaN without calls."""
        return self.throttled / self.calls if self.calls else math.nan


def window(arrivals: Sequence[SandboxArrival], start: float, end: float) -> Window:
    """Counts the arrivals from `start` on and before `end`."""
    codes = [arrival.code for arrival in arrivals if start <= arrival.seconds < end]
    return Window(start, end, len(codes), codes.count(ACCEPTED), codes.count(THROTTLED))


def used_share(times: Sequence[float], rate: float) -> float:
    """Share of the rate that calls at these sorted times used, from the first of them to the last; NaN below 2 calls.

    n calls make n - 1 intervals: counting n would credit a call that the time before the first has paid for. 41 calls
    over 2 s at 20/s are 40 / (20 * 2) = 1.
    """
    return (len(times) - 1) / (rate * (times[-1] - times[0])) if len(times) > 1 else math.nan


def worst_window(times: Sequence[float], rate: float) -> float:
    """The most calls by which any window, of any length, exceeds `rate` times its length; at most the burst is fair.

    A window from call i to call j holds j - i + 1 calls: the excess is (j + 1 - rate * t[j]) + (rate * t[i] - i), so
    one pass over the sorted times need keep only the best i so far. 0 without calls.
    """
    worst, best_start = 0.0, -math.inf
    for index, time in enumerate(times):
        best_start = max(best_start, rate * time - index)
        worst = max(worst, index + 1 - rate * time + best_start)
    return worst


def settled_after(arrivals: Sequence[SandboxArrival], start: float, end: float, rate: float) -> float:
    """Seconds from `start` until goodput and calls are both within 10 % of `rate`; NaN: never before `end`.

    Looked at in windows of 5 s, or of 20 calls where those take longer, that begin every half second; what counts is
    the end of the first such window. Calls must be within the limit too, since a sender that hammers a slow provider
    gets all its goodput and is far from settled.
    """
    length = max(5.0, 20 / rate)
    steps = int((end - start - length) / 0.5) + 1
    for step in range(max(0, steps)):
        begins = start + step / 2
        seen = window(arrivals, begins, begins + length)
        if seen.goodput >= 0.9 * rate and seen.call_rate <= 1.1 * rate:
            return begins + length - start
    return math.nan


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of all values do not exceed; NaN without values."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)] if values else math.nan
