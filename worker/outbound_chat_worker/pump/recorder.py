"""Keeps the results of a pump's calls until Redis has them.

A call that Connect accepted must not be lost because Redis was down when the answer came. Without the result, the lease
expires and the call is repeated with the same token, which returns the same contact: safe, but slow.
"""

import logging
import time
from collections.abc import Sequence

from outbound_chat.model.errors import StoreError
from outbound_chat.notices import Notices
from outbound_chat.store import Keys, Store, scripts
from outbound_chat.store.scripts import Result
from outbound_chat_worker.pump.session import Finish

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 60.0
"""How long results are kept while Redis does not accept them, before they are written to the log instead."""
RETRY_SECONDS = 0.5
_TOO_LATE = {
    "stale": "another worker has claimed the job",
    "gone": "the record of the job is gone",
    "newer": "a newer version of outbound-chat has written the job",
}


class Recorder:
    """Records the results of a pump in the store. For one thread, except `record_now`."""

    def __init__(self, store: Store, keys: Keys, notices: Notices) -> None:
        self._store = store
        self._keys = keys
        self._notices = notices
        self._subject = f"results {keys.budget}"
        self._kept: list[Result] = []
        self._asked: list[Result] = []
        """The results in `next_call`."""
        self._away_since: float | None = None
        self._next_try = 0.0

    def add(self, result: Result) -> None:
        """Adds a result that `record` will write to Redis."""
        self._kept.append(result)

    @property
    def kept(self) -> int:
        """Number of results that are not recorded yet."""
        return len(self._kept)

    @property
    def recordable(self) -> int:
        """Results that the next claim records; 0 while Redis does not accept them, so that no more calls are made."""
        return 0 if self._away_since else len(self._kept)

    @property
    def next_try(self) -> float | None:
        """`time.monotonic()` at which `record` has something to do; None if it has nothing."""
        return self._next_try if self._kept else None

    def next_call(self) -> Finish | None:
        """Returns the call that records the next results; None if there are none, or Redis just refused them.

        Its outcome goes to `settle`.
        """
        self._asked = self._kept[: scripts.MOST_JOBS] if time.monotonic() >= self._next_try else []
        return scripts.finish(self._keys, self._asked) if self._asked else None

    def settle(self, states: list[str] | StoreError) -> list[Result]:
        """Returns the recorded results. Results that Redis did not accept are kept for a later attempt."""
        done = self._asked
        if isinstance(states, StoreError):
            if not self._gives_up(done, states):
                return []
        else:
            if self._away_since:
                self._notices.over(self._subject, f"budget {self._keys.budget}: results are recorded again")
            self._away_since = None
            self._log_late(done, states)
        del self._kept[: len(done)]
        return done

    def record(self) -> list[Result]:
        """Records results and returns them. While Redis is down, it does nothing and retries later."""
        done: list[Result] = []
        while call := self.next_call():
            settled = self.settle(self._store.run_together([call])[0])
            if not settled:
                break
            done += settled
        return done

    def record_now(self, result: Result) -> bool:
        """Records a result, in any thread; returns whether Redis accepted it. If not, `add` it."""
        try:
            states = self._store.run(scripts.finish(self._keys, [result]))
        except StoreError:
            return False
        self._log_late([result], states)
        return True

    def _gives_up(self, chunk: list[Result], error: StoreError) -> bool:
        """Returns whether these results are given up and logged instead."""
        now = time.monotonic()
        self._away_since = self._away_since or now
        if now - self._away_since > PATIENCE_SECONDS:
            self._log_unrecorded(chunk, error)
            return True
        self._next_try = now + RETRY_SECONDS
        kept = f"they are kept for {PATIENCE_SECONDS:.0f} s and then logged"
        self._notices.note(self._subject, f"budget {self._keys.budget}: results wait for Redis; {kept}: {error}")
        return False

    def _log_late(self, chunk: list[Result], states: Sequence[str]) -> None:
        for result, state in zip(chunk, states, strict=True):
            if reason := _TOO_LATE.get(state):
                id_ = f"{self._keys.budget}.{result.local_id}"
                logger.warning("job %s: its result (%s) came too late: %s", id_, result.outcome, reason)

    def _log_unrecorded(self, chunk: list[Result], error: StoreError) -> None:
        for result in chunk:
            logger.error(
                "job %s.%s: its result (%s %s) can't be recorded and is dropped: %s",
                self._keys.budget,
                result.local_id,
                result.outcome,
                result.contact_id,
                error,
            )
