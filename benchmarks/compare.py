"""Measures outbound-chat beside what a user would pick instead: `python -m benchmarks.compare --help`.

See docs/benchmarks.md. Takes about half an hour on two cores that have nothing else to do.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import NoReturn

from benchmarks.backlog_cost import measure_backlog_cost
from benchmarks.catalogue import CONTENDERS, SUPERVISED, Contender
from benchmarks.comparison import fill, hold_bars
from benchmarks.endpoint import Endpoint
from benchmarks.far import measure_far
from benchmarks.paced import (
    BURST,
    CHANGED_RATES,
    RATE,
    Timeline,
    measure_allowance,
    measure_change,
    measure_recovery,
)
from benchmarks.page import write_page
from benchmarks.report import Figure, Report, run
from benchmarks.rig import READY_SECONDS, Stack, await_count, running_endpoint, running_stacks
from benchmarks.routes import measure_routes
from benchmarks.speed import (
    EVERYTHING,
    Figures,
    fresh,
    measure_drain,
    measure_enqueue,
    measure_floors,
    measure_latency,
    measure_memory,
    measure_one_process,
    measure_polls,
    measure_statuses,
)
from outbound_chat_worker.sandbox import SandboxClient, SandboxOptions, running_sandbox


@dataclass(slots=True)
class Comparison:
    """A run: its options, and what it found."""

    report: Report
    options: argparse.Namespace
    contenders: list[Contender]
    figures: Figures = field(default_factory=Figures)
    timeline: Timeline = field(default_factory=Timeline)
    curves: dict[str, list[tuple[int, float, float]]] = field(default_factory=dict)

    def scaled(self, count: int, quick: int) -> int:
        """How many: fewer for a quick run."""
        return quick if self.options.quick else count

    def taking_part(self, part: str) -> list[Contender]:
        """Those who do not skip this part."""
        return [one for one in self.contenders if part not in one.skips]

    def side_by_side(self, part: str) -> list[list[Contender]]:
        """Who is measured under an allowance at the same time: those who keep to it; each of the others alone."""
        contenders = self.taking_part(part)
        paced = [one for one in contenders if one.paces]
        return [*([paced] if paced else []), *([one] for one in contenders if not one.paces)]

    def ready(self, stacks: Sequence[Stack]) -> list[Stack]:
        """Starts the workers of all; those that work. Why the others don't is what their cells say."""
        for stack in stacks:
            stack.start_workers()
        working = []
        for stack in stacks:
            with self.figures.excused(self.report, EVERYTHING, stack.contender.name):
                stack.await_ready(fresh(1_000))
                working.append(stack)
        return working


def speed(run: Comparison) -> None:
    """Enqueue, drain, idle latency, polls: against an endpoint that is faster than any sender."""
    with tempfile.TemporaryDirectory(prefix="outbound-chat-bench-") as folder, running_endpoint() as url:
        endpoint = Endpoint(url)
        contenders = run.taking_part("speed")
        with running_stacks(contenders, Path(folder), {one.name: url for one in contenders}) as stacks:
            rounds = run.scaled(3, 1)
            # 10,000 requests that differ, in three rounds.
            single, bulk = run.scaled(3_400, 100), run.scaled(3_400, 300)
            producers = [stack for stack in stacks if "enqueue" not in stack.contender.skips]
            measure_enqueue(run.report, run.figures, producers, single=single, bulk=bulk, rounds=rounds)
            measure_floors(run.figures, stacks[0], count=run.scaled(5_000, 500), rounds=rounds)
            working = run.ready(stacks)
            warm, cold = run.scaled(200, 10), run.scaled(15, 3)
            measure_latency(run.report, run.figures, working, warm=warm, cold=cold, rounds=rounds)
            readers = [one for one in working if one in producers]
            measure_polls(run.report, run.figures, readers, count=run.scaled(2_000, 200), rounds=rounds)
            jobs = run.scaled(2_000, 300)
            measure_drain(run.report, run.figures, working, endpoint, jobs=jobs, rounds=rounds)
            for stack in working:
                if stack.contender.ours:
                    calls, waiting = run.scaled(20, 3), run.scaled(10_000, 1_000)
                    measure_statuses(
                        run.report, run.figures, stack, endpoint, calls=calls, waiting=waiting, rounds=rounds
                    )
                    measure_one_process(run.report, run.figures, stack, endpoint, jobs=jobs, rounds=rounds)


