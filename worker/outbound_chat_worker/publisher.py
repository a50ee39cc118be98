"""Publishes requests for pumps to the broker, in a separate thread.

A broker that hangs blocks its senders for many seconds. Meanwhile pumps must renew leases and wakers must check their
budgets, so they only queue a request here and continue.
"""

import logging
import os
import threading
import time
from collections.abc import Callable

from outbound_chat.notices import Notices

logger = logging.getLogger(__name__)

HANGS_SECONDS = 1.0
"""A broker that has not accepted a message for this long is considered hanging."""
PASS_ON_SECONDS = 0.1
"""Delay before a request that this process can't serve goes to other processes."""


class PumpPublisher:
    """Sends one message at a time.

    Its thread starts with the first message, even in a forked child, and ends with the process.
    """

    def __init__(self, send: Callable[[str, str], object], work: Callable[[str, str], object] | None = None) -> None:
        """`send`: sends a budget and the nonce of the request to the broker. It may block, and raises if it fails.

        `work`: does the work of the message's receiver in this process.
        """
        self._send = send
        self._work = work
        self._start_anew()
        os.register_at_fork(after_in_child=self._start_anew)

    def _start_anew(self) -> None:
        self._waiting: dict[str, str] = {}
        """Budget → nonce of the newest request: the store dismisses pumps of older ones."""
        self._untaken: dict[str, str] = {}
        """Budget → nonce of the newest request that the broker has not accepted."""
        self._thread: threading.Thread | None = None
        self._passes_on_at: dict[str, float] = {}
        self._sending_since: float | None = None
        self._failed = False
        self._changed = threading.Condition()
        self._notices = Notices(logger)

    def publish(self, budget: str, nonce: str) -> None:
        """Requests a pump; returns immediately. If the broker does not accept it, the wakers repeat the request."""
        with self._changed:
            self._waiting[budget] = self._untaken[budget] = nonce
            if self._thread is None:
                self._thread = self._start(threading.Thread(target=self._run, name="publisher", daemon=True))
            if self._thread is None:
                self._waiting.clear()
            self._changed.notify_all()

    def _start(self, thread: threading.Thread) -> threading.Thread | None:
        """Starts a thread; None if the process is ending or has too many threads. The wakers ask again."""
        try:
            thread.start()
        except (RuntimeError, MemoryError) as error:
            logger.warning("this process can't start a thread for work (%s); raise its limit of threads", error)
            return None
        return thread

    def work_here(self, budget: str, nonce: str) -> None:
        """Does the work of the message's receiver in a thread of this process; returns immediately.

        The thread outlives the main thread, so that calls in flight end and are recorded.
        """
        self._start(threading.Thread(target=self._do, args=(budget, nonce), name=f"here-{budget}"))

    def stand_in(self) -> None:
        """Serves requests in this process, each once, while the broker does not work."""
        if self.works:
            return
        with self._changed:
            untaken, self._untaken = self._untaken, {}
        for budget, nonce in untaken.items():
            self.work_here(budget, nonce)

    def _do(self, budget: str, nonce: str) -> None:
        try:
            if self._work:
                self._work(budget, nonce)
        except Exception:
            logger.exception("budget %s: unexpected error in work that was started without the broker", budget)

    def pass_on(self, budget: str, nonce: str) -> None:
        """Passes a request that arrived here to another process, after a moment, since it may arrive here again.

        If there are many requests for a budget at the same time, it passes on only one, which is enough.
        """
        now = time.monotonic()
        with self._changed:
            if now < self._passes_on_at.get(budget, 0.0):
                return
            self._passes_on_at[budget] = now + PASS_ON_SECONDS
        time.sleep(PASS_ON_SECONDS)
        self.publish(budget, nonce)

    @property
    def works(self) -> bool:
        """Returns whether the broker seems to work: it accepted the last message, and no message hangs."""
        since = self._sending_since
        return not self._failed and (since is None or time.monotonic() - since < HANGS_SECONDS)

    def drain(self, timeout: float = 1.0) -> bool:
        """Waits until everything is sent, for at most `timeout` seconds; returns whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and self._sending_since is None, timeout)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                budget = next(iter(self._waiting))
                nonce = self._waiting.pop(budget)
                self._sending_since = time.monotonic()
            failed = False
            try:
                self._send(budget, nonce)
            except Exception as error:  # noqa: BLE001  # each broker's library has errors of its own
                failed = True
                fix = "meanwhile this worker works without it; check broker_url and whether the broker is running"
                self._notices.note("broker", f"Celery's broker did not accept a message: {error!r}; {fix}")
            if self._failed and not failed:
                self._notices.over("broker", "Celery's broker accepts messages again")
            with self._changed:
                self._sending_since, self._failed = None, failed
                if not failed and self._untaken.get(budget) == nonce:
                    del self._untaken[budget]
                self._changed.notify_all()
