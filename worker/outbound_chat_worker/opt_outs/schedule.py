"""Syncs opt-outs on a schedule: a thread in every worker, of which one at a time works for a budget."""

import logging
import threading
import time
from datetime import timedelta

from outbound_chat.client.steps.context import Context
from outbound_chat.model.errors import StoreError
from outbound_chat.model.times import in_ms
from outbound_chat.store.opt_outs import last_sync
from outbound_chat_config import Channel
from outbound_chat_worker.opt_outs.lists import OptOutReader
from outbound_chat_worker.opt_outs.sync import BUSY, OptOutSync
from outbound_chat_worker.runtime import Runtime

logger = logging.getLogger(__name__)

LOOK_SECONDS = 30.0
"""Pause between two looks whether a sync is due."""
AGAIN = timedelta(minutes=10)
"""Time after which a sync that failed is tried again, if `every` is longer."""


class _Stopped(Exception):
    """The worker ends."""


class OptOutSchedule:
    """Syncs all budgets every so often until it is stopped."""

    def __init__(self, runtime: Runtime, every: timedelta) -> None:
        self._runtime, self._every = runtime, every
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="opt-outs", daemon=True)
        self.start = self._thread.start

    def stop(self) -> None:
        """Stops after the call in progress; a sync that it breaks off is made again by the next worker."""
        self._stop.set()
        self._thread.join(self._runtime.settings.worker.read_timeout.total_seconds())

    def _run(self) -> None:
        while not self._stop.is_set():
            for budget in self._runtime.settings.budgets:
                try:
                    self._sync(budget)
                except _Stopped:
                    return
                except StoreError as error:
                    self._runtime.store_failed(budget, error)
                except Exception as error:  # noqa: BLE001  # logged; the thread must survive it
                    text = f"unexpected error ({type(error).__name__}) while opt-outs are read; retrying"
                    self._runtime.notices.note(f"opt-outs of {budget}", text, error=error)
            self._stop.wait(LOOK_SECONDS)

    def _sync(self, budget: str) -> None:
        runtime, settings = self._runtime, self._runtime.settings
        own = [name for name, one in settings.senders.items() if one.budget == budget and one.channel is Channel.SMS]
        if not (due := [name for name in own if self._is_due(budget, name)]):
            return
        reader = OptOutReader(runtime.connect, settings.opt_outs.rate, self._sleep)
        sync = OptOutSync(runtime.store, Context(settings), reader, budget, mirror=settings.opt_outs.mirror)
        for one in sync.run(due):
            text = f"sender {one.sender}: {one.read} opt-outs read, {one.added} added, {one.removed} removed"
            if not one.error:
                logger.info("%s", text)
            elif one.error != BUSY:
                logger.warning("%s; incomplete: %s", text, one.error)

    def _is_due(self, budget: str, sender: str) -> bool:
        last = last_sync(self._runtime.store, self._runtime.keys(budget), sender)
        wait = min(self._every, AGAIN) if last.error else self._every
        # A time to come was written by a clock that was wrong.
        return not 0 <= time.time() * 1000 - last.tried < in_ms(wait)

    def _sleep(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise _Stopped
