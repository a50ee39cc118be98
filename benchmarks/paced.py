"""Under an allowance: what is made of it, what is wasted, and what a backlog does to urgent jobs and to other tenants.

Contenders that keep to the allowance run at the same time, each with a Redis and a sandbox of its own: at 20 calls a
second they leave the machine idle, and so whatever else it does strikes all alike. Each of the others runs alone.
"""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from benchmarks.arrivals import ACCEPTED, THROTTLED, percentile, window, worst_window
from benchmarks.peers.work import number_of
from benchmarks.report import Report
from benchmarks.rig import Stack
from benchmarks.speed import Figures, fresh
from outbound_chat_worker.sandbox import SandboxArrival, SandboxClient

RATE, BURST = 20.0, 20
CHANGED_RATES = (20.0, 5.0, 40.0)
BUCKET_SECONDS = 1.0
RECOVERY_FIGURES = ("lost", "contacts twice", "called again", "all sent after s")


@dataclass(slots=True)
class Timeline:
    """What each contender did while the allowance changed, for the plot."""

    seconds: float = 0.0
    """Of each rate."""
    goodput: dict[str, list[float]] = field(default_factory=dict)
    """Contender → contacts a second, bucket by bucket."""
    calls: dict[str, list[float]] = field(default_factory=dict)


def measure_allowance(
    figures: Figures,
    stacks: Sequence[tuple[Stack, SandboxClient]],
    *,
    seconds: float,
    urgent: int,
) -> None:
    """All have a backlog and are at work. The first `seconds` are for goodput, the rest for who comes behind it."""
    began = time.monotonic()
    time.sleep(seconds)
    for stack, sandbox in stacks:
        _tell_goodput(figures, stack.contender.name, list(sandbox.arrivals()), began)
    _measure_urgent(figures, stacks, urgent)


def _tell_goodput(figures: Figures, name: str, arrivals: list[SandboxArrival], began: float) -> None:
    # From a fixed time on, at which the burst is used up.
    seen = window(arrivals, began, time.monotonic())
    figures.add("allowance used %", name, 100 * seen.goodput / RATE)
    figures.add("throttled %", name, 100 * seen.throttled_share if seen.calls else 0.0)
    figures.add("wasted calls a contact", name, (seen.calls - seen.accepted) / max(1, seen.accepted))
    figures.add("worst window", name, worst_window([arrival.seconds for arrival in arrivals], RATE))


def _measure_urgent(figures: Figures, stacks: Sequence[tuple[Stack, SandboxClient]], count: int) -> None:
    phases = random.Random(1)  # noqa: S311  # the same phases in each run
    enqueued: dict[str, dict[str, float]] = {stack.contender.name: {} for stack, _ in stacks}
    others: dict[str, tuple[str, float]] = {}
    for stack, _ in stacks:
        first = fresh(1)
        others[stack.contender.name] = number_of(first), stack.producer.ask("other", first=first)["began"]
    for _ in range(count):
        time.sleep(phases.uniform(0.5, 1.0))
        for stack, _ in stacks:
            first = fresh(1)
            began = stack.producer.ask("single", first=first, count=1, urgent=True)["began"]
            enqueued[stack.contender.name][number_of(first)] = began
    time.sleep(2.0)
    over = time.monotonic()
    for stack, sandbox in stacks:
        name = stack.contender.name
        called = {arrival.destination: arrival.seconds for arrival in sandbox.arrivals() if arrival.code == ACCEPTED}
        for to, began in enqueued[name].items():
            # What was not called yet waited at least so long.
            figures.add("urgent", name, called.get(to, over) - began)
        figures.add("urgent not called", name, sum(to not in called for to in enqueued[name]))
        to, began = others[name]
        between = sum(began < seconds < called.get(to, over) for seconds in called.values())
        figures.add("before other tenant", name, between)
        if to not in called:
            figures.reasons["before other tenant", name] = "not called when measuring ended: it waits for the backlog"


