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

from benchmarks.ledger import Cost, Ledger, running_ledger
from benchmarks.report import Report, run
from outbound_chat.store.calls import Claimed

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

    def build(ledger: Ledger, count: int) -> None:
        ledger.open_lanes(FEW_LANES)
        ledger.fill(FEW_WAITING)
        ledger.fill_for_later(count - FEW_LANES)

    _compare(report, options, "lanes, most for later", (FEW_LANES, options.lanes), build)


def due_lanes(report: Report, options: argparse.Namespace) -> None:
    """10 lanes against many, one tenant each, that all have due jobs."""

    def build(ledger: Ledger, count: int) -> None:
        ledger.open_lanes(count)
        # Enough that no lane runs dry: a round takes from 16 lanes and gives to one.
        ledger.fill(4 * options.lanes)

    _compare(report, options, "lanes, all due", (FEW_LANES, options.lanes), build)


def batch(report: Report, options: argparse.Namespace) -> None:
    """1,000 waiting jobs of one batch against many."""

    def build(ledger: Ledger, count: int) -> None:
        ledger.open_batch()
        _fill_and_weigh(report, ledger, "batch, shared request", count, MOST_BYTES_BATCH)

    _compare(report, options, "jobs of a batch", (FEW_WAITING, options.waiting), build)


def single(report: Report, options: argparse.Namespace) -> None:
    """1,000 waiting single jobs against many."""

    def build(ledger: Ledger, count: int) -> None:
        ledger.open_lanes(1)
        _fill_and_weigh(report, ledger, "single, whole request", count, MOST_BYTES_SINGLE)

    _compare(report, options, "single jobs", (FEW_WAITING, options.waiting), build)


CASES: dict[str, Callable[[Report, argparse.Namespace], None]] = {
    case.__name__: case for case in (lanes, due_lanes, batch, single)
}


def _fill_and_weigh(report: Report, ledger: Ledger, kind: str, count: int, most: int) -> None:
    before = ledger.used_memory()
    ledger.fill(count)
    if count > FEW_WAITING:
        each = (ledger.used_memory() - before) / count
        report.row(MEMORY_TABLE, {"jobs": kind, "waiting": count, "bytes": round(each), "bar": most})
        report.hold(f"memory: bytes a waiting job, {kind}", each, most=most)


def _compare(
    report: Report,
    options: argparse.Namespace,
    what: str,
    sizes: tuple[int, int],
    build: Callable[[Ledger, int], None],
) -> None:
    report.say(f"{what}: {sizes[0]:,} and {sizes[1]:,}")
    with tempfile.TemporaryDirectory(prefix="outbound-chat-bench-") as folder, ExitStack() as stack:
        ledgers = [stack.enter_context(running_ledger(Path(folder) / str(size))) for size in sizes]
        began = time.monotonic()
        for ledger, size in zip(ledgers, sizes, strict=True):
            build(ledger, size)
        report.say(f"  built in {time.monotonic() - began:.0f} s")
        small, large = _work_in_turn(ledgers, options.rounds)
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


def _work_in_turn(ledgers: Sequence[Ledger], rounds: int) -> list[Costs]:
    costs: list[Costs] = [defaultdict(list) for _ in ledgers]
    for turn in range(WARM_UP_ROUNDS + rounds):
        # Who begins changes, lest one side always pay for what the other left in the machine's caches.
        for side in (0, 1) if turn % 2 else (1, 0):
            for name, cost in _round(ledgers[side], turn):
                if turn >= WARM_UP_ROUNDS:
                    costs[side][name].append(cost)
    return costs


def _round(ledger: Ledger, turn: int) -> list[tuple[str, Cost]]:
    """As many jobs come as go, so that both sides keep their size."""
    lane = ledger.due_lanes[turn % len(ledger.due_lanes)]
    _, one = ledger.timed(ledger.submitting(lane, 1))
    _, many = ledger.timed(ledger.submitting(lane, JOBS_A_CALL - 1))
    claim, call = ledger.claiming(JOBS_A_CALL)
    answer, claimed = ledger.timed(call)
    if not isinstance(answer, Claimed) or len(answer.jobs) != JOBS_A_CALL:
        raise TypeError(f"a claim of {JOBS_A_CALL} jobs gave {answer}")
    _, finished = ledger.timed(ledger.finishing(claim, [job.local_id for job in answer.jobs]))
    both = Cost(claimed.server + finished.server, claimed.round_trip + finished.round_trip)
    return [("submit 1", one), (f"submit {JOBS_A_CALL - 1}", many), (f"claim + finish {JOBS_A_CALL}", both)]


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
