"""The pump: works for one budget for a few seconds: claim, send, record, repeat.

Not for deciding what may be sent (the claim script does) or what an error means (`retry` does). The one idea: only its
main thread talks to Redis; results of calls and the wake signal reach it through one local queue, so it always knows
what to do next and never polls.
"""

import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum, auto
from queue import Empty as NothingCame, SimpleQueue
from threading import Event

from outbound_chat.model.errors import StoreError
from outbound_chat.store import scripts
from outbound_chat.store.scripts import Claimed, Dismissed, Empty, Held, Outcome, Paced, Result
from outbound_chat_worker.publisher import HANGS_SECONDS, PumpPublisher
from outbound_chat_worker.pump.attempt import AttemptRunner
from outbound_chat_worker.pump.in_flight import InFlight
from outbound_chat_worker.pump.recorder import Recorder
from outbound_chat_worker.pump.session import Load, PumpSession, WrongClock
from outbound_chat_worker.runtime import Runtime

logger = logging.getLogger(__name__)

RENEW_SECONDS = 1.0
"""A working pump reports this often that it is alive, and renews the leases of its running calls."""
STORE_RETRY_SECONDS = 0.5
REST_SECONDS = 0.02
"""Longest time for which a result waits for others, so that one script records them all."""


class _WaitOver:
    """The wait for work ended: by a poke, or by time."""


class Phase(StrEnum):
    """What a pump is doing."""

    WORKING = auto()
    """It claims jobs while it has room for them."""
    LISTENING = auto()
    """It found no work, and waits to be poked."""
    DRAINING = auto()
    """It claims no more jobs, and ends with its calls in flight."""