def measure_change(timeline: Timeline, stacks: Sequence[tuple[Stack, SandboxClient]]) -> None:
    """The sandbox's rate changes while everybody's configuration still says the first one's double."""
    began = time.monotonic()
    for rate in CHANGED_RATES:
        for _, sandbox in stacks:
            sandbox.configure(rate=rate)
        time.sleep(timeline.seconds)
    buckets = int(len(CHANGED_RATES) * timeline.seconds / BUCKET_SECONDS)
    for stack, sandbox in stacks:
        name, arrivals = stack.contender.name, list(sandbox.arrivals())
        edges = [began + bucket * BUCKET_SECONDS for bucket in range(buckets)]
        seen = [window(arrivals, edge, edge + BUCKET_SECONDS) for edge in edges]
        timeline.goodput[name] = [one.goodput for one in seen]
        timeline.calls[name] = [one.call_rate for one in seen]


def measure_recovery(
    report: Report, figures: Figures, stacks: Sequence[tuple[Stack, SandboxClient]], *, jobs: int, timeout: float
) -> None:
    """kill -9 of one of the two workers, children and all, a third through; it is started again at once."""
    report.say(f"recovery: kill -9 among {jobs} jobs")
    firsts = {stack.contender.name: fresh(jobs) for stack, _ in stacks}
    befores = {stack.contender.name: sandbox.stats().accepted for stack, sandbox in stacks}
    for stack, sandbox in stacks:
        sandbox.configure(latency=timedelta(milliseconds=500))
        stack.producer.begin("bulk", first=firsts[stack.contender.name], count=jobs)
    ends = time.monotonic() + timeout
    killed = _kill_each(stacks, {name: before + jobs // 3 for name, before in befores.items()}, ends)
    for stack, _ in stacks:
        stack.producer.answer()
    # A few seconds more than needed, for what is doubled comes last.
    while time.monotonic() < ends and not all(_done(stack, sandbox, firsts, jobs) for stack, sandbox in stacks):
        time.sleep(1.0)
    time.sleep(3.0)
    for stack, sandbox in stacks:
        name = stack.contender.name
        if name not in killed:
            reason = f"not a third of its jobs were sent in {timeout:g} s"
            figures.reasons |= {(figure, name): reason for figure in RECOVERY_FIGURES}
            continue
        _tell_recovery(figures, name, list(sandbox.arrivals()), (firsts[name], jobs), killed[name])


def _kill_each(stacks: Sequence[tuple[Stack, SandboxClient]], at: dict[str, int], ends: float) -> dict[str, float]:
    """Kills a worker of each when it has made so many contacts; when that was. Who is later than `ends` is spared."""
    killed: dict[str, float] = {}
    while len(killed) < len(stacks) and time.monotonic() < ends:
        for stack, sandbox in stacks:
            name = stack.contender.name
            if name not in killed and sandbox.stats().accepted >= at[name]:
                stack.kill_worker(0)
                killed[name] = time.monotonic()
                stack.start_worker(0)
        time.sleep(0.05)
    return killed


def _numbers(first: int, jobs: int) -> set[str]:
    return {number_of(index) for index in range(first, first + jobs)}


def _done(stack: Stack, sandbox: SandboxClient, firsts: dict[str, int], jobs: int) -> bool:
    wanted = _numbers(firsts[stack.contender.name], jobs)
    return wanted <= {arrival.destination for arrival in sandbox.arrivals() if arrival.code == ACCEPTED}


def _tell_recovery(
    figures: Figures, name: str, arrivals: list[SandboxArrival], which: tuple[int, int], killed: float
) -> None:
    wanted = _numbers(*which)
    mine = [arrival for arrival in arrivals if arrival.destination in wanted]
    contacts = [arrival.destination for arrival in mine if arrival.code == ACCEPTED]
    figures.add("lost", name, len(wanted - set(contacts)))
    figures.add("contacts twice", name, len(contacts) - len(set(contacts)))
    figures.add("called again", name, sum(arrival.code not in {ACCEPTED, THROTTLED} for arrival in mine))
    # Work in flight at the time of the kill comes last: the contact that was there comes again as a repeated token.
    figures.add("all sent after s", name, max((arrival.seconds for arrival in mine), default=killed) - killed)


def urgent_p99(figures: Figures, name: str) -> float:
    """Of all urgent jobs; with fewer than 100 it is the longest."""
    return percentile(figures.values["urgent"].get(name, []), 0.99)
