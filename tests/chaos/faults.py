"""What a fault is, and the table of all of them.

A module `tests/chaos/faults_*.py` adds its own by a tuple `FAULTS`; nothing else has to be told of it.
"""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass

import tests.chaos
from outbound_chat.model.jobs import JobState

from .rig import Rig, RigOptions

PLAIN = RigOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One cause that is made for real, and what is promised about it."""

    name: str
    """Words with hyphens, unlike any other's of its kind."""
    kind: str
    """The group it is shown in: `kill`, `step`, `stop`, `store`, `broker` …"""
    strike: Callable[[Rig], None]
    """Makes the cause and returns when it has ended. Jobs are waiting and calls are in flight when it is called.

    The time until work goes on counts from its return, or from where it called `rig.mark` or `rig.kill`. It may enqueue
    by `rig.traffic.add` while the store is up. It leaves the rig as it found it: as many workers, an open way.
    """
    promise: float
    """Seconds until work must go on."""
    rig: RigOptions = PLAIN
    jobs: int = 120
    """Jobs before the fault; some more follow it."""
    ends: frozenset[JobState] = frozenset({JobState.SENT})
    """States in which jobs may end: all of them are possible to send."""
    renew: bool = False
    """The rig is not used again."""
    most_seconds: float = 90.0
    """Time in which all jobs must be final after it."""
    may_lose: bool = False
    """A weaker setting than the product asks for: jobs that are lost are counted apart, and break no promise."""
    share: int = 4
    """How often it is drawn, compared with others."""
    needs: Callable[[], str] = lambda: ""
    """Why it can't be made on this machine; empty: it can."""


def all_faults() -> tuple[Fault, ...]:
    """All faults of all modules, by kind and name."""
    found: list[Fault] = []
    for module in pkgutil.iter_modules(tests.chaos.__path__):
        if module.name.startswith("faults_"):
            found += importlib.import_module(f"{tests.chaos.__name__}.{module.name}").FAULTS
    names = [f"{fault.kind}/{fault.name}" for fault in found]
    if doubled := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"two faults have the same name: {', '.join(sorted(doubled))}; rename one")
    return tuple(sorted(found, key=lambda fault: (fault.kind, fault.name)))
