"""What contact events are worth: a batch behind an instance that holds 50 chats of 5 to 30 s.

By Little's law, 50 chats that last 17.5 s on average carry 50 / 17.5 = 2.86 contacts a second, and the share of that
which is reached is the share of the 50 places that are taken: https://en.wikipedia.org/wiki/Little%27s_law
"""

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from benchmarks.report import Report
from benchmarks.stack import Allowance, Bench, running_bench
from outbound_chat.model.jobs import JobState
from outbound_chat_worker.sandbox import QUEUE_PATH, EventOptions, SandboxOptions
from tests.support.harness import Harness, sender

TABLE = "Open chats: 50 at a time, of 5 to 30 s; events are lost, doubled, swapped, and shut out for a while"
ALLOWANCE = Allowance(rate=20.0, burst=20)
CHATS, SHORTEST, LONGEST = 50, 5.0, 30.0
MEAN = (SHORTEST + LONGEST) / 2
EVENTS = EventOptions(lost=0.02, doubled=0.05, swapped=0.1)
SHUT_SECONDS = 20.0
LEAST_USED, MOST_REFUSED = 0.95, 0.01
DESCRIBE_RATE = 5.0
"""DescribeContact calls a second, of 10 that AWS allows: they find lost ends, and all ends while the door is shut."""
SAMPLE_SECONDS = 0.1
END_SECONDS = 150.0
PATIENCE = 1.5
"""How many times as long as Little's law allows a batch may take."""
ALONE_SECONDS = 120.0
"""Length of the run without events, where a batch would take days."""
REFUSED = "LimitExceededException"


def measure_open_chats(report: Report, door: str, jobs: int) -> None:
    """Sends the batch. `door`: how events come, of `DOORS`."""
    report.say(f"open chats: {jobs} jobs, events by {door}")
    options = SandboxOptions(max_chats=CHATS, chat_seconds=(SHORTEST, LONGEST), events=EVENTS)
    with running_bench(sandbox=ALLOWANCE, options=options, settings=SETTINGS[door]) as bench, DOORS[door](bench):
        batch = bench.enqueue_batch(jobs).id
        bench.await_contacts(1)
        began = time.monotonic()
        seconds = ALONE_SECONDS if door == "none" else PATIENCE * jobs * MEAN / CHATS
        samples = _watch(bench, jobs, began + seconds)
        if door != "none":
            _await_ends(bench)
        sent = bench.chat.batch(batch).counts[JobState.SENT]
        _tell(report, door, bench, began, samples)
    if door != "none":
        report.hold(f"open chats, {door}: jobs sent", sent, least=jobs)


def _await_ends(bench: Bench) -> None:
    """Waits until all chats have ended, and then some time for those that we count: a lost end is found one by one."""
    ends = time.monotonic() + LONGEST + END_SECONDS
    while time.monotonic() < ends and (bench.sandbox.stats().open_chats or bench.open_chats()):
        time.sleep(SAMPLE_SECONDS)


def _watch(bench: Bench, jobs: int, until: float) -> list[tuple[float, int, int]]:
    """Returns instants, chats open at the sandbox, and chats open by our books, until the last contact."""
    samples, opens = list[tuple[float, int, int]](), math.inf
    while True:
        stats = bench.sandbox.stats()
        if stats.accepted >= jobs or (now := time.monotonic()) > until:
            return samples
        samples.append((now, stats.open_chats, bench.open_chats()))
        if opens == math.inf and stats.accepted >= jobs / 2:
            bench.sandbox.configure(events_shut=True)
            opens = now + SHUT_SECONDS
        elif opens and now >= opens:
            bench.sandbox.configure(events_shut=False)
            opens = 0.0
        time.sleep(SAMPLE_SECONDS)


def _tell(report: Report, door: str, bench: Bench, began: float, samples: list[tuple[float, int, int]]) -> None:
    stats, arrivals = bench.sandbox.stats(), bench.arrivals()
    later = [sample for sample in samples if sample[0] >= began + LONGEST]
    used = sum(sample[1] for sample in later) / len(later) / CHATS
    counted = sum(sample[2] for sample in later) / len(later) / CHATS
    refused = sum(arrival.code == REFUSED for arrival in arrivals) / len(arrivals)
    twice = stats.accepted - len({contact.destination for contact in bench.sandbox.contacts()})
    report.row(
        TABLE,
        {
            "events": door,
            "contacts": stats.accepted,
            "seconds": samples[-1][0] - began,
            "contacts/s": sum(arrival.code == "accepted" for arrival in arrivals) / (samples[-1][0] - began),
            "used %": 100 * used,
            "counted %": 100 * counted,
            "refused %": 100 * refused,
            "DescribeContact": stats.others.get("DescribeContact", 0),
            "open at the end": bench.open_chats(),
        },
    )
    if door != "none":
        report.hold(f"open chats, {door}: share of what Little's law allows", used, least=LEAST_USED)
        report.hold(f"open chats, {door}: share of calls refused, as all chats were open", refused, most=MOST_REFUSED)
        report.hold(f"open chats, {door}: chats that count as open at the end", bench.open_chats(), most=0)
    report.hold(f"open chats, {door}: contacts for a number that had one", twice, most=0)


@contextmanager
def _nothing(_: Bench) -> Iterator[None]:
    yield


@contextmanager
def _by_client(bench: Bench) -> Iterator[None]:
    """Brings the events by the client, as a program of one's own would."""
    over = threading.Event()

    def bring() -> None:
        seen = 0
        while not over.wait(SAMPLE_SECONDS):
            found = list(bench.sandbox.events(after=seen))
            bench.chat.ingest_contact_events(one.event for one in found)
            seen = found[-1].number if found else seen

    thread = threading.Thread(target=bring)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _settings(harness: Harness, chats: int = CHATS) -> dict[str, object]:
    return {"senders": {"support": sender(endpoint_url=harness.sandbox.url, max_open_chats=chats)}}


def settings_of_queue(harness: Harness, chats: int = CHATS) -> dict[str, object]:
    """Returns settings of workers that read the sandbox's queue. `chats`: how many may be open."""
    queue = {
        "queue_url": harness.sandbox.url + QUEUE_PATH,
        "region": "us-east-1",
        "endpoint_url": harness.sandbox.url,
        "describe_rate": DESCRIBE_RATE,
        # A lost end of the last chats, for which nobody waits any more, is found by a search.
        "sweep_after": "PT1M",
    }
    return {**_settings(harness, chats), "contact_events": queue}


DOORS: dict[str, Callable[[Bench], AbstractContextManager[None]]] = {
    "queue": _nothing,
    "client": _by_client,
    "none": _nothing,
}
SETTINGS = {"queue": settings_of_queue, "client": _settings, "none": _settings}
