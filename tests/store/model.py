"""The ledger as dictionaries: what each script must have done, in the words of the rules and not of the Lua.

Small on purpose: no rings, gates or turns. It knows where each job is, who is stopped and how much may go, and judges
every answer by that. Where the ledger may choose (which due job goes next), the model follows; it says what may not be.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from outbound_chat.model.lanes import Lane
from outbound_chat.store.scripts import ClaimedJob, Result

from .allowance import ENOUGH, Allowance
from .ledger import DAY_MS, LEASE_MS

HORIZON_MS = 6.5 * DAY_MS
LONGEST_HOLD_MS = 300_000
OPEN = ("queued", "sending")


@dataclass(slots=True)
class Job:
    """One job, and where it is: in a part of its lane, leased by a claim, or at its end."""

    local_id: str
    lane: str
    created: int
    send_at: int
    expires: int
    parts: int
    due: int = 0
    place: int = 0
    """Its number in the order of acceptance: µs, never less than the last."""
    looked_at: int = 0
    """When its expiry is looked at: later than `expires` if it was being called then."""
    state: str = "queued"
    part: str = "lane"
    claim: str = ""
    lease_end: int = 0
    attempts: int = 0
    maybe_sent: int = 0
    cancel: bool = False
    tried: bool = False
    contact: str = ""

    @property
    def sender(self) -> str:
        return Lane.parse(self.lane).sender

    @property
    def batch(self) -> str:
        return Lane.parse(self.lane).batch

    @property
    def is_new(self) -> bool:
        """It may go at once and was never called: it is due whatever the clock says."""
        return self.part == "lane" and not self.send_at

    @property
    def turn(self) -> tuple[int, bool, int]:
        """By what it goes before another of the same part."""
        return (self.place if self.is_new else self.due * 1000, self.is_new, self.place)

    @property
    def facts(self) -> tuple[object, ...]:
        """What its record must say."""
        due = self.due if self.state in OPEN else 0
        return (self.state, due, self.attempts, self.claim, self.maybe_sent, int(self.cancel), self.contact)


@dataclass(slots=True)
class Batch:
    lane: str
    concurrency: int | None
    closed: bool = False
    final: bool = False


@dataclass(slots=True)
class SystemHold:
    until: int
    wait: int
    probe: str = ""


@dataclass(slots=True)
class Limits:
    """Of one sender; those that share an instance or a number have the same limits of it."""

    instance: str
    number: str
    concurrency: int | None = None
    max_chats: int | None = None
    number_rate: float | None = None


@dataclass
class Model:
    now: int
    limits: dict[str, Limits]
    pace: Allowance
    latest: int = 0
    """The latest time that the clock ever showed."""
    last_place: int = 0
    last_look: int = 0
    """When a waker last looked, by the clock as it was then."""
    jobs: dict[str, Job] = field(default_factory=dict)
    batches: dict[str, Batch] = field(default_factory=dict)
    numbers: dict[str, Allowance] = field(default_factory=dict)
    chats: dict[str, dict[str, int]] = field(default_factory=dict)
    persons: set[str] = field(default_factory=set)
    system: dict[str, SystemHold] = field(default_factory=dict)

    def move_clock(self, now: int) -> None:
        if now < self.now:
            for allowance in (self.pace, *self.numbers.values()):
                allowance.step_back(self.now, now)
        self.now, self.latest = now, max(self.latest, now)

    def of_state(self, *states: str) -> list[Job]:
        return [job for job in self.jobs.values() if job.state in states]

    def scopes(self, job: Job) -> list[str]:
        scopes = [f"sender:{job.sender}", f"instance:{self.limits[job.sender].instance}"]
        return [*scopes, f"batch:{job.batch}"] if job.batch else scopes

    def add(self, job: Job) -> None:
        job.due, job.looked_at = job.send_at or self.now, job.expires
        job.place = self.last_place = max(self.last_place + 1, self.now * 1000)
        self.jobs[job.local_id] = job

    # What may be called

    def over(self, job: Job) -> bool:
        """The job may not be called any more."""
        return job.expires <= self.now or bool(job.maybe_sent and self.now > job.maybe_sent + HORIZON_MS)

    def due(self) -> list[Job]:
        """Jobs whose own time has come."""
        return [job for job in self.of_state("queued") if job.is_new or job.due <= self.now]

    def calls(self, senders: Iterable[str]) -> list[Job]:
        return [job for job in self.of_state("sending") if job.sender in senders]

    def _rules(self, job: Job) -> Iterable[tuple[str, float, float]]:
        """Limits of the job's call: name, room at most (lost leases do not count), room at least (they do)."""
        limits = self.limits[job.sender]
        calls = self.calls([job.sender])
        if limits.concurrency is not None:
            running = sum(call.lease_end >= self.now for call in calls)
            yield "concurrency", limits.concurrency - running, limits.concurrency - len(calls)
        most = self.batches[job.batch].concurrency if job.batch else None
        if most is not None:
            room = most - sum(call.batch == job.batch for call in self.of_state("sending"))
            yield "batch", room, room
        if limits.max_chats is not None:
            calls = self.calls([name for name, other in self.limits.items() if other.instance == limits.instance])
            running = sum(call.lease_end >= self.now for call in calls)
            ends = self.chats.get(limits.instance, {}).values()
            # The ledger forgets a chat once it saw its end, wherever the clock goes then.
            sure, possible = (sum(end > at for end in ends) for at in (self.latest, self.now))
            yield "chats", limits.max_chats - sure - running, limits.max_chats - possible - len(calls)
        if limits.number_rate is not None:
            parts = self.number(limits)
            low = parts.low(self.now)
            yield "number", parts.high(self.now), low if low >= parts.most else low - ENOUGH

    def number(self, limits: Limits) -> Allowance:
        rate = limits.number_rate or 0
        return self.numbers.setdefault(limits.number, Allowance(rate, max(1, rate), self.now, max(1, rate)))

    def _stopped(self, job: Job) -> str:
        """The hold that stops the job now."""
        leased = {call.local_id for call in self.of_state("sending")}
        for scope in self.scopes(job):
            hold = self.system.get(scope)
            if scope in self.persons or (hold and (hold.until > self.now or hold.probe in leased)):
                return scope
        return ""

    def ready(self) -> list[Job]:
        """Due jobs that nothing but the budget's pace keeps back."""
        due = [job for job in self.due() if not self.over(job)]
        return [job for job in due if not self._stopped(job) and all(least >= 1 for _, _, least in self._rules(job))]

    # What the scripts did

    def claimed(self, claim: str, jobs: Sequence[ClaimedJob]) -> None:
        """A claim gave these jobs, in this order."""
        assert "budget" not in self.persons
        for given in jobs:
            job = self.jobs[given.local_id]
            assert job.state == "queued", f"{job} was given twice"
            assert job in self.due(), f"{job} is not due"
            assert not self.over(job), f"{job} may not be called any more"
            assert not self._stopped(job), f"{job} is stopped by {self._stopped(job)}"
            for rule, most, _ in self._rules(job):
                assert most >= 1 - ENOUGH, f"{job} goes over the limit of {rule}"
            assert self.pace.high(self.now) >= 1 - ENOUGH, f"{job} goes over the pace"
            self._check_order(job)
            self._begin(job, claim)
            assert (given.attempts, given.maybe_sent) == (job.attempts, bool(job.maybe_sent))
            assert (given.claimed_ms, given.sender, given.batch) == (self.now, job.sender, job.batch)

    def _check_order(self, job: Job) -> None:
        """Inside a lane retries go first, then what is due first, then what came first; a probe may be any."""
        if any(scope in self.system for scope in self.scopes(job)):
            return
        for other in self.due():
            if other.lane == job.lane and not self.over(other):
                assert job.part in {other.part, "retry"}, f"{job} goes before the retry {other}"
                assert other.part != job.part or other.turn >= job.turn, f"{job} goes before {other}"

    def _begin(self, job: Job, claim: str) -> None:
        for scope in self.scopes(job):
            if scope in self.system:
                self.system[scope].probe = job.local_id
        self.pace.spend(1, self.now)
        limits = self.limits[job.sender]
        if limits.number_rate is not None:
            self.number(limits).spend(job.parts, self.now)
        job.state, job.claim, job.lease_end, job.due = "sending", claim, self.now + LEASE_MS, self.now
        job.attempts += 1

    def finished(self, result: Result) -> str:
        """The word that the ledger must answer."""
        job = self.jobs[result.local_id]
        if job.state == "sending" and job.claim == result.claim:
            return self._record(job, result)
        if result.outcome != "sent":
            return "stale"
        assert job.state in {*OPEN, "uncertain", "sent"}, "what may have been sent ends as nothing else"
        if job.state != "sent":
            self._contact(job, result)
        return job.state

    def _record(self, job: Job, result: Result) -> str:
        self._settle_probe(job, result)
        if result.outcome == "sent":
            self._contact(job, result)
            return job.state
        if result.maybe_sent and not job.maybe_sent:
            job.maybe_sent = job.due
        if result.outcome in {"snooze", "hold", "not_called"}:
            job.attempts -= 1
        if result.outcome == "not_called":
            self._refund(job)
        else:
            job.tried = True
            if result.code == "throttled" or result.pause_ms:
                self.pace.lose()
        if result.outcome == "failed":
            self.conclude(job, "failed")
        else:
            self._requeue(job, self.now + (0 if result.outcome == "hold" else result.delay_ms))
        return job.state

    def _contact(self, job: Job, result: Result) -> None:
        job.contact = result.contact_id
        instance = self.limits[job.sender].instance
        if self.limits[job.sender].max_chats is not None and result.chat_ms:
            self.chats.setdefault(instance, {})[job.contact] = self.now + result.chat_ms
        self.conclude(job, "sent")

    def _refund(self, job: Job) -> None:
        self.pace.spend(-1, self.now)
        limits = self.limits[job.sender]
        if limits.number_rate is not None:
            self.number(limits).spend(-job.parts, self.now)

    def _settle_probe(self, job: Job, result: Result) -> None:
        held = result.scope if result.outcome == "hold" else ""
        for scope in self.scopes(job):
            hold = self.system.get(scope)
            if scope != held and hold and hold.probe == job.local_id:
                if result.outcome == "sent":
                    del self.system[scope]
                else:
                    hold.probe, hold.until = "", self.now + (0 if result.outcome == "not_called" else 1000)
        if not held:
            return
        hold = self.system.setdefault(held, SystemHold(self.now + result.delay_ms, result.delay_ms))
        if hold.probe == job.local_id:
            hold.wait = max(hold.wait, min(2 * hold.wait, LONGEST_HOLD_MS))
            hold.probe, hold.until = "", self.now + hold.wait

    def conclude(self, job: Job, state: str) -> None:
        """Ends the job; what may have been sent, and has no contact, ends uncertain."""
        job.state = "uncertain" if job.maybe_sent and state != "sent" else state
        job.claim, job.due = "", 0

    def _requeue(self, job: Job, due: int) -> None:
        if job.cancel:
            return self.conclude(job, "cancelled")
        if job.maybe_sent and due > job.maybe_sent + HORIZON_MS:
            return self.conclude(job, "uncertain")
        job.state, job.claim, job.due, job.part = "queued", "", due, "retry"
        if not job.tried and due <= self.now:
            job.part, job.due = "lane", job.send_at or job.created
        return None

    def cancelled(self, job: Job) -> str:
        """The word that the ledger must answer."""
        if job.state == "queued":
            self.conclude(job, "cancelled")
        elif job.state == "sending":
            job.cancel = True
        return job.state

    def maintained(self) -> tuple[int, int]:
        """How many leases were lost, and how many jobs expired."""
        for hold in self.system.values():
            hold.until = min(hold.until, self.now + hold.wait)
        step, self.last_look = self.last_look - self.now, self.now
        for job in self.of_state("sending") if step >= 1000 else ():
            if job.due > self.now:
                job.lease_end -= step
        lost = [job for job in self.of_state("sending") if job.lease_end <= self.now]
        for job in lost:
            job.maybe_sent, job.tried = job.maybe_sent or job.due, True
            self._requeue(job, self.now)
        late = [job for job in self.of_state(*OPEN) if job.looked_at <= self.now]
        for job in late:
            if job.state == "queued":
                self.conclude(job, "expired")
            else:
                job.looked_at = self.now + 1000
        return len(lost), sum(job.state not in OPEN for job in late)

    def settle_batches(self) -> None:
        """A batch that is closed and has no open job is final, and its holds end with it."""
        for name, batch in self.batches.items():
            if batch.closed and not batch.final and not any(job.batch == name for job in self.of_state(*OPEN)):
                batch.final = True
                self.persons.discard(f"batch:{name}")
                self.system.pop(f"batch:{name}", None)

    def follow(self, states: dict[str, str]) -> None:
        """A claim may end due jobs that it looked at and that may not be called any more."""
        for job in self.due():
            if states[job.local_id] not in OPEN and self.over(job):
                self.conclude(job, "expired" if job.expires <= self.now else "uncertain")
