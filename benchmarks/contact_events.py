"""What reading contact events costs a worker: a queue full of them, read as fast as it can."""

import time
from typing import Any

import boto3

from benchmarks.open_chats import settings_of_queue
from benchmarks.report import Report
from benchmarks.rig import cpu_seconds, family, resident_mib
from benchmarks.stack import Allowance, Bench, running_bench
from outbound_chat_worker.sandbox import (
    QUEUE_PATH,
    SANDBOX_ACCESS_KEY_ID,
    SANDBOX_SECRET_ACCESS_KEY,
    EventOptions,
    SandboxOptions,
)
from tests.support.waiting import wait_until

TABLE = "Contact events: a full queue, read by one worker"
ALLOWANCE = Allowance(rate=1_000.0, burst=1_000)
OPEN_CHATS = 1_000_000
MOST_OF_A_CORE = 0.5
MOST_GROWTH_MIB = 5.0
HOURS = 3_600.0
LOOK_SECONDS = 0.2


def measure_contact_events(report: Report, jobs: int) -> None:
    """Sends so many jobs while the queue is shut; each leaves four events there. Then it opens."""
    report.say(f"events: the events of {jobs} jobs")
    options = SandboxOptions(max_chats=OPEN_CHATS, chat_seconds=(0.0, 1.0), events=EventOptions())
    with running_bench(
        sandbox=ALLOWANCE, processes=1, options=options, settings=lambda harness: settings_of_queue(harness, OPEN_CHATS)
    ) as bench:
        bench.sandbox.configure(events_shut=True)
        bench.chat.wait_batch(bench.enqueue_batch(jobs).id, timeout=HOURS)
        wait_until(lambda: not bench.sandbox.stats().open_chats, what="the end of all chats")
        pids = [pid for worker in bench.workers for pid in family(worker.pid)]
        used, memory, began = cpu_seconds(pids), resident_mib(pids), time.monotonic()
        bench.sandbox.configure(events_shut=False)
        _await_empty_queue(bench)
        seconds = time.monotonic() - began
        events = bench.sandbox.stats().events
        used, grown, left = cpu_seconds(pids) - used, resident_mib(pids) - memory, bench.open_chats()
    core = 1_000 * used / events
    report.row(
        TABLE,
        {
            "events": events,
            "events/s": events / seconds,
            "CPU ms/event": core,
            "of a core at 1,000/s %": 100 * core,
            "memory grown MiB": grown,
            "open at the end": left,
        },
    )
    report.hold("events: share of a core at 1,000 a second", core, most=MOST_OF_A_CORE)
    report.hold("events: growth of the worker's memory in MiB", grown, most=MOST_GROWTH_MIB)
    report.hold("events: chats that count as open at the end", left, most=0)


def _await_empty_queue(bench: Bench) -> None:
    session: Any = boto3.session.Session(
        SANDBOX_ACCESS_KEY_ID, SANDBOX_SECRET_ACCESS_KEY
    )  # the stubs know Connect only
    sqs = session.client("sqs", region_name="us-east-1", endpoint_url=bench.sandbox.url)
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    while True:
        answer = sqs.get_queue_attributes(QueueUrl=bench.sandbox.url + QUEUE_PATH, AttributeNames=names)
        if not sum(int(answer["Attributes"][name]) for name in names):
            return
        time.sleep(LOOK_SECONDS)
