"""The threads of a pump: they make its calls, and one of them waits for work while there is none.

The main idea: while jobs come one at a time, nothing is between the thread and Redis. The thread that learns of a job
makes the call itself, and records the result if no other call runs; the pump is only informed.
"""

import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Self

from outbound_chat.store.scripts import Claimed, ClaimedJob, Outcome, Result
from outbound_chat_worker.pump.attempt import AttemptRunner
from outbound_chat_worker.pump.durations import Durations
from outbound_chat_worker.pump.in_flight import InFlight
from outbound_chat_worker.pump.recorder import Recorder
from outbound_chat_worker.pump.session import Answer, ClaimCall, PumpSession

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Heard:
    """The wait for work ended, by a poke or by time, and this was claimed. The call of the first job has begun."""

    answer: Answer
    claim_id: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """A thread has recorded the result of its call."""

    local_id: str
    outcome: Outcome


class Callers:
    """The threads of a pump, within a block. The end of the block waits for all of them."""

    def __init__(
        self,
        threads: int,
        name: str,
        *,
        attempts: AttemptRunner,
        session: PumpSession,
        recorder: Recorder,
        in_flight: InFlight,
        durations: Durations,
    ) -> None:
        self._pool = ThreadPoolExecutor(threads, name)
        self._name = name
        self._attempts = attempts
        self._session = session
        self._recorder = recorder
        self._in_flight = in_flight
        self._durations = durations
        self.arrived: SimpleQueue[Result | Recorded | Heard] = SimpleQueue()
        """Reports of the threads to the pump."""
        self.listens = False
        """Whether a thread waits for work. The pump resets it after it has processed the report."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()

    def call(self, job: ClaimedJob, claim_id: str, claimed_at: float) -> bool:
        """Makes the call in a thread, unless the pump takes the job back first; returns False if no thread starts."""
        return self._start(self._call_if_mine, job, claim_id, claimed_at)

    def listen(self, call: ClaimCall, claim_id: str, seconds: float) -> bool:
        """Waits for work in a thread for some seconds; returns False if no thread starts."""
        # It may have to wait for a thread: what is left then is the time for which the pump is known to wait.
        self.listens = self._start(self._hear, call, claim_id, time.monotonic() + seconds)
        return self.listens

    def _start(self, work: Callable[..., None], *given: object) -> bool:
        try:
            self._pool.submit(work, *given)
        except (RuntimeError, MemoryError) as error:
            # The process ends, or has too many threads.
            logger.warning("%s: can't start calls, since this process can't start a thread (%s)", self._name, error)
            return False
        return True

    def _call_if_mine(self, job: ClaimedJob, claim_id: str, claimed_at: float) -> None:
        if self._in_flight.start(job.local_id, claim_id):
            self._call(job, claim_id, claimed_at)

    def _call(self, job: ClaimedJob, claim_id: str, claimed_at: float) -> None:
        began = time.monotonic()
        result = self._attempts.attempt(job, claim_id, claimed_at)
        self._durations.note_call(time.monotonic() - began)
        is_recorded = False
        try:
            is_alone = self.listens and len(self._in_flight) <= 1
            is_recorded = is_alone and self._recorder.record_now(result)
        finally:
            self.arrived.put(Recorded(result.local_id, result.outcome) if is_recorded else result)

    def _hear(self, call: ClaimCall, claim_id: str, until: float) -> None:
        answer: Answer = None
        try:
            answer = self._session.listen(call, until - time.monotonic())
        finally:
            self.arrived.put(Heard(answer, claim_id))
        if isinstance(answer, Claimed) and answer.jobs:
            first = answer.jobs[0]
            self._call(first, claim_id, self._session.claimed_at(first.claimed_ms))
