"""Checks step by step that all jobs can still be found and that the counts agree, and repairs them.

Expired leases and lanes without a pump are handled by `maintain` every second. The main idea: a step costs little, even
if very many jobs wait, and wakers share the walk through lanes and jobs; if jobs are missing, it goes faster.
"""

import logging
import time

from outbound_chat.model.consistency import sentence
from outbound_chat.model.errors import StoreError, StoreUnavailable
from outbound_chat.model.times import in_ms
from outbound_chat.store import scripts
from outbound_chat_worker.runtime import Runtime

logger = logging.getLogger(__name__)

REFUSED_SECONDS = 30.0
"""Time until the next step for a budget after Redis refused one."""


class Reconciler:
    """Checks budgets step by step. For one thread."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._lease_ms = in_ms(runtime.settings.worker.lease)
        self._next: dict[str, float] = {}
        """`time.monotonic()` at which each budget's next step is due."""

    def step(self, budget: str) -> float:
        """Takes the next step if it is due; returns the seconds until the one after.

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
            # A key of another type, say: it must not keep the waker from requesting pumps.
            text = f"budget {budget}: Redis refuses the search for lost jobs: {error}"
            self._runtime.notices.note(f"check {budget}", text)
            self._next[budget] = now + REFUSED_SECONDS
            return REFUSED_SECONDS
        if self._runtime.notices.open:
            self._runtime.notices.over(f"check {budget}", f"budget {budget}: searching for lost jobs again")
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
                logger.error("budget %s: inconsistent (%s): %s; see outbound-chat audit", budget, one.kind, text)
            case "cleared":
                logger.warning("budget %s: consistent again (%s): %s", budget, one.kind, one.of or "the budget")
    named = sum(one.word == "repaired" for one in done.found)
    if done.repairs > named:
        logger.error("budget %s: repaired: %d more of these", budget, done.repairs - named)
