"""How much of an allowance that is known exactly gets used, and whether any window ever exceeds it.

The sandbox's allowance is the budget's, there is always work, and in the second part one worker process stands still
for a second.
"""

import time
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

from benchmarks.arrivals import ACCEPTED, THROTTLED, used_share, worst_window
from benchmarks.report import Report
from benchmarks.stack import Allowance, Bench, running_bench, stopped
from outbound_chat_worker.sandbox import SandboxArrival

TABLE = "Steady: the budget is the sandbox's allowance"
LEAST_USED = 0.98
STOP_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SteadyCase:
    """One run."""

    processes: int
    allowance: Allowance
    latency_ms: int
    seconds: float
    """Length of the undisturbed part, from the first call after the burst is used up."""
    stop_seconds: float
    """Length of the part in which a worker is stopped; 0: there is none."""

    def __str__(self) -> str:
        """For bars."""
        return f"{self.processes} processes, {self.allowance}, {self.latency_ms} ms"


def measure_steady(report: Report, case: SteadyCase) -> None:
    """Runs the case."""
    report.say(f"steady: {case}")
    with running_bench(
        sandbox=case.allowance, processes=case.processes, latency=timedelta(milliseconds=case.latency_ms)
    ) as bench:
        rate, burst = case.allowance.rate, case.allowance.burst
        # Half as much again as can be sent: there is work until the end, and nobody waits for the rest.
        bench.enqueue_batch(int(1.5 * (burst + rate * (case.seconds + case.stop_seconds))) + 50)
        bench.await_contacts(burst + 1)
        time.sleep(case.seconds)
        undisturbed_until = time.monotonic()
        if case.stop_seconds:
            _stop_one(bench, case.stop_seconds)
        arrivals = bench.arrivals()
    before = [arrival for arrival in arrivals if arrival.seconds < undisturbed_until]
    _tell(report, case, before, skip=burst, part="none")
    if case.stop_seconds:
        _tell(report, case, arrivals, skip=len(before) - 1, part=f"{STOP_SECONDS:g} s")


def _stop_one(bench: Bench, seconds: float) -> None:
    with stopped(bench.pumping_worker()):
        time.sleep(STOP_SECONDS)
    time.sleep(max(0.0, seconds - STOP_SECONDS))


def _tell(report: Report, case: SteadyCase, arrivals: list[SandboxArrival], *, skip: int, part: str) -> None:
    rate, burst = case.allowance.rate, case.allowance.burst
    measured = arrivals[skip:]
    accepted = [arrival.seconds for arrival in measured if arrival.code == ACCEPTED]
    used = used_share(accepted, rate)
    # Over all calls since the start: a window may begin in the burst, and refused calls count as AWS counts them.
    worst = worst_window([arrival.seconds for arrival in arrivals], rate)
    throttled = sum(arrival.code == THROTTLED for arrival in measured)
    longest_gap = max((late - early for early, late in pairwise(accepted)), default=None)
    report.row(
        TABLE,
        {
            "processes": case.processes,
            "rate/s": case.allowance.rate,
            "burst": burst,
            "latency ms": case.latency_ms,
            "stopped": part,
            "calls": len(measured),
            "used %": 100 * used,
            "calls lost": (1 / used - 1) * (len(accepted) - 1),
            "throttled %": 100 * throttled / max(1, len(measured)),
            "worst window": worst,
            "longest gap s": longest_gap,
        },
    )
    title = f"steady, {case}, stopped: {part}"
    report.hold(f"{title}: share of the allowance used", used, least=LEAST_USED)
    report.hold(f"{title}: calls above rate * window in the worst window", worst, most=burst)
