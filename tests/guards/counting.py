"""Counters that noise does not reach: commands that a server ran, calls that Python made."""

import sys
from collections import Counter
from collections.abc import Callable
from types import FrameType
from typing import Any

SCRIPTS = ("eval", "evalsha", "fcall")
"""Each is a round trip of its own; all that a script does is counted beside it."""


class Commands:
    """The commands that a server ran in a test, those inside scripts included."""

    def __init__(self, redis: Any) -> None:
        """Begins to count."""
        self._redis = redis
        self._before = self._ever()

    def _ever(self) -> Counter[str]:
        found = self._redis.info("commandstats")
        counts = {name.removeprefix("cmdstat_"): values["calls"] for name, values in found.items()}
        return Counter({name: calls for name, calls in counts.items() if name != "info"})

    def so_far(self) -> Counter[str]:
        """Command → how often it ran since the count began."""
        return self._ever() - self._before

    def scripts(self) -> int:
        """Scripts that ran."""
        now = self.so_far()
        return sum(now[name] for name in SCRIPTS)


def python_calls(work: Callable[[], object]) -> int:
    """Calls of functions that the work makes in this thread, those written in C included."""
    made = 0

    def note(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal made
        made += event in {"call", "c_call"}

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return made


def fewest_python_calls(work: Callable[[], object], rounds: int = 5) -> int:
    """The same for the round with the fewest: what is made once, or cleaned up now and then, is in the others."""
    return min(python_calls(work) for _ in range(rounds))
