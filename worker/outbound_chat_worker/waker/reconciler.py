"""The waker's second look: is every job where somebody will come to it, and do the counts agree.

Not for leases that ran out or lanes without a pump, which `maintain` sees to every second. The one idea: a look costs
little, however much waits, and many wakers share the walk through lanes and jobs; missing ones are looked for in haste.
"""

import logging
import time

from outbound_chat.model.consistency import sentence
from outbound_chat.model.errors import StoreError, StoreUnavailable
from outbound_chat.store import scripts
from outbound_chat_worker.runtime import Runtime

logger = logging.getLogger(__name__)

REFUSED_SECONDS = 30.0
"""Time until the next look at a budget that Redis refused a look at."""


class Reconciler:
    """Looks through budgets, a little with each look. For one thread."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._lease_ms = int(runtime.settings.worker.lease.total_seconds() * 1000)
        self._next: dict[str, float] = {}
        """When each budget's next look is due, by `time.monotonic()`."""

    def look(self, budget: str) -> float:
        """Looks if it is time to; seconds until the next look.

        Raises:
            StoreUnavailable: Redis can't be reached.
        """
        now = time.monotonic()
        if (due := self._next.get(budget, now)) > now:
            return due - now
        try:
            done = self._runtime.store.run(scripts.reconcile(self._runtime.keys(budget), lease_ms=self._lease_ms))
        except StoreUnavailable:
            raise
        except StoreError as error:
            # A key of another type, say: it must not keep the waker from bringing pumps.
            logger.error("budget %s: its jobs and lanes can't be looked through: %s", budget, error)  # noqa: TRY400
            self._next[budget] = now + REFUSED_SECONDS
            return REFUSED_SECONDS
        self._next[budget] = now + done.next_ms / 1000
        _report(budget, done)
        return done.next_ms / 1000


def _report(budget: str, done: scripts.Reconciled) -> None:
    for one in done.found:
        text = sentence(one.kind, one.of, one.number)
        match one.word:
            case "repaired":
                logger.error("budget %s: repaired (%s): %s", budget, one.kind, text)
            case "fault":
                logger.error("budget %s: does not add up (%s): %s; see outbound-chat audit", budget, one.kind, text)
            case "cleared":
                logger.warning("budget %s: adds up again (%s): %s", budget, one.kind, one.of or "the budget")
    named = sum(one.word == "repaired" for one in done.found)
    if done.repairs > named:
        logger.error("budget %s: repaired: %d more like these", budget, done.repairs - named)
