"""Tries a call again until its deadline: the one loop for threads, and the one for asyncio.

Tries are safe, since every script gives the same answer when it runs twice. redis-py itself tries nothing again.
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
"""How long a server that refuses every connection may take to start again, where no other can take its place."""
_BACKOFF = ExponentialWithJitterBackoff(cap=0.5, base=0.05)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the calls of a store go on."""

    seconds: float
    """For a whole call, tries included; what a command blocks by itself comes on top."""
    alone: bool
    """No other server can take the place of this one."""
    tls: bool

    def persist(self, attempt: Callable[[Deadline], T], block: float = 0.0) -> T:
        """What the attempt returns. `block`: seconds for which its command may block by itself.

        Raises:
            StoreUnavailable: there was no answer in time.
            StoreError: Redis refuses.
        """
        with Deadline(self.seconds, block) as deadline:
            tries = None
            while True:
                try:
                    return attempt(deadline)
                except FAULTS as error:
                    tries = tries or _Tries(self, deadline)
                    time.sleep(tries.pause_after(error))

    async def persist_async(self, attempt: Callable[[Deadline], Awaitable[T]], block: float = 0.0) -> T:
        """The same for asyncio."""
        with Deadline(self.seconds, block) as deadline:
            tries = _Tries(self, deadline)
            try:
                # Connections keep to the deadline by themselves; locks of redis-py and look-ups of names do not.
                async with asyncio.timeout(deadline.left) as limit:
                    while True:
                        try:
                            return await attempt(deadline)
                        except FAULTS as error:
                            await asyncio.sleep(tries.pause_after(error))
            except TimeoutError as error:
                if not limit.expired():
                    raise
                raise tries.timed_out() from error


class _Tries:
    """What the tries of one call came to."""

    __slots__ = ("_deadline", "_failures", "_left_at_first", "_patience", "_ran", "_telling")

    def __init__(self, patience: Patience, deadline: Deadline) -> None:
        self._patience = patience
        self._deadline = deadline
        self._failures = 0
        self._left_at_first = deadline.left
        """Seconds that were left when the first try failed."""
        self._ran = False
        """A server may have got the command."""
        self._telling: Exception | None = None
        """The last of the errors that say most of the reason; towards the end of the time there is none to be had."""

    def pause_after(self, error: Exception) -> float:
        """Seconds until the next try.

        Raises:
            StoreError: there is none.
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
        """The error of a call that ended in the middle of a try, which says less than the tries before it."""
        self._ran = True
        return self._whole(RedisTimeoutError("no answer"), f" (tried for {self._patience.seconds:g} s)")

    def _note(self, error: Exception) -> None:
        if not self._failures:
            self._left_at_first = self._deadline.left
        self._failures += 1
        self._ran = self._ran or may_have_run(error)
        if self._telling is None or says(error) >= says(self._telling):
            self._telling = error

    def _whole(self, error: Exception, how_long: str) -> StoreError:
        said = f"{in_our_words(self._telling or error, tls=self._patience.tls)}{how_long}"
        if not self._ran:
            return StoreUnavailable(said)
        return StoreUnavailable(
            f"{said}. If the call enqueued jobs, they may have been accepted: repeat it with the same idempotency "
            "keys, which gives the same jobs"
        )
