"""The same audit after every fault: nothing lost, nothing sent twice, honest states, counters that add up."""

import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from outbound_chat.store import inspection
from tests.support.waiting import wait_until

from . import ledger
from .faults import Fault
from .rig import Rig
from .traffic import TEXT

INVARIANTS_SECONDS = 15.0
# Numbers of `tests.support.harness.number`, as they are or as people write them.
_NUMBER = rb"(?<!\d)(?:1[\s().\-\xa0]{0,3})?212[\s().\-\xa0]{0,3}20\d[\s().\-\xa0]{0,3}\d{4}(?!\d)"
_PERSONAL = re.compile(_NUMBER + rb"|" + re.escape(TEXT.split()[1].encode()))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one fault led to."""

    kind: str
    name: str
    broker: str
    jobs: int
    lost: int
    """Acknowledged jobs that did not become final, or final jobs without their contact."""
    doubled: int
    """Numbers that got more than one contact."""
    looks: int
    resumed: float | None
    promise: float
    granted: float
    """Seconds that the promise was put off: the start of new workers after all had died, as far as above the lease."""
    seconds: float
    promoted: float | None = None
    """Seconds that sentinels needed to name another primary, where they had to; none of those that work stood still."""
    may_lose: bool = False
    broken: tuple[str, ...] = field(default=())
    """What else was wrong, in words without numbers or texts."""

    @property
    def late(self) -> bool:
        """Whether work went on later than was promised."""
        return self.resumed is None or self.resumed > self.promise + self.granted

    @property
    def held(self) -> bool:
        """Whether all promises were kept."""
        return not ((self.lost and not self.may_lose) or self.doubled or self.late or self.broken)


def wait_final(rig: Rig, seconds: float) -> bool:
    """Waits until no job of the rig is open; whether that came."""
    try:
        wait_until(lambda: rig.redis.zcard(rig.keys.base + "expiry") == 0, timeout=seconds)
    except AssertionError:
        return False
    return True


def audit(rig: Rig, fault: Fault, began: float, problems: Iterable[str], workers: set[int]) -> Outcome:
    """Looks at everything once all jobs are final, or should be.

    `problems`: what was found wrong before; `workers`: process ids of those that were there before the fault.
    """
    ended = wait_final(rig, fault.most_seconds)
    jobs = _read(rig).jobs
    contacts = Counter(contact.destination for contact in rig.sandbox.contacts())
    ids = {contact.destination: contact.contact_id for contact in rig.sandbox.contacts()}
    durable, seen = rig.traffic.durable, rig.sampler.seen
    lost = {to for id_, to in durable.items() if not _kept(jobs.get(id_), ids.get(to, ""))}
    doubled = sum(times > 1 for times in contacts.values())
    broken = [*problems, *dict.fromkeys(seen.broken)]
    if died := workers - rig.ended_by_fault - set(rig.worker_pids()):
        broken.append(f"{len(died)} workers died of it")
    if not ended:
        broken.append(f"{rig.redis.zcard(rig.keys.base + 'expiry')} jobs were open after {fault.most_seconds:g} s")
    states = Counter(job.state for job in jobs.values())
    if others := {state: count for state, count in states.items() if state not in fault.ends}:
        broken.append(f"jobs ended otherwise than sent: {others}")
    # Of a job that Redis forgot the counters know nothing, nor of one that it never acknowledged and then forgot.
    forgotten = sum(contacts[to] for to in lost | rig.traffic.unanswered) if fault.may_lose else 0
    broken += _counts(rig, sum(contacts.values()), forgotten)
    broken += _leaks(rig)
    return Outcome(
        kind=fault.kind,
        name=fault.name,
        broker=rig.options.broker,
        jobs=len(durable),
        lost=len(lost),
        doubled=doubled,
        looks=seen.looks,
        resumed=seen.resumed,
        promise=fault.promise,
        granted=rig.granted,
        seconds=time.monotonic() - began,
        promoted=rig.promoted,
        may_lose=fault.may_lose,
        broken=tuple(broken),
    )


def _read(rig: Rig) -> ledger.Found:
    """What the ledger says of all acknowledged jobs of the run, read by the newest version at work."""
    if rig.newer:
        return ledger.read_as(rig.newer, rig.url, rig.traffic.durable)
    return ledger.read(rig.url, rig.traffic.durable)


def _kept(job: ledger.Known | None, contact_id: str) -> bool:
    """Whether the job is final, and says the truth about its contact."""
    return job is not None and job.final and job.contact_id == contact_id


def _counts(rig: Rig, contacts: int, forgotten: int) -> Iterator[str]:
    counts = inspection.counts(rig.store, rig.keys)
    if counts.get("doubled"):
        yield f"the counters say {counts['doubled']} doubled"
    # A contact whose answer never came is one of an uncertain job.
    if not counts.get("sent", 0) <= contacts <= counts.get("sent", 0) + counts.get("uncertain", 0) + forgotten:
        yield f"the counters say {counts.get('sent', 0)} sent, Connect has {contacts} contacts"
    try:
        wait_until(lambda: not _read(rig).out_of_place, timeout=INVARIANTS_SECONDS)
    except AssertionError:
        yield f"out of place: {_read(rig).out_of_place}"


def _leaks(rig: Rig) -> Iterator[str]:
    """Output of processes that shows a number or text, or a crash dump of it."""
    for log in sorted(rig.folder.rglob("*.log")):
        if found := _PERSONAL.search(log.read_bytes()):
            yield f"{log.name} shows a number or text at byte {found.start()}"
