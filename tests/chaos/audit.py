"""The same audit after every fault: nothing lost, nothing sent twice, honest states, books that add up."""

import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from outbound_chat.jobs import Job
from outbound_chat.store import calls
from tests.store import invariants
from tests.store.ledger import Ledger
from tests.waiting import wait_until

from .faults import Fault
from .rig import Rig
from .traffic import TEXT

INVARIANTS_SECONDS = 15.0
# Numbers of `tests.harness.number`, as they are or as people write them.
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
        return self.may_lose or not (self.lost or self.doubled or self.late or self.broken)


class _OwnKeys(Ledger):
    """The ledger without the keys of Celery, which are on the same server."""

    def names(self) -> list[str]:
        return [name for name in super().names() if not name.startswith("oc:celery:")]


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
    jobs = read_jobs(rig)
    contacts = Counter(contact.destination for contact in rig.sandbox.contacts())
    ids = {contact.destination: contact.contact_id for contact in rig.sandbox.contacts()}
    durable, seen = rig.traffic.durable, rig.sampler.seen
    lost = sum(not _kept(jobs.get(id_), ids.get(to, "")) for id_, to in durable.items())
    doubled = sum(times > 1 for times in contacts.values())
    broken = [*problems, *dict.fromkeys(seen.broken)]
    if died := workers - rig.ended_by_fault - set(rig.worker_pids()):
        broken.append(f"{len(died)} workers died of it")
    if not ended:
        broken.append(f"{rig.redis.zcard(rig.keys.base + 'expiry')} jobs were open after {fault.most_seconds:g} s")
    states = Counter(job.state for job in jobs.values())
    if others := {state.value: count for state, count in states.items() if state not in fault.ends}:
        broken.append(f"jobs ended otherwise than sent: {others}")
    broken += _books(rig, sum(contacts.values()))
    broken += _leaks(rig)
    return Outcome(
        kind=fault.kind,
        name=fault.name,
        broker=rig.options.broker,
        jobs=len(durable),
        lost=lost,
        doubled=doubled,
        looks=seen.looks,
        resumed=seen.resumed,
        promise=fault.promise,
        granted=rig.granted,
        seconds=time.monotonic() - began,
        may_lose=fault.may_lose,
        broken=tuple(broken),
    )


def read_jobs(rig: Rig) -> dict[str, Job]:
    """All acknowledged jobs of the run that still have a record."""
    local_ids = [id_.partition(".")[2] for id_ in rig.traffic.durable]
    found: dict[str, Job] = {}
    for start in range(0, len(local_ids), calls.MOST_JOBS):
        chunk = rig.store.run(calls.read_jobs(rig.keys, local_ids[start : start + calls.MOST_JOBS]))
        found |= {job.id: job for job in chunk.values()}
    return found


def _kept(job: Job | None, contact_id: str) -> bool:
    """Whether the job is final, and says the truth about its contact."""
    return job is not None and job.final and (job.contact_id or "") == contact_id


def _books(rig: Rig, contacts: int) -> Iterator[str]:
    books = rig.store.books(rig.keys)
    if books.get("doubled"):
        yield f"the books count {books['doubled']} doubled"
    # A contact whose answer never came is one of an uncertain job.
    if not books.get("sent", 0) <= contacts <= books.get("sent", 0) + books.get("uncertain", 0):
        yield f"the books say {books.get('sent', 0)} sent, Connect has {contacts} contacts"
    try:
        wait_until(lambda: _in_place(rig), timeout=INVARIANTS_SECONDS)
    except AssertionError:
        yield _out_of_place(rig)


def _leaks(rig: Rig) -> Iterator[str]:
    """Output of processes that shows a number or text, or a crash dump of it."""
    for log in sorted(rig.folder.rglob("*.log")):
        if found := _PERSONAL.search(log.read_bytes()):
            yield f"{log.name} shows a number or text at byte {found.start()}"


def _in_place(rig: Rig) -> bool:
    return not _out_of_place(rig)


def _out_of_place(rig: Rig) -> str:
    """The first thing in Redis that is not where the ledger's rules have it; empty: nothing."""
    try:
        invariants.check(_OwnKeys(rig.store, rig.redis))
    except AssertionError as error:
        return f"out of place: {str(error).splitlines()[0] if str(error) else 'a rule of the ledger'}"
    return ""
