"""Whether pacing finds an allowance that it was told wrong, and follows one that changes.

The budget says ten times what the sandbox gives.
"""

import math
import time
from dataclasses import dataclass

from benchmarks.arrivals import settled_after, window
from benchmarks.report import Figure, Report
from benchmarks.stack import Allowance, Bench, running_bench
from outbound_chat.model.batches import Batch
from outbound_chat.model.jobs import JobState

WRONG_TABLE = "Adaptive: the budget is ten times the sandbox's allowance"
CHANGE_TABLE = "Change: the sandbox's rate changes while the budget says ten times the first"
BUCKET_TABLE = "Change: goodput in buckets of 5 s"
TIMES_TOO_LARGE = 10
SETTLE_SECONDS = 60.0
BUCKET_SECONDS = 5.0
RATES = (20.0, 5.0, 40.0)
LOST = (JobState.FAILED, JobState.EXPIRED, JobState.CANCELLED, JobState.UNCERTAIN)


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongCase:
    """One run with a budget that is wrong."""

    allowance: Allowance
    seconds: float
    """Length of the window after settling."""
    least_used: float
    most_throttled: float


def measure_wrong(report: Report, case: WrongCase) -> None:
    """Runs the case."""
    rate = case.allowance.rate
    report.say(f"adaptive: sandbox {case.allowance}, {SETTLE_SECONDS:g} + {case.seconds:g} s")
    with running_bench(sandbox=case.allowance, budget=case.allowance.times(TIMES_TOO_LARGE)) as bench:
        receipt = bench.enqueue_batch(int(1.5 * rate * (SETTLE_SECONDS + case.seconds)) + 20 * case.allowance.burst)
        bench.await_contacts(1)
        time.sleep(SETTLE_SECONDS + case.seconds)
        arrivals = bench.arrivals()
        lost = _lost(bench.chat.batch(receipt.id))
    start = arrivals[0].seconds
    settled = settled_after(arrivals, start, start + SETTLE_SECONDS + case.seconds, rate)
    # Of fixed length, from a fixed time: whoever settles late pays for it here.
    after = window(arrivals, start + SETTLE_SECONDS, start + SETTLE_SECONDS + case.seconds)
    used = after.goodput / rate
    report.row(
        WRONG_TABLE,
        {
            "rate/s": rate,
            "burst": case.allowance.burst,
            "settled after s": settled,
            "window s": case.seconds,
            "calls": after.calls,
            "used %": 100 * used,
            "throttled %": 100 * after.throttled_share,
            "jobs lost": lost,
        },
    )
    title = f"adaptive, sandbox {case.allowance}"
    report.hold(f"{title}: seconds to settle", settled, most=SETTLE_SECONDS)
    report.hold(f"{title}: share of the allowance used", used, least=case.least_used)
    report.hold(f"{title}: share of calls throttled", after.throttled_share, most=case.most_throttled)
    report.hold(f"{title}: jobs lost", lost, most=0)


def measure_change(report: Report, seconds: float) -> None:
    """Runs all rates one after the other, each for so many seconds."""
    report.say(f"change: {' -> '.join(f'{rate:g}' for rate in RATES)}, {seconds:g} s each")
    first = Allowance(rate=RATES[0], burst=int(RATES[0]))
    with running_bench(sandbox=first, budget=first.times(TIMES_TOO_LARGE)) as bench:
        receipt = bench.enqueue_batch(int(1.5 * sum(RATES) * seconds) + 20 * first.burst)
        bench.await_contacts(1)
        starts = []
        for rate in RATES:
            bench.sandbox.configure(rate=rate)
            starts.append(time.monotonic())
            time.sleep(seconds)
        _tell_change(report, bench, starts, seconds)
        report.hold("change: jobs lost", _lost(bench.chat.batch(receipt.id)), most=0)


def _tell_change(report: Report, bench: Bench, starts: list[float], seconds: float) -> None:
    arrivals = bench.arrivals()
    for rate, start in zip(RATES, starts, strict=True):
        whole = window(arrivals, start, start + seconds)
        settled = settled_after(arrivals, start, start + seconds, rate)
        report.row(
            CHANGE_TABLE,
            {
                "rate/s": rate,
                "within 10 % after s": None if math.isnan(settled) else settled,
                "used %": 100 * whole.goodput / rate,
                "throttled %": 100 * whole.throttled_share,
            },
        )
        for bucket in range(int(seconds / BUCKET_SECONDS)):
            begins = start + bucket * BUCKET_SECONDS
            seen = window(arrivals, begins, begins + BUCKET_SECONDS)
            figures: dict[str, Figure] = {
                "second": int(begins - starts[0] + 0.5),
                "rate/s": rate,
                "goodput/s": seen.goodput,
                "calls/s": seen.call_rate,
                "throttled": seen.throttled,
            }
            report.row(BUCKET_TABLE, figures)


def _lost(batch: Batch) -> int:
    return sum(batch.counts[state] for state in LOST) + batch.unreadable
