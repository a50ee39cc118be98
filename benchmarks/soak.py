"""Measures whether a worker's memory stays flat: `python -m benchmarks.soak --help`; see docs/benchmarks.md.

Ten minutes of mixed traffic: batches and single jobs, some calls refused, throttled or without an answer. What is
compared is the resident memory of each worker process early and late in one run.
"""

import argparse
import statistics
import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import NoReturn

from benchmarks.report import Report, run
from benchmarks.stack import SENDER, TEXT, Allowance, Bench, running_bench
from outbound_chat_worker.sandbox import Fault, FaultKind
from tests.support.harness import number

TABLE = "Soak: resident memory of each worker"
MOST_GROWTH = 1.05
ALLOWANCE = Allowance(rate=150.0, burst=150)
BATCH, SINGLES = 600, 60
FEW_WAITING = 300
SAMPLE_SECONDS = 2.0
WARM_UP = 0.2
"""Part of the run that is not looked at: connections, clients and caches are made in it."""
FAULTS = (
    Fault(FaultKind.THROTTLING, share=0.0005),
    Fault(FaultKind.INTERNAL_ERROR, share=0.01),
    Fault(FaultKind.HANG_UP_AFTER_ACCEPTING, share=0.005),
    Fault(FaultKind.GARBAGE, share=0.005),
)


def measure_soak(report: Report, processes: int, seconds: float) -> None:
    """Keeps the workers busy and looks at their memory every 2 s."""
    report.say(f"soak: {processes} workers for {seconds:g} s")
    with running_bench(sandbox=ALLOWANCE, processes=processes) as bench:
        bench.sandbox.configure(faults=FAULTS)
        samples: list[list[int]] = [[] for _ in bench.workers]
        numbers, begun = count(), time.monotonic()
        while (passed := time.monotonic() - begun) < seconds:
            _keep_busy(bench, numbers)
            if passed > seconds * WARM_UP:
                for kept, worker in zip(samples, bench.workers, strict=True):
                    kept.append(_resident_bytes(worker.pid))
            time.sleep(SAMPLE_SECONDS)
        calls = bench.sandbox.stats().calls
    for index, kept in enumerate(samples, start=1):
        quarter = max(1, len(kept) // 4)
        early, late = statistics.median(kept[:quarter]), statistics.median(kept[-quarter:])
        row = {"worker": index, "calls of all": calls, "early MB": early / 1e6, "late MB": late / 1e6}
        report.row(TABLE, {**row, "late / early": late / early})
        report.hold(f"soak: memory of worker {index}, late / early", late / early, most=MOST_GROWTH)


def _keep_busy(bench: Bench, numbers: "count[int]") -> None:
    """A new batch and some single jobs, once little is waiting."""
    if bench.waiting() > FEW_WAITING:
        return
    rows = ({"to": number(next(numbers))} for _ in range(BATCH))
    bench.chat.enqueue_batch(rows, sender=SENDER, text=TEXT)
    for _ in range(SINGLES):
        bench.chat.enqueue(sender=SENDER, to=number(next(numbers)), text=TEXT)


def _resident_bytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise ValueError(f"process {pid} has ended; a worker must outlive the soak")


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs the soak; exit code 1 when memory grew."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description="Measures a worker's memory.")
    parser.add_argument("--seconds", type=float, default=600.0, help="how long (%(default)g)")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="worker processes (%(default)d)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to this file, too")
    options = parser.parse_args(arguments)
    report = Report("soak")
    run(report, lambda: measure_soak(report, options.workers, options.seconds), options.json)


if __name__ == "__main__":
    main()
