"""Measures how claim, finish and submit grow with what waits: `python -m benchmarks.growth --help`; docs/benchmarks.md.

Two ledgers that differ in one number only, on two servers, are worked on in turn, so that whatever else the machine
does strikes both. The figures are ratios of medians: the large side's over the small side's.
"""

import argparse
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

from benchmarks.ledger import Cost, Side, running_side
from benchmarks.report import Report, run

MOST_GROWTH = 1.5
# What design promises a waiting job costs: with its whole request, and where a batch shares it.
MOST_BYTES_SINGLE, MOST_BYTES_BATCH = 900, 400
JOBS_A_CALL = 16
"""As many as a pump has threads."""
WARM_UP_ROUNDS = 20
FEW_LANES = 10
FEW_WAITING = 1_000

TIMES_TABLE = "Growth: time on the large side / time on the small side (medians)"
MEMORY_TABLE = "Memory: bytes a waiting job"

Costs = dict[str, list[Cost]]


def lanes(report: Report, options: argparse.Namespace) -> None:
    """10 lanes against many that hold only jobs for later."""

    def build(side: Side, count: int) -> None:
        side.open_lanes(FEW_LANES)
        side.fill(FEW_WAITING)
        side.fill_for_later(count - FEW_LANES)

    _compare(report, options, "lanes, most for later", (FEW_LANES, options.lanes), build)


def due_lanes(report: Report, options: argparse.Namespace) -> None:
    """10 lanes against many, one tenant each, that all have due jobs."""

    def build(side: Side, count: int) -> None:
        side.open_lanes(count)
        # Enough that no lane runs dry: a round takes from 16 lanes and gives to one.
        side.fill(4 * options.lanes)

    _compare(report, options, "lanes, all due", (FEW_LANES, options.lanes), build)


def batch(report: Report, options: argparse.Namespace) -> None:
    """1,000 waiting jobs of one batch against many."""

    def build(side: Side, count: int) -> None:
        side.open_batch()
        _fill_and_weigh(report, side, "batch, shared request", count, MOST_BYTES_BATCH)

    _compare(report, options, "jobs of a batch", (FEW_WAITING, options.waiting), build)


def single(report: Report, options: argparse.Namespace) -> None:
    """1,000 waiting single jobs against many."""

    def build(side: Side, count: int) -> None:
        side.open_lanes(1)
        _fill_and_weigh(report, side, "single, whole request", count, MOST_BYTES_SINGLE)

    _compare(report, options, "single jobs", (FEW_WAITING, options.waiting), build)


CASES: dict[str, Callable[[Report, argparse.Namespace], None]] = {
    case.__name__: case for case in (lanes, due_lanes, batch, single)
}


def _fill_and_weigh(report: Report, side: Side, kind: str, count: int, most: int) -> None:
    before = side.used_memory()
    side.fill(count)
    if count > FEW_WAITING:
        each = (side.used_memory() - before) / count
        report.row(MEMORY_TABLE, {"jobs": kind, "waiting": count, "bytes": round(each), "bar": most})
        report.hold(f"memory: bytes a waiting job, {kind}", each, most=most)


def _compare(
    report: Report,
    options: argparse.Namespace,
    what: str,
    sizes: tuple[int, int],
    build: Callable[[Side, int], None],
) -> None:
    report.say(f"{what}: {sizes[0]:,} and {sizes[1]:,}")
    with tempfile.TemporaryDirectory(prefix="outbound-chat-bench-") as folder, ExitStack() as stack:
        sides = [stack.enter_context(running_side(Path(folder) / str(size))) for size in sizes]
        began = time.monotonic()
        for side, size in zip(sides, sizes, strict=True):
            build(side, size)
        report.say(f"  built in {time.monotonic() - began:.0f} s")
        small, large = work_in_turn(sides, options.rounds)
    for name in small:
        server = _ratio(small[name], large[name], lambda cost: cost.server)
        round_trip = _ratio(small[name], large[name], lambda cost: cost.round_trip)
        report.row(
            TIMES_TABLE,
            {
                "what grows": what,
                "from": sizes[0],
                "to": sizes[1],
                "call": name,
                "server": server,
                "round trip": round_trip,
            },
        )
        report.hold(f"growth of {name} with {what}, on the server", server, most=MOST_GROWTH)
        report.hold(f"growth of {name} with {what}, round trip", round_trip, most=MOST_GROWTH)


def _ratio(small: list[Cost], large: list[Cost], of: Callable[[Cost], float]) -> float:
    return statistics.median(map(of, large)) / statistics.median(map(of, small))


def work_in_turn(sides: Sequence[Side], rounds: int) -> list[Costs]:
    """What each call cost on each of two sides, round by round."""
    costs: list[Costs] = [defaultdict(list) for _ in sides]
    for turn in range(WARM_UP_ROUNDS + rounds):
        # Who begins changes, lest one side always pay for what the other left in the machine's caches.
        for side in (0, 1) if turn % 2 else (1, 0):
            for name, cost in _round(sides[side], turn):
                if turn >= WARM_UP_ROUNDS:
                    costs[side][name].append(cost)
    return costs


def _round(side: Side, turn: int) -> list[tuple[str, Cost]]:
    """As many jobs come as go, so that both sides keep their size."""
    lane = side.due_lanes[turn % len(side.due_lanes)]
    one, rest = side.new_jobs(lane, 1), side.new_jobs(lane, JOBS_A_CALL - 1)
    _, first = side.timed(lambda: side.submit(lane, one))
    _, others = side.timed(lambda: side.submit(lane, rest))
    taken, claimed = side.timed(lambda: side.claim(JOBS_A_CALL))
    if len(taken.jobs) != JOBS_A_CALL:
        raise ValueError(f"a claim of {JOBS_A_CALL} jobs gave {len(taken.jobs)}")
    _, finished = side.timed(lambda: side.finish(taken))
    return [
        ("submit 1", first),
        (f"submit {len(rest)}", others),
        (f"claim + finish {JOBS_A_CALL}", claimed + finished),
    ]


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs the chosen cases; exit code 1 when a bar was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description="Measures how the scripts grow.")
    add = parser.add_argument
    add("--cases", nargs="+", choices=CASES, default=list(CASES), help="what to measure (all)")
    add("--rounds", type=int, default=1_000, help="measurements of each call on each side (%(default)d)")
    add("--lanes", type=int, default=10_000, help="lanes, due_lanes: the large side (%(default)d)")
    add("--waiting", type=int, default=1_000_000, metavar="JOBS", help="batch, single: the large side (%(default)d)")
    add("--json", type=Path, metavar="FILE", help="write all figures to this file, too")
    options = parser.parse_args(arguments)
    report = Report("growth")

    def measure() -> None:
        for name in options.cases:
            CASES[name](report, options)

    run(report, measure, options.json)


if __name__ == "__main__":
    main()
