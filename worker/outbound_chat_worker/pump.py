"""The pump: works for one budget for a few seconds: claim, send, record, repeat.

Not for deciding what may be sent (the claim script does) nor what an error means (`retry` does). The one idea: its main
thread alone speaks to the ledger; results of calls and the wake signal reach it through one local queue, so it always
knows what to do next and never polls.
"""

import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import Empty as NothingCame, SimpleQueue
from threading import Event

from outbound_chat.errors import StoreError
from outbound_chat.ids import new_local_id
from outbound_chat.store import calls
from outbound_chat.store.calls import Claimed, Empty, Held, Paced, Renewed, Result, Unconfigured
from outbound_chat_worker.calling import Caller
from outbound_chat_worker.runtime import Runtime

logger = logging.getLogger(__name__)

RENEW_SECONDS = 1.0
"""A pump at work says this often that it lives, and renews the leases of calls that still run."""
STORE_PATIENCE_SECONDS = 60.0
"""How long a pump keeps results that Redis can't take, before it gives up and writes them to the log."""
STORE_RETRY_SECONDS = 0.5
FAR = 3600.0


class _WaitOver:
    """The wait for work ended: by a poke, or by time."""


class Pump:
    """One run of work for one budget."""

    def __init__(self, runtime: Runtime, budget: str, *, stopping: Event, bring: Callable[[str], None]) -> None:
        """`stopping`: set when the process is to end. `bring`: asks Celery for one more pump for a budget.

        `bring` is called in a thread of the pump: a broker that hangs must not keep it from renewing leases.
        """
        self._runtime = runtime
        self._budget = budget
        self._keys = runtime.keys(budget)
        self._stopping = stopping
        self._bring = bring
        self._caller = Caller(runtime, budget)
        self._pump = new_local_id()
        self._claims = 0
        self._in_flight: dict[str, str] = {}
        """Local id of each job being called → claim id."""
        self._arrived: SimpleQueue[Result | _WaitOver] = SimpleQueue()
        self._listening = False
        self._leaving = self._left = False
        self._next_claim = 0.0
        self._last_work = self._last_result = time.monotonic()
        self._had_work = False

    @property
    def keeps_up(self) -> bool:
        """Whether it takes more jobs: a second pump beside it, on the same core, would only be in its way."""
        return not self._leaving and (not self._full or time.monotonic() - self._last_result < RENEW_SECONDS)

    def work(self) -> int:
        """Works until the slice is over, no work came for a while, or the process stops; how many results it recorded.

        Returns only when every call that it started has ended and is recorded.
        """
        settings = self._runtime.settings.worker
        self._runtime.prepare_clients(self._budget)
        ends = time.monotonic() + settings.slice.total_seconds()
        next_renewal = time.monotonic() + RENEW_SECONDS
        recorded = 0
        # One thread more than calls: it listens for the wake signal.
        with ThreadPoolExecutor(settings.threads + 1, thread_name_prefix=f"pump-{self._budget}") as pool:
            while True:
                now = time.monotonic()
                if now >= next_renewal:
                    next_renewal = now + RENEW_SECONDS
                    self._renew(pool)
                if self._may_claim(now):
                    self._claim(pool)
                over = now >= ends and not self._listening
                if self._leaving or over or self._stopping.is_set():
                    self._leave(pool)
                    if not self._in_flight:
                        return recorded
                recorded += self._record(self._gather(min(next_renewal, self._next_step(ends))))

    @property
    def _full(self) -> bool:
        return len(self._in_flight) >= self._runtime.settings.worker.threads

    def _may_claim(self, now: float) -> bool:
        return not self._full and not self._leaving and not self._listening and now >= self._next_claim

    def _next_step(self, ends: float) -> float:
        """When to look again although nothing came."""
        return FAR + ends if self._leaving or self._listening or self._full else self._next_claim

    def _claim(self, pool: ThreadPoolExecutor) -> None:
        settings = self._runtime.settings.worker
        claim_id = f"{self._pump}:{self._claims}"
        asked_at = time.monotonic()
        linger = settings.linger.total_seconds()
        idled_out = asked_at - self._last_work > linger and not self._in_flight
        call = calls.claim(
            self._keys,
            pump=self._pump,
            claim_id=claim_id,
            wanted=settings.threads - len(self._in_flight),
            lease_ms=_ms(settings.lease.total_seconds()),
            linger_ms=0 if idled_out else _ms(linger),
            first=self._claims == 0,
        )
        try:
            answer = self._runtime.store.run(call)
        except StoreError as error:
            # The next try has the same claim id: should this one have reached Redis, it gets the same jobs.
            logger.warning("budget %s: nothing can be claimed: %s", self._budget, error)
            self._next_claim = asked_at + STORE_RETRY_SECONDS
            return
        self._claims += 1
        match answer:
            case Claimed(jobs, now_ms, pace_ms, more):
                self._last_work = asked_at
                self._had_work = True
                self._next_claim = asked_at + pace_ms / 1000 if pace_ms else 0.0
                for job in jobs:
                    self._in_flight[job.local_id] = claim_id
                    # A repeated answer gives jobs that were claimed a while ago.
                    pool.submit(self._attempt, job, claim_id, asked_at - (now_ms - job.claimed_ms) / 1000)
                if more:
                    pool.submit(self._bring, self._budget)
            case Paced(pace_ms, pumps):
                self._next_claim = asked_at + pace_ms / 1000
                # The others keep the pace; or it is so slow that the waker brings a pump in time.
                self._leaving = not self._in_flight and (pumps > 1 or pace_ms > _ms(RENEW_SECONDS))
            case Empty(waiting, until_ms, _):
                self._wait_for_work(pool, waiting, until_ms)
            case Held():
                # Whoever releases the budget has a pump brought.
                self._leaving = True
            case Unconfigured():
                logger.info("budget %s: writing its settings, Redis has none", self._budget)
                self._runtime.configure(self._budget)

    def _attempt(self, job: calls.ClaimedJob, claim_id: str, claimed_at: float) -> None:
        self._arrived.put(self._caller.attempt(job, claim_id, claimed_at))

    def _wait_for_work(self, pool: ThreadPoolExecutor, waiting: bool, until_ms: int) -> None:
        if not waiting:
            # Another pump waits for new work, or none came for a while: this one only ends its calls.
            self._leaving = True
            return
        linger = self._runtime.settings.worker.linger.total_seconds()
        self._listening = True
        pool.submit(self._listen, min(linger, until_ms / 1000) if until_ms >= 0 else linger)

    def _listen(self, seconds: float) -> None:
        try:
            self._runtime.store.wait_for_signal([self._keys.poke], seconds)
        except StoreError as error:
            logger.warning("budget %s: can't wait for work: %s", self._budget, error)
            self._stopping.wait(STORE_RETRY_SECONDS)
        finally:
            self._arrived.put(_WaitOver())

    def _gather(self, until: float) -> list[Result]:
        """What arrived, after waiting for something until that time at most."""
        results: list[Result] = []
        timeout = max(0.0, until - time.monotonic())
        try:
            arrived = self._arrived.get(timeout=timeout)
            while True:
                if isinstance(arrived, Result):
                    results.append(arrived)
                else:
                    self._listening = False
                    self._next_claim = 0.0
                arrived = self._arrived.get_nowait()
        except NothingCame:
            return results

    def _record(self, results: list[Result]) -> int:
        for start in range(0, len(results), calls.MOST_JOBS):
            self._record_chunk(results[start : start + calls.MOST_JOBS])
        for result in results:
            self._in_flight.pop(result.local_id, None)
        if results:
            self._last_result = time.monotonic()
        return len(results)

    def _record_chunk(self, chunk: list[Result]) -> None:
        """Records results; while Redis is away it keeps them and tries again."""
        gives_up = time.monotonic() + STORE_PATIENCE_SECONDS
        while True:
            try:
                states = self._runtime.store.run(calls.finish(self._keys, chunk))
            except StoreError as error:
                if time.monotonic() > gives_up:
                    self._log_unrecorded(chunk, error)
                    return
                logger.warning("budget %s: %d results wait for Redis: %s", self._budget, len(chunk), error)
                time.sleep(STORE_RETRY_SECONDS)
                continue
            break
        for result, state in zip(chunk, states, strict=True):
            if state in {"stale", "gone"}:
                logger.warning("job %s.%s: %s came late, %s", self._budget, result.local_id, result.outcome, state)

    def _log_unrecorded(self, chunk: list[Result], error: StoreError) -> None:
        # The leases run out and the calls are repeated with the same tokens, which gives the same contacts.
        for result in chunk:
            logger.error(
                "job %s.%s: %s %s could not be recorded: %s",
                self._budget,
                result.local_id,
                result.outcome,
                result.contact_id,
                error,
            )

    def _renew(self, pool: ThreadPoolExecutor) -> None:
        lease_ms = _ms(self._runtime.settings.worker.lease.total_seconds())
        call = calls.renew(
            self._keys,
            pump=self._pump,
            place="left" if self._left else "full" if self._full else "idle",
            lease_ms=lease_ms,
            leased=list(self._in_flight.items()),
        )
        try:
            renewed: Renewed = self._runtime.store.run(call)
        except StoreError as error:
            logger.warning("budget %s: leases can't be renewed: %s", self._budget, error)
            return
        if renewed.more:
            pool.submit(self._bring, self._budget)

    def _leave(self, pool: ThreadPoolExecutor) -> None:
        """Claims no more, and has a successor brought at once: calls in flight may take long to end."""
        if self._left:
            return
        self._leaving = self._left = True
        linger = self._runtime.settings.worker.linger.total_seconds()
        warm = self._had_work and not self._stopping.is_set() and time.monotonic() - self._last_work < linger
        try:
            if self._runtime.store.run(calls.leave(self._keys, pump=self._pump, warm=warm)):
                pool.submit(self._bring, self._budget)
        except StoreError as error:
            # The wakers find due work without a pump by themselves.
            logger.warning("budget %s: pump left without a word: %s", self._budget, error)


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
