"""A pump's session with the store: claims, renewals and sign-off, even if answers are missing. `pump` decides when."""

import logging
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from outbound_chat.model.errors import StoreError
from outbound_chat.model.ids import new_local_id
from outbound_chat.model.times import in_ms
from outbound_chat.store import ScriptCall, scripts
from outbound_chat.store.scripts import Claimed, Dismissed, Empty, Held, Paced, Unconfigured
from outbound_chat_worker.publisher import PumpPublisher
from outbound_chat_worker.runtime import Runtime

logger = logging.getLogger(__name__)

RETRY_SECONDS = 0.5
LEAVE_PATIENCE_SECONDS = 5.0
"""How long a pump tries to return jobs of an unanswered claim while Redis is down."""


@dataclass(frozen=True, slots=True)
class WrongClock:
    """Nothing may be claimed here, since AWS would refuse the calls. Claimed jobs are returned when the pump leaves."""


Finish: TypeAlias = ScriptCall[Any]
Recorded: TypeAlias = list[str] | StoreError | None
"""What became of the results: the states of their jobs."""
_Claim: TypeAlias = Claimed | Empty | Paced | Held | Dismissed | Unconfigured
ClaimCall: TypeAlias = ScriptCall[_Claim]
Answer: TypeAlias = Claimed | Empty | Paced | Held | Dismissed | WrongClock | None
Load: TypeAlias = Literal["idle", "full", "left"]
"""Whether the pump has room for more jobs, has none, or has signed off."""