class Pump:
    """One run of work for one budget."""

    def __init__(
        self, runtime: Runtime, budget: str, *, nonce: str = "", stopping: Event, publisher: PumpPublisher
    ) -> None:
        """`nonce`: of the request for this pump. `stopping`: set when the process is to end."""
        now = time.monotonic()
        self._runtime = runtime
        self._settings = runtime.settings.worker
        self._budget = budget
        self._stopping = stopping
        self._publisher = publisher
        self._session = PumpSession(runtime, budget, nonce, publisher)
        self._attempts = AttemptRunner(runtime, budget)
        self._recorder = Recorder(runtime.store, runtime.keys(budget))
        self._in_flight = InFlight(self._settings.threads)
        self._callers = ThreadPoolExecutor(self._settings.threads, f"pump-{budget}")
        self._listener = ThreadPoolExecutor(1, f"pump-{budget}-listener")
        self._arrived: SimpleQueue[Result | _WaitOver] = SimpleQueue()
        self._phase = Phase.WORKING
        self._next_claim = 0.0
        self._next_renewal = now + RENEW_SECONDS
        self._last_turn = self._last_work = self._last_result = now
        self._had_work = False
        self._recorded = 0

    @property
    def keeps_up(self) -> bool:
        """Whether it can take more jobs: then a second pump on the same core would only be in its way."""
        now = time.monotonic()
        if self._is_draining or now - self._last_turn > 2 * RENEW_SECONDS:
            return False
        return not self._in_flight.is_full or now - self._last_result < RENEW_SECONDS

    def work(self) -> int:
        """Works until its slice is over, no work came for a while, or the process stops; returns the number of results.

        Returns only when every call that it started has ended and is recorded; an unexpected error is raised then, too.
        """
        self._runtime.prepare_clients(self._budget)
        ends = time.monotonic() + self._settings.slice.total_seconds()
        with self._callers, self._listener:
            try:
                while self._has_something_to_do:
                    self._turn(ends)
            except Exception:
                logger.exception("budget %s: unexpected error; the pump only ends its calls in flight", self._budget)
                self._drain()
                raise
        return self._recorded

    @property
    def _has_something_to_do(self) -> bool:
        return not self._is_draining or bool(self._in_flight) or self._session.next_leave is not None

    @property
    def _is_draining(self) -> bool:
        return self._phase is Phase.DRAINING

    def _turn(self, ends: float) -> None:
        now = self._last_turn = time.monotonic()
        if now >= self._next_renewal:
            self._next_renewal = now + RENEW_SECONDS
            for late, claim_id in self._in_flight.reclaim_late():
                self._arrived.put(Result(local_id=late, claim=claim_id, outcome=Outcome.NOT_CALLED))
            self._session.renew(self._load, self._in_flight.claims)
        if self._is_draining:
            if self._session.next_leave is not None and now >= self._session.next_leave:
                self._leave()
        elif self._stopping.is_set():
            self._leave()
        elif now >= ends and self._phase is Phase.WORKING and self._publisher.works:
            self._end_slice()
        elif self._may_claim and now >= self._next_claim:
            self._claim()
        if self._has_something_to_do:
            self._gather(self._next_step())
            self._record()

    @property
    def _load(self) -> Load:
        return "left" if self._is_draining else "full" if self._in_flight.is_full else "idle"

    @property
    def _may_claim(self) -> bool:
        return self._phase is Phase.WORKING and self._in_flight.capacity > 0

    def _next_step(self) -> float:
        """When to take the next turn although nothing arrived."""
        steps = [
            self._next_renewal,
            self._next_claim if self._may_claim else None,
            self._session.next_leave if self._is_draining else None,
            self._recorder.next_try,
        ]
        return min(step for step in steps if step is not None)

    def _claim(self) -> None:
        asked_at = time.monotonic()
        linger = self._settings.linger.total_seconds()
        idled_out = asked_at - self._last_work > linger and not self._in_flight
        claim_id = self._session.next_claim_id
        match self._session.claim(self._in_flight.capacity, 0 if idled_out else int(linger * 1000)):
            case Claimed() as claimed:
                self._begin(claimed, claim_id, asked_at)
            case Paced(pace_ms, pumps):
                self._next_claim = asked_at + pace_ms / 1000
                if not self._in_flight and (pumps > 1 or pace_ms > RENEW_SECONDS * 1000):
                    # The others keep the pace; or it is so slow that the waker requests a pump in time.
                    self._leave()
            case Empty(waiting=True, until_ms=until_ms):
                seconds = min(linger, until_ms / 1000) if until_ms >= 0 else linger
                if self._start(self._listener, self._listen, seconds):
                    self._phase = Phase.LISTENING
                else:
                    self._leave()
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

    def _begin(self, claimed: Claimed, claim_id: str, asked_at: float) -> None:
        self._last_work = asked_at
        self._had_work = True
        self._next_claim = asked_at + claimed.pace_ms / 1000 if claimed.pace_ms else 0.0
        has_threads = True
        for job in claimed.jobs:
            # A repeated answer has jobs that were claimed a while ago.
            claimed_at = asked_at - (claimed.now_ms - job.claimed_ms) / 1000
            self._in_flight.add(job.local_id, claim_id)
            has_threads = has_threads and self._start(self._callers, self._attempt, job, claim_id, claimed_at)
            # The pool may keep a job for which it could start no thread, and give it to another thread.
            if not has_threads and self._in_flight.start(job.local_id, claim_id):
                self._arrived.put(Result(local_id=job.local_id, claim=claim_id, outcome=Outcome.NOT_CALLED))
        if not has_threads:
            self._leave()
        self._session.publish(claimed.wakeup)

    def _start(self, pool: ThreadPoolExecutor, work: Callable[..., None], *given: object) -> bool:
        """Runs work in a thread; returns False if Python starts none, since the process ends or has too many."""
        try:
            pool.submit(work, *given)
        except (RuntimeError, MemoryError) as error:
            logger.warning("budget %s: no call can start, and the pump leaves: %s", self._budget, error)
            return False
        return True

    def _attempt(self, job: scripts.ClaimedJob, claim_id: str, claimed_at: float) -> None:
        if not self._in_flight.start(job.local_id, claim_id):
            return
        began = time.monotonic()
        result = self._attempts.attempt(job, claim_id, claimed_at)
        self._in_flight.note_latency(time.monotonic() - began)
        self._arrived.put(result)

    def _listen(self, seconds: float) -> None:
        try:
            self._runtime.store.wait_for_signal([self._runtime.keys(self._budget).poke], seconds)
        except StoreError as error:
            logger.warning("budget %s: can't wait for work: %s", self._budget, error)
            self._stopping.wait(STORE_RETRY_SECONDS)
        finally:
            self._arrived.put(_WaitOver())

    def _gather(self, until: float) -> None:
        """Collects what arrived, waiting until that time at most, then a moment longer while the threads have jobs."""
        try:
            self._take_in(self._arrived.get(timeout=max(0.0, until - time.monotonic())))
            rests_until = time.monotonic() + REST_SECONDS
            while True:
                rests = self._in_flight.has_stock(self._recorder.kept) and not self._is_draining
                self._take_in(self._arrived.get(timeout=max(0.0, rests_until - time.monotonic()) if rests else 0.0))
        except NothingCame:
            return

    def _take_in(self, arrived: Result | _WaitOver) -> None:
        if isinstance(arrived, Result):
            self._recorder.add(arrived)
            self._last_result = time.monotonic()
            return
        if self._phase is Phase.LISTENING:
            self._phase = Phase.WORKING
        self._next_claim = 0.0

    def _record(self) -> None:
        for result in self._recorder.record():
            self._in_flight.remove(result.local_id)
            self._recorded += 1

    def _end_slice(self) -> None:
        """Leaves at the end of its slice. If the broker does not take the message for its successor, it continues."""
        if self._leave() and not (self._publisher.drain(HANGS_SECONDS) and self._publisher.works):
            self._phase = Phase.WORKING

    def _hand_over(self) -> None:
        """Leaves the work to another machine, whose clock is right."""
        if self._session.pass_on():
            self._phase = Phase.DRAINING
        else:
            self._leave()

    def _leave(self) -> bool:
        """Claims no more, and requests a successor at once, since calls may take long; returns whether it needs one."""
        self._phase = Phase.DRAINING
        recent = time.monotonic() - self._last_work < self._settings.linger.total_seconds()
        return self._session.leave(warm=self._had_work and recent and not self._stopping.is_set())

    def _drain(self) -> None:
        """Records the results of the calls in flight, and does nothing else, since something is wrong."""
        self._phase = Phase.DRAINING
        while self._in_flight:
            self._gather(self._recorder.next_try or time.monotonic() + RENEW_SECONDS)
            self._record()
        self._leave()
