"""The pump works for one budget for a few seconds: claim, send, record, repeat.

The claim script decides what may be sent, and `retry` what an error means. The main idea: the main thread of the pump
decides everything. Results of calls and new work reach it through one local queue, so it always knows what to do next
and never polls. Results and the next claim share a round trip.
"""

import logging
import time
from collections import defaultdict
from collections.abc import Sequence
from enum import StrEnum, auto
from queue import Empty as NothingCame
from threading import Event

from outbound_chat.store.scripts import Claimed, Dismissed, Empty, Held, Outcome, Paced, Result
from outbound_chat_worker.publisher import HANGS_SECONDS, PumpPublisher
from outbound_chat_worker.pump.attempt import AttemptRunner
from outbound_chat_worker.pump.callers import Callers, Heard, Recorded
from outbound_chat_worker.pump.in_flight import InFlight
from outbound_chat_worker.pump.recorder import Recorder
from outbound_chat_worker.pump.session import Answer, Load, PumpSession, WrongClock
from outbound_chat_worker.runtime import Runtime

logger = logging.getLogger(__name__)

RENEW_SECONDS = 1.0
"""How often a working pump reports that it is alive, and renews the leases of its running calls."""
STORE_RETRY_SECONDS = 0.5
REST_SECONDS = 0.02
"""Longest wait of a result for others, so that one script records all of them."""


class Phase(StrEnum):
    """What a pump is doing."""

    WORKING = auto()
    """It claims jobs while it has room for them."""
    LISTENING = auto()
    """It found no work, and waits for a poke."""
    DRAINING = auto()
    """It claims no more jobs, and ends after its calls in flight."""


