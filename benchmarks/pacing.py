"""Measures pacing on real workers: `python -m benchmarks.pacing --help`; see docs/benchmarks.md.

Takes about 40 minutes with all cases; `--cases`, `--workers` and the lengths make it shorter.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from benchmarks.adaptive import WrongCase, measure_change, measure_wrong
from benchmarks.backlog import measure_backlog
from benchmarks.contact_events import measure_contact_events
from benchmarks.open_chats import DOORS, measure_open_chats
from benchmarks.refusal import measure_refusal
from benchmarks.report import Report, run
from benchmarks.stack import Allowance
from benchmarks.steady import SteadyCase, measure_steady

BURSTS = {2.0: 5, 20.0: 20}
"""Burst of each rate. 2 and 5 are what AWS gives by default.
https://docs.aws.amazon.com/connect/latest/adminguide/amazon-connect-service-limits.html"""


def steady(report: Report, options: argparse.Namespace) -> None:
    """Every choice of rate, processes and latency."""
    for rate in options.rates:
        for processes in options.workers:
            for latency_ms in options.latencies:
                measure_steady(
                    report,
                    SteadyCase(
                        processes=processes,
                        allowance=Allowance(rate=rate, burst=BURSTS[rate]),
                        latency_ms=latency_ms,
                        seconds=options.seconds,
                        stop_seconds=options.stop_seconds,
                    ),
                )


def adaptive(report: Report, options: argparse.Namespace) -> None:
    """A budget ten times too large, at each rate."""
    # At 2/s a window holds few calls, and a single one weighs more.
    bars = {20.0: (0.98, 0.01, options.adaptive_seconds), 2.0: (0.94, 0.03, 2 * options.adaptive_seconds)}
    for rate in options.rates:
        least_used, most_throttled, seconds = bars[rate]
        allowance = Allowance(rate=rate, burst=BURSTS[rate])
        case = WrongCase(allowance=allowance, seconds=seconds, least_used=least_used, most_throttled=most_throttled)
        measure_wrong(report, case)


def change(report: Report, options: argparse.Namespace) -> None:
    """A rate that changes."""
    measure_change(report, options.change_seconds)


def backlog(report: Report, options: argparse.Namespace) -> None:
    """Others behind a backlog."""
    measure_backlog(report, options.backlog, options.urgent)


def refusal(report: Report, options: argparse.Namespace) -> None:
    """No permission for a while."""
    measure_refusal(report, options.refusal_jobs, options.refusal_seconds)


def open_chats(report: Report, options: argparse.Namespace) -> None:
    """Few chats at a time, with contact events and without."""
    for door in options.doors:
        measure_open_chats(report, door, options.chat_jobs)


def events(report: Report, options: argparse.Namespace) -> None:
    """A queue full of contact events."""
    measure_contact_events(report, options.event_jobs)


CASES: dict[str, Callable[[Report, argparse.Namespace], None]] = {
    case.__name__: case for case in (steady, adaptive, change, backlog, refusal, open_chats, events)
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pacing", description="Measures pacing on real workers.")
    add = parser.add_argument
    add("--cases", nargs="+", choices=CASES, default=list(CASES), help="what to measure (all)")
    add("--rates", nargs="+", type=float, choices=BURSTS, default=[20.0, 2.0], help="steady, adaptive: calls a second")
    add("--workers", nargs="+", type=int, default=[1, 2, 4], metavar="N", help="steady: processes (1 2 4)")
    add("--latencies", nargs="+", type=int, default=[0, 200], metavar="MS", help="steady: of an answer (0 200)")
    add("--seconds", type=float, default=40.0, help="steady: undisturbed part (%(default)g)")
    add("--stop-seconds", type=float, default=30.0, help="steady: part with a stopped worker, 0: none (%(default)g)")
    add("--adaptive-seconds", type=float, default=120.0, help="adaptive: at 20/s, twice that at 2/s (%(default)g)")
    add("--change-seconds", type=float, default=60.0, help="change: of each rate (%(default)g)")
    add("--backlog", type=int, default=10_000, metavar="JOBS", help="backlog: bulk jobs (%(default)d)")
    add("--urgent", type=int, default=20, metavar="JOBS", help="backlog: urgent jobs (%(default)d)")
    add("--refusal-jobs", type=int, default=500, metavar="JOBS", help="refusal: size of the batch (%(default)d)")
    add("--refusal-seconds", type=float, default=30.0, help="refusal: without permission (%(default)g)")
    add("--doors", nargs="+", choices=DOORS, default=["queue", "none"], help="open_chats: how events come (queue none)")
    add("--chat-jobs", type=int, default=600, metavar="JOBS", help="open_chats: size of the batch (%(default)d)")
    add("--event-jobs", type=int, default=25_000, metavar="JOBS", help="events: four events each (%(default)d)")
    add("--json", type=Path, metavar="FILE", help="write all figures to this file, too")
    return parser


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs the chosen cases; exit code 1 when a bar was missed."""
    options = _parser().parse_args(arguments)
    report = Report("pacing")

    def measure() -> None:
        for name in options.cases:
            CASES[name](report, options)

    run(report, measure, options.json)


if __name__ == "__main__":
    main()
