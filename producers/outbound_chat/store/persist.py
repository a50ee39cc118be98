"""Retries a call until its deadline, in one loop for threads and one for asyncio.

Retries are safe, since every script gives the same reply when it runs twice. redis-py itself does not retry.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import TimeoutError as RedisTimeoutError

from outbound_chat.model.errors import StoreError, StoreUnavailable
from outbound_chat.store.deadline import Deadline
from outbound_chat.store.faults import FAULTS, in_our_words, is_refusal, may_have_run, no_node, passes, says

T = TypeVar("T")

REFUSED_SECONDS = 1.0
"""How long a server may refuse every connection while it restarts, if no other server can replace it."""
deadline_of_call: type[Deadline] = Deadline
"""The deadlines of the calls of threads. The command line replaces this with one that reports when Redis is silent."""
_BACKOFF = ExponentialWithJitterBackoff(cap=0.5, base=0.05)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the calls of a store are retried."""

    seconds: float
    """The time for a whole call with its retries; the time for which a command itself blocks is added."""
    alone: bool
    """No other server can take the place of this one."""
    tls: bool
    where: str = ""
    """Address of Redis, without credentials."""

    def persist(self, attempt: Callable[[Deadline], T], block: float = 0.0) -> T:
        """Returns what the attempt returns. `block`: seconds for which its command itself may block.

        Raises:
            StoreUnavailable: there was no answer in time.
            StoreError: Redis refuses.
        """
        with deadline_of_call(self.seconds, block, self.where) as deadline:
            tries = None
            while True:
                try:
                    return attempt(deadline)
                except FAULTS as error:
                    tries = tries or _Tries(self, deadline)
                    time.sleep(tries.pause_after(error))

    async def persist_async(self, attempt: Callable[[Deadline], Awaitable[T]], block: float = 0.0) -> T:
        """Does the same for asyncio."""
        with Deadline(self.seconds, block) as deadline:
            tries = None
            try:
                # Connections obey the deadline themselves; locks of redis-py and look-ups of names do not.
                async with asyncio.timeout(deadline.left) as limit:
                    while True:
                        try:
                            return await attempt(deadline)
                        except FAULTS as error:
                            tries = tries or _Tries(self, deadline)
                            await asyncio.sleep(tries.pause_after(error))
            except TimeoutError as error:
                if not limit.expired():
                    raise
                raise (tries or _Tries(self, deadline)).timed_out() from error


class _Tries:
    """The results of the tries of one call."""

    __slots__ = ("_clearest", "_deadline", "_failures", "_left_at_first", "_patience", "_ran")

    def __init__(self, patience: Patience, deadline: Deadline) -> None:
        self._patience = patience
        self._deadline = deadline
        self._failures = 0
        self._left_at_first = deadline.left
        """Seconds that were left when the first try failed."""
        self._ran = False
        """Whether a server may have received the command."""
        self._clearest: Exception | None = None
        """The last of the errors that say most about the reason; the errors near the deadline say little."""

    def pause_after(self, error: Exception) -> float:
        """Returns the seconds until the next try.

        Raises:
            StoreError: there is no other try.
        """
        if not passes(error):
            raise in_our_words(error, tls=self._patience.tls) from error
        self._note(error)
        pause: float = _BACKOFF.compute(self._failures)
        spent = self._left_at_first - self._deadline.left
        alone = self._patience.alone or no_node(error)
        down = alone and is_refusal(error) and spent > REFUSED_SECONDS
        if down or pause >= self._deadline.left:
            raise self._whole(error, "" if down else f" (tried for {self._patience.seconds:g} s)") from error
        return pause

    def timed_out(self) -> StoreError:
        """Returns the error of a call that ended during a try; the tries before it say more about the reason."""
        self._ran = True
        return self._whole(RedisTimeoutError("no answer"), f" (tried for {self._patience.seconds:g} s)")

    def _note(self, error: Exception) -> None:
        if not self._failures:
            self._left_at_first = self._deadline.left
        self._failures += 1
        self._ran = self._ran or may_have_run(error)
        if self._clearest is None or says(error) >= says(self._clearest):
            self._clearest = error

    def _whole(self, error: Exception, how_long: str) -> StoreError:
        said = f"{in_our_words(self._clearest or error, tls=self._patience.tls)}{how_long}"
        if not self._ran:
            return StoreUnavailable(said)
        return StoreUnavailable(
            f"{said}. If the call enqueued jobs, they may have been accepted: repeat it with the same idempotency "
            "keys, which gives the same jobs"
        )