class Pump:
    """One run of work for one budget."""

    def __init__(
        self, runtime: Runtime, budget: str, *, nonce: str = "", stopping: Event, publisher: PumpPublisher
    ) -> None:
        """`nonce`: that of the request for this pump. `stopping`: set when the process should end."""
        now = time.monotonic()
        self._runtime = runtime
        self._settings = runtime.settings.worker
        self._budget = budget
        self._stopping = stopping
        self._publisher = publisher
        self._session = PumpSession(runtime, budget, nonce, publisher)
        self._recorder = Recorder(runtime.store, runtime.keys(budget), runtime.notices)
        self._in_flight = InFlight(self._settings.threads, runtime.durations[budget])
        self._callers = Callers(
            self._settings.threads,
            f"pump-{budget}",
            attempts=AttemptRunner(runtime, budget),
            session=self._session,
            recorder=self._recorder,
            in_flight=self._in_flight,
            durations=runtime.durations[budget],
        )
        self._arrived = self._callers.arrived
        self._phase = Phase.WORKING
        self._next_claim = 0.0
        self._ends = now
        """When its slice ends."""
        self._next_renewal = now + RENEW_SECONDS
        self._last_turn = self._last_work = self._last_result = now
        self._had_work = False
        self._recorded: defaultdict[Outcome, int] = defaultdict(int)
        """Results by their outcome."""

    @property
    def keeps_up(self) -> bool:
        """Whether it can take more jobs: then a second pump on the same core would only slow it down."""
        now = time.monotonic()
        if self._is_draining or now - self._last_turn > 2 * RENEW_SECONDS:
            return False
        return not self._in_flight.is_full or now - self._last_result < RENEW_SECONDS

    def work(self) -> int:
        """Works until its slice ends, no work came for a while, or the process stops; returns the number of results.

        It only returns when all calls that it started have ended and are recorded. Unexpected errors are raised then.
        """
        self._runtime.prepare_clients(self._budget)
        began = time.monotonic()
        self._ends = began + self._settings.slice.total_seconds()
        with self._callers:
            try:
                while self._has_something_to_do:
                    self._turn()
            except Exception:
                logger.exception("budget %s: unexpected error; finishing only the calls in flight", self._budget)
                self._drain()
                raise
        if self._recorded:
            ended = ", ".join(f"{outcome.replace('_', ' ')} {number:,}" for outcome, number in self._recorded.items())
            logger.info("budget %s: %s in %.1f s", self._budget, ended, time.monotonic() - began)
        return sum(self._recorded.values())

    @property
    def _has_something_to_do(self) -> bool:
        expects = bool(self._in_flight) or self._callers.listens
        return expects or not self._is_draining or self._session.next_leave is not None

    @property
    def _is_draining(self) -> bool:
        return self._phase is Phase.DRAINING

    def _turn(self) -> None:
        now = self._last_turn = time.monotonic()
        if now >= self._next_renewal:
            self._next_renewal = now + RENEW_SECONDS
            for late, claim_id in self._in_flight.reclaim_late():
                self._arrived.put(Result(local_id=late, claim=claim_id, outcome=Outcome.NOT_CALLED))
            self._session.renew(self._load, self._in_flight.claims)
        if self._may_claim and not self._is_over and now >= self._next_claim:
            self._claim()
        else:
            self._record()
            self._end()
        if self._has_something_to_do:
            self._gather(self._next_step())

    @property
    def _is_over(self) -> bool:
        """Whether it should stop claiming: its slice is over and a successor can be requested, or the process stops."""
        return self._stopping.is_set() or (time.monotonic() >= self._ends and self._publisher.works)

    def _end(self) -> None:
        """Leaves if its time is over, or tries again to leave."""
        if self._is_draining:
            if self._session.next_leave is not None and time.monotonic() >= self._session.next_leave:
                self._leave()
        elif self._stopping.is_set():
            self._leave()
        elif self._is_over and self._phase is Phase.WORKING:
            self._end_slice()

    @property
    def _load(self) -> Load:
        return "left" if self._is_draining else "full" if self._in_flight.is_full else "idle"

    @property
    def _may_claim(self) -> bool:
        return self._phase is Phase.WORKING and self._in_flight.capacity(self._recorder.recordable) > 0

    def _next_step(self) -> float:
        """Returns when to take the next turn if nothing arrives."""
        steps = [
            self._next_renewal,
            self._next_claim if self._may_claim else None,
            self._session.next_leave if self._is_draining else None,
            self._recorder.next_try,
        ]
        return min(step for step in steps if step is not None)

    def _claim(self) -> None:
        """Records results and claims jobs."""
        asked_at = time.monotonic()
        wanted = self._in_flight.capacity(self._recorder.recordable)
        linger_ms = 0 if self._has_idled(asked_at) else self._linger_ms
        claim_id = self._session.next_claim_id
        answer, recorded = self._session.claim(wanted, linger_ms, self._recorder.next_call())
        if recorded is not None:
            self._note_recorded(self._recorder.settle(recorded))
        self._go_by(answer, claim_id, asked_at)

    @property
    def _linger_ms(self) -> int:
        return int(self._settings.linger.total_seconds() * 1000)

    def _has_idled(self, now: float) -> bool:
        """Returns whether it had no work for so long that it should leave."""
        return now - self._last_work > self._settings.linger.total_seconds() and not self._in_flight

    def _go_by(self, answer: Answer, claim_id: str, asked_at: float, *, heard: bool = False) -> None:
        """Handles the answer to a claim. `heard`: from a thread that has already begun the call of the first job."""
        match answer:
            case Claimed() as claimed:
                self._begin(claimed, claim_id, asked_at, heard=heard)
            case Paced(pace_ms, pumps):
                self._next_claim = asked_at + pace_ms / 1000
                if not self._in_flight and (pumps > 1 or pace_ms > RENEW_SECONDS * 1000):
                    # The others keep the pace; or it is so slow that the waker requests a pump in time.
                    self._leave()
            case Empty(waiting=True, until_ms=until_ms) if not (heard and self._has_idled(asked_at)):
                self._listen(until_ms)
            case Empty() | Held():
                # Another pump waits for new work, or none came for a while: this one only ends its calls. Or a person
                # holds the budget; its release requests a pump.
                self._leave()
            case Dismissed():
                self._phase = Phase.DRAINING
            case WrongClock():
                self._hand_over()
            case None:
                self._next_claim = asked_at + STORE_RETRY_SECONDS

    def _begin(self, claimed: Claimed, claim_id: str, asked_at: float, *, heard: bool) -> None:
        self._last_work = asked_at
        self._had_work = True
        self._next_claim = asked_at + claimed.pace_ms / 1000 if claimed.pace_ms else 0.0
        has_threads = True
        for job in claimed.jobs:
            if heard and job is claimed.jobs[0]:
                self._in_flight.add(job.local_id, claim_id, started=True)
                continue
            # A repeated answer has jobs that were claimed a while ago.
            claimed_at = asked_at - (claimed.now_ms - job.claimed_ms) / 1000
            self._in_flight.add(job.local_id, claim_id)
            has_threads = has_threads and self._callers.call(job, claim_id, claimed_at)
            # The pool may keep a job for which it could start no thread, and give it to another thread.
            if not has_threads and self._in_flight.start(job.local_id, claim_id):
                self._arrived.put(Result(local_id=job.local_id, claim=claim_id, outcome=Outcome.NOT_CALLED))
        if not self._is_draining:
            self._session.publish(claimed.wakeup)
        if not has_threads:
            self._leave()
        elif claimed.waiting and self._may_claim:
            self._listen(claimed.until_ms)

    def _listen(self, until_ms: int) -> None:
        """Makes a thread wait for work, unless the pump should end."""
        if self._is_over:
            return
        most = self._settings.linger.total_seconds()
        claim_id = self._session.next_claim_id
        wanted = max(1, self._in_flight.capacity(self._recorder.recordable))
        call = self._session.begin_listening(wanted, self._linger_ms)
        if call is None:
            self._hand_over()
        elif self._callers.listen(call, claim_id, min(most, until_ms / 1000) if until_ms >= 0 else most):
            self._phase = Phase.LISTENING
        else:
            self._leave()

    def _gather(self, until: float) -> None:
        """Collects what has arrived, waiting until that time, then a moment longer while the threads have jobs."""
        try:
            self._take_in(self._arrived.get(timeout=max(0.0, until - time.monotonic())))
            rests_until = time.monotonic() + REST_SECONDS
            while True:
                rests = self._in_flight.has_stock(self._recorder.kept) and not self._is_draining
                self._take_in(self._arrived.get(timeout=max(0.0, rests_until - time.monotonic()) if rests else 0.0))
        except NothingCame:
            return

    def _take_in(self, arrived: Result | Heard | Recorded) -> None:
        match arrived:
            case Result():
                self._recorder.add(arrived)
                self._last_result = time.monotonic()
            case Recorded(local_id, outcome):
                self._in_flight.remove(local_id)
                self._recorded[outcome] += 1
                self._last_result = time.monotonic()
            case Heard(answer, claim_id):
                self._callers.listens = False
                if self._phase is Phase.LISTENING:
                    self._phase = Phase.WORKING
                if not self._is_draining or isinstance(answer, Claimed):
                    now = time.monotonic()
                    at = self._session.claimed_at(answer.now_ms) if isinstance(answer, Claimed) else now
                    self._go_by(answer, claim_id, at, heard=True)

    def _record(self) -> None:
        self._note_recorded(self._recorder.record())

    def _note_recorded(self, results: Sequence[Result]) -> None:
        for result in results:
            self._in_flight.remove(result.local_id)
            self._recorded[result.outcome] += 1

    def _end_slice(self) -> None:
        """Leaves at the end of its slice. If the broker does not accept the message for its successor, it continues."""
        if self._leave() and not (self._publisher.drain(HANGS_SECONDS) and self._publisher.works):
            self._phase = Phase.WORKING

    def _hand_over(self) -> None:
        """Leaves the work to another machine with a correct clock."""
        if self._session.pass_on():
            self._phase = Phase.DRAINING
        else:
            self._leave()

    def _leave(self) -> bool:
        """Stops claiming and requests a successor early, since calls may take long; returns whether it needs one."""
        self._phase = Phase.DRAINING
        recent = time.monotonic() - self._last_work < self._settings.linger.total_seconds()
        return self._session.leave(warm=self._had_work and recent and not self._stopping.is_set())

    def _drain(self) -> None:
        """Only records the results of the calls in flight, after an unexpected error."""
        self._phase = Phase.DRAINING
        while self._in_flight or self._callers.listens:
            self._gather(self._recorder.next_try or time.monotonic() + RENEW_SECONDS)
            self._record()
        self._leave()