def memory(run: Comparison) -> None:
    """Of the workers of each, one contender after the other, so that nobody shares pages with another."""
    with tempfile.TemporaryDirectory(prefix="outbound-chat-bench-") as folder, running_endpoint() as url:
        for contender in run.taking_part("memory"):
            started = SUPERVISED if contender.ours else contender
            with running_stacks([started], Path(folder), {started.name: url}) as (stack,):
                measure_memory(run.report, run.figures, stack, Endpoint(url))


def far(run: Comparison) -> None:
    """outbound-chat alone, with a Redis far away."""
    with tempfile.TemporaryDirectory(prefix="outbound-chat-bench-") as folder, running_endpoint() as url:
        jobs, waits, rounds = run.scaled(2_000, 300), run.scaled(30, 5), run.scaled(3, 1)
        measure_far(run.report, run.figures, Endpoint(url), Path(folder), jobs=jobs, waits=waits, rounds=rounds)


def http(run: Comparison) -> None:
    """One process of the service beside bare routes."""
    with tempfile.TemporaryDirectory(prefix="outbound-chat-bench-") as folder:
        count, rounds = run.scaled(4_000, 300), run.scaled(3, 1)
        measure_routes(run.report, run.figures, Path(folder), count=count, rounds=rounds)


@contextmanager
def _before_sandboxes(
    contenders: Sequence[Contender], options: SandboxOptions, rate: float = 0.0, burst: int = 0
) -> Iterator[list[tuple[Stack, SandboxClient]]]:
    """Stacks without workers, with a sandbox each."""
    with tempfile.TemporaryDirectory(prefix="outbound-chat-bench-") as folder, ExitStack() as exits:
        sandboxes = {one.name: exits.enter_context(running_sandbox(options)) for one in contenders}
        urls = {name: sandbox.url for name, sandbox in sandboxes.items()}
        stacks = exits.enter_context(running_stacks(contenders, Path(folder), urls, rate=rate, burst=burst))
        yield [(stack, sandboxes[stack.contender.name]) for stack in stacks]


def _with_backlog(
    run: Comparison, pairs: Sequence[tuple[Stack, SandboxClient]], backlog: int, our_backlog: int
) -> list[tuple[Stack, SandboxClient]]:
    """Puts jobs in, then starts the workers; those that have used up the burst and so are well at work."""
    for stack, _ in pairs:
        count = our_backlog if stack.contender.ours else backlog
        stack.producer.begin("bulk", first=fresh(count), count=count)
    filled = []
    for stack, sandbox in pairs:
        with run.figures.excused(run.report, EVERYTHING, stack.contender.name):
            stack.producer.answer()
            filled.append((stack, sandbox))
    for stack, _ in filled:
        stack.start_workers()
    working = []
    for stack, sandbox in filled:
        with run.figures.excused(run.report, EVERYTHING, stack.contender.name):
            await_count(BURST + 1, partial(_accepted, sandbox), READY_SECONDS)
            working.append((stack, sandbox))
    return working


def _accepted(sandbox: SandboxClient) -> int:
    return sandbox.stats().accepted


def allowance(run: Comparison) -> None:
    """20 calls a second: goodput and waste, then urgent jobs and another tenant's behind the backlog."""
    options = SandboxOptions(rate=RATE, burst=BURST, max_chats=10_000_000)
    backlog, ours = run.scaled(10_000, 2_000), run.scaled(100_000, 10_000)
    run.report.say(f"allowance: {backlog:,} jobs ({ours:,} of ours) at {RATE:g} a second")
    for contenders in run.side_by_side("allowance"):
        run.report.say(f"  {', '.join(one.name for one in contenders)}")
        with _before_sandboxes(contenders, options, RATE, BURST) as pairs:
            working = _with_backlog(run, pairs, backlog, ours)
            measure_allowance(run.figures, working, seconds=run.scaled(30, 10), urgent=run.scaled(20, 5))


