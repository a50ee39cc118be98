"""Measures the reconciler: `python -m benchmarks.reconcile --help`; docs/benchmarks.md.

What it costs the server a second while nothing is wrong, and how long a broken job stays unseen and unmended, with much
waiting. The looks come as a worker's waker makes them; nothing else is done to the server.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from benchmarks.ledger import Side, running_side
from benchmarks.report import Report, run
from outbound_chat.store import scripts
from outbound_chat.store.scripts import Finding

MOST_SHARE, MOST_SECONDS = 20_000, 60
LEASE_MS = 30_000
PATIENCE_SECONDS = 300.0

COST_TABLE = "Cost: server time of the looks while nothing is wrong"
FAULT_TABLE = "Faults: seconds until one is told, and until it is repaired"


class Waker:
    """Looks when it is time to, as a waker does, and counts what that costs the server."""

    def __init__(self, side: Side) -> None:
        self._side = side
        self._next = 0.0
        self.server_us = 0.0
        self.longest_us = 0.0

    def look(self) -> tuple[Finding, ...]:
        """Waits for the next look, and gives what it found."""
        time.sleep(max(0.0, self._next - time.monotonic()))
        call = scripts.reconcile(self._side.keys, lease_ms=LEASE_MS)
        done, cost = self._side.timed(lambda: self._side.run(call))
        self._next = time.monotonic() + done.next_ms / 1000
        self.server_us += cost.server
        self.longest_us = max(self.longest_us, cost.server)
        return done.found


def _idle(report: Report, side: Side, seconds: float) -> None:
    waker, ends, looks = Waker(side), time.monotonic() + seconds, 0
    found: list[Finding] = []
    cpu = side.cpu_us()
    while time.monotonic() < ends:
        found += waker.look()
        looks += 1
    if found:
        raise ValueError(f"a false alarm: {found[0]}")
    share = waker.server_us / seconds
    cpu = (side.cpu_us() - cpu) / seconds
    report.row(
        COST_TABLE,
        {
            "seconds": seconds,
            "looks": looks,
            "scripts, us a second": round(share),
            "longest look, us": round(waker.longest_us),
            "CPU of the server, us a second": round(cpu),
        },
    )
    report.hold("server time of the reconciler, microseconds a second", min(share, cpu), most=MOST_SHARE)


def _break(report: Report, side: Side, what: str, break_: Callable[[], str]) -> None:
    """Breaks the ledger, and looks until the job or lane is repaired."""
    waker = Waker(side)
    subject, cpu = break_(), side.cpu_us()
    began, told = time.monotonic(), 0.0
    while time.monotonic() < began + PATIENCE_SECONDS:
        found = waker.look()
        now = time.monotonic() - began
        told = told or (now if found else 0.0)
        if any((one.word, one.of) == ("repaired", subject) for one in found):
            report.row(
                FAULT_TABLE,
                {
                    "what": what,
                    "told after": round(told, 1),
                    "repaired after": round(now, 1),
                    "scripts, ms": round(waker.server_us / 1000),
                    "CPU of the server, ms": round((side.cpu_us() - cpu) / 1000),
                    "longest look, us": round(waker.longest_us),
                },
            )
            report.hold(f"seconds until told: {what}", told, most=MOST_SECONDS)
            return
    raise TimeoutError(f"not repaired after {PATIENCE_SECONDS:g} s: {what}")


def _measure(report: Report, options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(prefix="outbound-chat-bench-") as folder, running_side(Path(folder)) as side:
        side.open_lanes(options.lanes)
        began = time.monotonic()
        side.fill(options.waiting)
        report.say(f"{options.waiting:,} jobs in {options.lanes:,} lanes, built in {time.monotonic() - began:.0f} s")
        _idle(report, side, options.seconds)
        middle = side.due_lanes[len(side.due_lanes) // 2]
        _break(report, side, "a job without a place in its lane", lambda: side.lose_place(middle))
        _break(report, side, "a lane that stands nowhere", lambda: side.lose_lane(middle))
        _break(report, side, "a call without a lease", side.lose_lease)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Measures; exit code 1 when a bar was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reconcile", description="Measures the reconciler.")
    add = parser.add_argument
    add("--lanes", type=int, default=10_000, help="lanes, one tenant each (%(default)d)")
    add("--waiting", type=int, default=1_000_000, metavar="JOBS", help="jobs that wait (%(default)d)")
    add("--seconds", type=float, default=60.0, help="how long to look while nothing is wrong (%(default)g)")
    add("--json", type=Path, metavar="FILE", help="write all figures to this file, too")
    options = parser.parse_args(arguments)
    report = Report("reconcile")
    run(report, lambda: _measure(report, options), options.json)


if __name__ == "__main__":
    main()