class PumpSession:
    """The session of a pump. For one thread."""

    def __init__(self, runtime: Runtime, budget: str, nonce: str, publisher: PumpPublisher) -> None:
        """`nonce`: that of the request for this pump."""
        self._runtime = runtime
        self._budget = budget
        self._keys = runtime.keys(budget)
        self._lease_ms = in_ms(runtime.settings.worker.lease)
        self._nonce = nonce
        self._publisher = publisher
        self._pump = new_local_id()
        self._claims = 0
        self._open: list[str] = []
        """Id of the claim in progress."""
        self._unanswered = ""
        """Id of a claim that was in progress when the pump left, and may have taken jobs."""
        self._redis_at_0 = -math.inf
        """`time.monotonic()` when the clock of Redis was 0, or a little earlier."""
        self._listens_since = 0.0
        self._left_at: float | None = None
        self._next_leave = 0.0

    @property
    def next_claim_id(self) -> str:
        """The id of the next claim, which changes with each answer."""
        return f"{self._pump}:{self._claims}"

    def claim(self, wanted: int, linger_ms: int, finish: Finish | None = None) -> tuple[Answer, Recorded]:
        """Claims jobs, after it has recorded results in the same round trip. The answer is None if there was none: the
        next claim returns what this one may have taken.
        """
        if self._clock_is_wrong():
            return WrongClock(), self._record(finish)
        asked_at = time.monotonic()
        call = self._call(wanted, linger_ms)
        try:
            *recorded, answer = self._runtime.store.run_together([finish, call] if finish else [call])
        except StoreError as error:
            recorded, answer = [error], error
        answered_at = time.monotonic()
        self._runtime.durations[self._budget].note_round_trip(answered_at - asked_at)
        if isinstance(answer, Unconfigured):
            answer = self._configure(call)
        read = self._read(answer, asked_at)
        if isinstance(read, Claimed | Empty):
            self._redis_at_0 = asked_at - read.now_ms / 1000
        return read, recorded[0] if finish else None

    def _record(self, finish: Finish | None) -> Recorded:
        return self._runtime.store.run_together([finish])[0] if finish else None

    def _call(self, wanted: int, linger_ms: int) -> ClaimCall:
        self._open, self._left_at = [self.next_claim_id], None
        return scripts.claim(
            self._keys,
            pump=self._pump,
            claim_id=self.next_claim_id,
            wanted=wanted,
            lease_ms=self._lease_ms,
            linger_ms=linger_ms,
            nonce=self._nonce,
        )

    def _configure(self, call: ClaimCall) -> _Claim | StoreError:
        logger.info("budget %s: Redis has no settings of this budget; this worker is writing them", self._budget)
        try:
            self._runtime.configure(self._budget)
            return self._runtime.store.run(call)
        except StoreError as error:
            return error

    def _read(self, answer: _Claim | StoreError, asked_at: float | None) -> Answer:
        """Returns the answer for the pump. `asked_at`: `time.monotonic()` if the claim was requested just now."""
        if isinstance(answer, StoreError):
            self._runtime.store_failed(self._budget, answer)
            return None
        if self._runtime.notices.open:
            self._runtime.store_works(self._budget)
        if isinstance(answer, Unconfigured):
            return None
        self._claims += 1
        self._nonce = ""
        if isinstance(answer, Claimed | Empty):
            self._runtime.warn_newer_version(self._budget, answer.newer)
        if isinstance(answer, Claimed):
            if asked_at is not None:
                self._runtime.clock.note(answer.now_ms, asked_at)
            if self._runtime.clock.is_wrong:
                return WrongClock()
        return answer if self._take_open() else None

    def _take_open(self) -> str:
        """Returns the id of the claim in progress to the first caller: its answer, or the end of the session."""
        try:
            return self._open.pop()
        except IndexError:
            return ""

    def begin_listening(self, wanted: int, linger_ms: int) -> ClaimCall | None:
        """Begins the wait for work, which `listen` continues in another thread; None: this machine's clock is wrong.

        Until the answer arrives, the session may only `renew` and `leave`.
        """
        if self._clock_is_wrong():
            return None
        self._listens_since = time.monotonic()
        return self._call(wanted, linger_ms)

    def listen(self, call: ClaimCall, seconds: float) -> Answer:
        """Waits for a poke and claims immediately. None: there was no answer, or the pump left meanwhile."""
        key = self._runtime.keys(self._budget).poke
        try:
            refused, answer = self._runtime.store.run_at_signal(key, seconds, call)
        except StoreError as error:
            return self._read(error, None)
        read = self._read(answer, None)
        if refused:
            self._runtime.store_failed(self._budget, refused)
        return None if refused and not isinstance(read, Claimed) else read

    def claimed_at(self, now_ms: int) -> float:
        """Returns `time.monotonic()` for the time of Redis at which it answered `listen`; in doubt an earlier one.

        The answer may have taken long to arrive, and the query was sent long before.
        """
        return max(self._listens_since, min(time.monotonic(), self._redis_at_0 + now_ms / 1000))

    def _clock_is_wrong(self) -> bool:
        clock, asked_at = self._runtime.clock, time.monotonic()
        if not clock.is_known:
            try:
                clock.note(self._runtime.store.run(scripts.read_clock(self._keys)), asked_at)
            except StoreError as error:
                self._runtime.store_failed(self._budget, error)
        return clock.is_wrong

    def pass_on(self) -> bool:
        """Passes the request for this pump to another worker; returns whether there was one."""
        nonce, self._nonce = self._nonce, ""
        if nonce:
            self._publisher.pass_on(self._budget, nonce)
        return bool(nonce)

    def renew(self, load: Load, in_flight: Mapping[str, str]) -> None:
        """Reports that the pump is alive, and renews the leases of its calls."""
        leased = list(in_flight.items())
        try:
            call = scripts.renew(self._keys, pump=self._pump, load=load, lease_ms=self._lease_ms, leased=leased)
            self.publish(self._runtime.store.run(call).wakeup)
        except StoreError as error:
            self._runtime.store_failed(self._budget, error)

    def leave(self, *, warm: bool) -> bool:
        """Signs off; returns whether it requested a successor. `next_leave`: whether to repeat this."""
        now = time.monotonic()
        self._unanswered = self._take_open() or self._unanswered
        self._left_at = self._left_at or now
        self._next_leave = now + RETRY_SECONDS
        call = scripts.leave(self._keys, pump=self._pump, warm=warm, unanswered=self._unanswered)
        try:
            nonce = self._runtime.store.run(call)
        except StoreError as error:
            # The wakers find due work without a pump themselves.
            self._runtime.store_failed(self._budget, error)
            if now - self._left_at > LEAVE_PATIENCE_SECONDS:
                self._unanswered = ""
            return False
        self._unanswered = ""
        self.publish(nonce)
        return bool(nonce)

    @property
    def next_leave(self) -> float | None:
        """`time.monotonic()` at which to repeat `leave`, since jobs may have to be returned; None: never."""
        return self._next_leave if self._unanswered else None

    def publish(self, nonce: str) -> None:
        """Requests another pump if the store answered with a nonce."""
        if nonce:
            self._publisher.publish(self._budget, nonce)
