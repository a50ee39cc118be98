"""Runs faults in a random order, each on a rig that suits it, and audits after each."""

import random
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from tests.support.waiting import wait_until

from .audit import Outcome, audit
from .faults import Fault
from .rig import Rig, RigOptions

FAULTS_A_RIG = 20
"""A rig keeps all its records, which the audit reads: from time to time it is renewed."""
RIGS = 4
"""Rigs that stand at one time: idle workers cost little, starting them costs seconds."""
JOBS_AFTER = 20
STRIKES_AT_SECONDS = 60.0


def draw(faults: Sequence[Fault], count: int, seed: int) -> list[Fault]:
    """The faults to run: each kind, then each fault, then each twice, then by their shares; in a random order."""
    chance = random.Random(seed)  # noqa: S311  # which fault comes next is no secret
    of_kinds = {fault.kind: fault for fault in chance.sample(faults, len(faults))}
    first = list(of_kinds.values())
    others = [fault for fault in chance.sample(faults, len(faults)) if fault not in first]
    again = chance.sample(faults, len(faults))
    drawn = [*first, *others, *again][:count]
    # Those that a campaign has twice and no more are all there is when they alone are asked for.
    shares = [fault.share for fault in faults] if any(fault.share for fault in faults) else None
    drawn += chance.choices(faults, shares, k=count - len(drawn))
    chance.shuffle(drawn)
    return drawn


class Rigs:
    """The rigs that stand, by their options; those used last are kept."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder = folder
        self._chance = random.Random(seed)  # noqa: S311  # as above
        self._standing: dict[RigOptions, tuple[Rig, int]] = {}
        self._made = 0

    def get(self, options: RigOptions) -> Rig:
        """A rig with these options, a new one if there is none."""
        rig, used = self._standing.pop(options, (None, 0))
        if rig is None:
            if len(self._standing) >= RIGS:
                self.drop(next(iter(self._standing)))
            self._made += 1
            rig = Rig(self._folder / f"rig-{self._made}", options, self._chance)
        self._standing[options] = (rig, used + 1)
        return rig

    def used_up(self, options: RigOptions) -> bool:
        """Whether the rig has had enough."""
        return self._standing[options][1] >= FAULTS_A_RIG

    def drop(self, options: RigOptions) -> None:
        """Ends the rig."""
        rig, _ = self._standing.pop(options)
        rig.close()

    def close(self) -> None:
        """Ends all rigs."""
        with ExitStack() as stack:
            for options in list(self._standing):
                stack.callback(self.drop, options)


def run(faults: Sequence[Fault], rigs: Rigs, *, broker: str = "") -> Iterator[Outcome]:
    """Runs the faults one after the other; `broker` stands for that of all rigs."""
    for fault in faults:
        options = replace(fault.rig, broker=broker) if broker else fault.rig
        rig = rigs.get(options)
        outcome = run_one(fault, rig)
        if fault.renew or not outcome.held or rigs.used_up(options):
            rigs.drop(options)
        yield outcome


def run_one(fault: Fault, rig: Rig) -> Outcome:
    """One fault with its traffic and its audit."""
    began = time.monotonic()
    rig.begin_run()
    rig.traffic.add(fault.jobs)
    workers = set(rig.worker_pids())
    problems = list(_struck(fault, rig))
    # Singles, for Redis may need a moment after the cause ended; what it refused is not promised.
    rig.traffic.offer(JOBS_AFTER)
    outcome = audit(rig, fault, began, problems, workers)
    rig.calm()
    return outcome


def _struck(fault: Fault, rig: Rig) -> Iterator[str]:
    """Lets the fault strike while calls are in flight; what it met that should not be."""
    try:
        wait_until(
            lambda: rig.in_flight() and rig.sampler.seen.ended, timeout=STRIKES_AT_SECONDS, what="calls in flight"
        )
        fault.strike(rig)
    except (AssertionError, subprocess.TimeoutExpired) as error:
        yield f"the fault itself: {error}"
        # Whatever hangs, the jobs are still to be sent.
        rig.calm()
        rig.kill(*(worker.pid for worker in rig.workers if worker.poll() is None))
        rig.start_workers()
    if not rig.sampler.marked:
        rig.mark()
