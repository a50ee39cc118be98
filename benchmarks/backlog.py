"""What a large backlog does to others: urgent jobs, and the single job of another tenant."""

import random
import time

from benchmarks.arrivals import percentile
from benchmarks.report import Report
from benchmarks.stack import SENDER, TEXT, Allowance, Bench, running_bench
from tests.support.harness import number

URGENT_TABLE = "Urgent: from before enqueue to the call's arrival"
TURN_TABLE = "Turns: jobs of the backlog that went before another tenant's single bulk job"
ALLOWANCE = Allowance(rate=20.0, burst=20)
# Two calls' time, and 150 ms for everything that is not waiting for the allowance.
MOST_URGENT_SECONDS = 2 / ALLOWANCE.rate + 0.15
TENANTS = 10
FIRST_URGENT, FIRST_TENANT = 1_000_000, 2_000_000


def measure_backlog(report: Report, jobs: int, urgent: int) -> None:
    """Measures both behind the same backlog of bulk jobs, while it is sent."""
    report.say(f"backlog: {urgent} urgent jobs and {TENANTS} tenants behind {jobs} bulk jobs at {ALLOWANCE}")
    with running_bench(sandbox=ALLOWANCE) as bench:
        bench.enqueue_batch(jobs, tenant="first")
        bench.await_contacts(2 * ALLOWANCE.burst)
        _measure_urgent(report, bench, urgent)
        _measure_turns(report, bench)


def _measure_urgent(report: Report, bench: Bench, count: int) -> None:
    phases = random.Random(1)  # noqa: S311  # the same phases in each run
    enqueued: dict[str, float] = {}
    for index in range(FIRST_URGENT, FIRST_URGENT + count):
        time.sleep(phases.uniform(0.5, 1.0))
        enqueued[number(index)] = time.monotonic()
        bench.chat.enqueue(sender=SENDER, to=number(index), text=TEXT, priority="urgent")
    time.sleep(1.0)
    waits = [
        arrival.seconds - enqueued[arrival.destination]
        for arrival in bench.arrivals()
        if arrival.destination in enqueued
    ]
    p50, p99, longest = percentile(waits, 0.5), percentile(waits, 0.99), max(waits, default=float("nan"))
    report.row(
        URGENT_TABLE, {"enqueued": count, "called": len(waits), "p50 s": p50, "p99 s": p99, "longest s": longest}
    )
    report.hold("urgent: jobs not called within a second", count - len(waits), most=0)
    report.hold("urgent: seconds from enqueue to call, p99", p99, most=MOST_URGENT_SECONDS)


def _measure_turns(report: Report, bench: Bench) -> None:
    """One turn of the first tenant is one job, and jobs that a worker held already can't be overtaken."""
    passed = []
    for index in range(FIRST_TENANT, FIRST_TENANT + TENANTS):
        held = bench.leased()
        chat = bench.chat
        job = chat.enqueue(sender=SENDER, to=number(index), text=TEXT, priority="bulk", tenant=f"other-{index}")
        after = time.monotonic()
        # What was claimed between the two readings may have been claimed before the job was there.
        held = max(held, bench.leased())
        chat.wait(job.id, timeout=600)
        arrivals = bench.arrivals()
        called = next(arrival.seconds for arrival in arrivals if arrival.destination == number(index))
        between = sum(after <= arrival.seconds < called for arrival in arrivals)
        passed.append((between, held))
    beyond = max(between - held for between, held in passed)
    report.row(
        TURN_TABLE,
        {
            "tenants": TENANTS,
            "fewest before": min(between for between, _ in passed),
            "most before": max(between for between, _ in passed),
            "most held by workers": max(held for _, held in passed),
            "most beyond those held": beyond,
        },
    )
    report.hold("turns: jobs of the first tenant beyond those held, before the other's", beyond, most=1)