def change(run: Comparison) -> None:
    """An allowance that changes, and never is above what everybody was told."""
    most = max(CHANGED_RATES)
    options = SandboxOptions(rate=CHANGED_RATES[0], burst=BURST, max_chats=10_000_000)
    seconds = run.scaled(20, 8)
    count = int(1.5 * sum(CHANGED_RATES) * seconds) + 500
    run.timeline.seconds = seconds
    run.report.say(f"change: {' -> '.join(f'{rate:g}' for rate in CHANGED_RATES)} a second, {seconds:g} s each")
    for contenders in run.side_by_side("change"):
        run.report.say(f"  {', '.join(one.name for one in contenders)}")
        with _before_sandboxes(contenders, options, most, int(most)) as pairs:
            measure_change(run.timeline, _with_backlog(run, pairs, count, count))


def recovery(run: Comparison) -> None:
    """kill -9 of a worker at work."""
    options = SandboxOptions(rate=None, max_chats=10_000_000)
    with _before_sandboxes(run.taking_part("recovery"), options) as pairs:
        sandboxes = {stack.contender.name: sandbox for stack, sandbox in pairs}
        working = [(stack, sandboxes[stack.contender.name]) for stack in run.ready([stack for stack, _ in pairs])]
        measure_recovery(run.report, run.figures, working, jobs=run.scaled(900, 300), timeout=run.scaled(90, 75))


def growth(run: Comparison) -> None:
    """Our scripts beside a growing backlog; peers keep lists, which cost the same at any length."""
    sizes = (1_000, 10_000, 100_000) if run.options.quick else (1_000, 10_000, 100_000, 1_000_000)
    run.curves = measure_backlog_cost(run.report, sizes, run.scaled(300, 50))


PARTS: dict[str, Callable[[Comparison], None]] = {
    part.__name__: part for part in (speed, memory, far, http, allowance, change, recovery, growth)
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description="Measures us beside peers.")
    add = parser.add_argument
    add("--only", nargs="+", choices=PARTS, default=list(PARTS), help="what to measure (all)")
    add("--contenders", nargs="+", choices=CONTENDERS, default=list(CONTENDERS), help="who is measured (all)")
    add("--quick", action="store_true", help="few jobs, one round: shows that it works, and measures little")
    add("--json", type=Path, metavar="FILE", help="write all figures to this file, too")
    add("--page", type=Path, metavar="FOLDER", help="write tables and plots to benchmarks.md there, as in docs")
    return parser


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs the chosen parts; exit code 1 when a bar was missed."""
    options = _parser().parse_args(arguments)
    report = Report("comparison")
    chosen = [CONTENDERS[name] for name in options.contenders]
    comparison = Comparison(report, options, [one for one in chosen if not one.missing])
    comparison.figures.reasons.update({(EVERYTHING, one.name): one.missing for one in chosen if one.missing})
    comparison.figures.alike.update({one.name: f"as {one.like}" for one in chosen if one.like})

    def measure() -> None:
        try:
            for name in options.only:
                began = time.monotonic()
                PARTS[name](comparison)
                report.say(f"{name}: took {time.monotonic() - began:.0f} s")
        finally:
            # What was measured before an end by Ctrl-C is worth telling.
            fill(report, comparison.figures, options.contenders)
            hold_bars(report, comparison.figures, comparison.curves)
            _add_curves(report, comparison.curves)
            report.details = {"rounds": comparison.figures.values, "change": asdict(comparison.timeline)}
        if options.page:
            write_page(options.page, report, comparison.figures, comparison.timeline, comparison.curves)

    run(report, measure, options.json)


def _add_curves(report: Report, curves: Mapping[str, Sequence[tuple[int, float, float]]]) -> None:
    for call, points in curves.items():
        for size, microseconds, ratio in points:
            row: dict[str, Figure] = {
                "call": call,
                "waiting": size,
                "us on the server": round(microseconds),
                "of 1,000": f"{ratio:.2f}",
            }
            report.row("Growth with what waits", row)


if __name__ == "__main__":
    main()
