"""Syncs opt-outs on a schedule: a thread in every worker, of which one at a time works for a budget."""

import logging
import threading
import time
from contextlib import closing
from datetime import timedelta

from outbound_chat.client.steps.context import Context
from outbound_chat.model.errors import StoreError
from outbound_chat.model.times import in_ms
from outbound_chat.store.opt_outs import last_syncs
from outbound_chat_config import Channel
from outbound_chat_worker.opt_outs.lists import OptOutReader
from outbound_chat_worker.opt_outs.sync import BUSY, OptOutSync
from outbound_chat_worker.runtime import Runtime

logger = logging.getLogger(__name__)

LOOK_SECONDS = 30.0
"""Pause between two looks whether a sync is due."""
AGAIN_MS = 600_000
"""Time after which a sync that failed is tried again, if `every` is longer."""


class _Stopped(Exception):
    """The worker ends."""


class OptOutSchedule:
    """Syncs all budgets until it is stopped."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="opt-outs", daemon=True)

    def start(self) -> None:
        """Starts the thread; returns immediately."""
        self._thread.start()

    def stop(self) -> None:
        """Stops after the call in progress; a sync that it breaks off is made again by the next worker."""
        self._stop.set()
        self._thread.join(self._runtime.settings.worker.read_timeout.total_seconds())

    def _run(self) -> None:
        while not self._stop.is_set():
            for budget in self._runtime.settings.budgets:
                subject = f"opt-outs {budget}"
                try:
                    self._sync(budget, subject)
                except _Stopped:
                    return
                except Exception as error:  # noqa: BLE001  # logged, with its traceback if it is unexpected
                    unexpected = None if isinstance(error, StoreError) else error
                    text = f"budget {budget}: opt-outs are not read: {error}"
                    self._runtime.notices.note(subject, text, error=unexpected)
            self._stop.wait(LOOK_SECONDS)

    def _sync(self, budget: str, subject: str) -> None:
        runtime, settings = self._runtime, self._runtime.settings
        if not self._due(budget):
            return
        with closing(OptOutReader(runtime.connect, settings.opt_outs.rate, self._sleep)) as reader:
            sync = OptOutSync(runtime.store, Context(settings), reader, mirror=settings.opt_outs.mirror)
            done = sync.run(budget, lambda: self._due(budget))
        for one in done:
            what = f"sender {one.sender}: {one.read} opt-outs read, {one.added} added, {one.removed} removed"
            if one.error and one.error != BUSY:
                runtime.notices.note(f"{subject} {one.sender}", f"{what}; incomplete: {one.error}")
            elif not one.error:
                runtime.notices.over(f"{subject} {one.sender}", f"sender {one.sender}: opt-outs are read again")
                logger.info("%s", what)

    def _due(self, budget: str) -> list[str]:
        settings, now_ms = self._runtime.settings, time.time() * 1000
        own = [name for name, one in settings.senders.items() if one.budget == budget and one.channel is Channel.SMS]
        last = last_syncs(self._runtime.store, self._runtime.keys(budget), own).items()
        every = in_ms(settings.opt_outs.every or timedelta.max)
        return [name for name, one in last if now_ms >= one.tried_ms + min(every, AGAIN_MS if one.error else every)]

    def _sleep(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise _Stopped
