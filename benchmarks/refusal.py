"""What half a minute without permission (403) costs a batch: it may cost time, and no job."""

import time

from benchmarks.arrivals import ACCEPTED
from benchmarks.report import Report
from benchmarks.stack import Allowance, running_bench
from outbound_chat.model.errors import WaitTimeout
from outbound_chat.model.jobs import JobState
from outbound_chat_worker.sandbox import Fault, FaultKind

TABLE = "Refusal: 403 AccessDeniedException for a while in the middle of a batch"
ALLOWANCE = Allowance(rate=20.0, burst=20)
BEFORE_SECONDS = 5.0
PATIENCE_SECONDS = 180.0


def measure_refusal(report: Report, jobs: int, seconds: float) -> None:
    """Runs the batch; 403 begins 5 s after its first contact and lasts so many seconds."""
    report.say(f"refusal: 403 for {seconds:g} s while {jobs} jobs are sent")
    with running_bench(sandbox=ALLOWANCE) as bench:
        receipt = bench.enqueue_batch(jobs)
        bench.await_contacts(1)
        time.sleep(BEFORE_SECONDS)
        bench.sandbox.configure(faults=(Fault(FaultKind.ACCESS_DENIED),))
        time.sleep(seconds)
        bench.sandbox.configure(faults=())
        ended = time.monotonic()
        try:
            batch = bench.chat.wait_batch(receipt.id, timeout=PATIENCE_SECONDS)
        except WaitTimeout:
            batch = bench.chat.batch(receipt.id)
        arrivals = bench.arrivals()
    later = [arrival.seconds - ended for arrival in arrivals if arrival.code == ACCEPTED and arrival.seconds >= ended]
    sent, failed = batch.counts[JobState.SENT], batch.counts[JobState.FAILED]
    report.row(
        TABLE,
        {
            "jobs": jobs,
            "refused calls": sum(arrival.code == "AccessDeniedException" for arrival in arrivals),
            "first contact after s": later[0] if later else None,
            "last contact after s": later[-1] if later else None,
            "sent": sent,
            "failed": failed,
        },
    )
    report.hold("refusal: jobs failed", failed, most=0)
    report.hold("refusal: jobs sent", sent, least=jobs)
