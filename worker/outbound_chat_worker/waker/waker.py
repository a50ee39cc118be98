"""The waker: a thread in every worker that requests pumps for due work.

It does not send. The main idea: it blocks on the wake signal and, since a signal may be lost, checks once a second for
due work without a pump, expired leases and expired jobs; and, step by step, for jobs that would be stuck forever. Many
wakers are harmless: the store lets only one of them make a request.
"""

import logging
import os
import secrets
import threading
import time
from collections.abc import Callable, Sequence

from outbound_chat.model.errors import StoreError
from outbound_chat.store import inspection, scripts
from outbound_chat_worker.publisher import PumpPublisher
from outbound_chat_worker.runtime import Runtime
from outbound_chat_worker.waker.reconciler import Reconciler

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
STORE_RETRY_SECONDS = 0.5
CUT_OFF_SECONDS = 3.0
"""A process without a connection to the broker for this long works without messages."""
TWIN_SECONDS = 5.0
"""Time after which a worker checks whether another worker has its name."""


class Waker:
    """Watches all budgets of the settings until it is stopped."""

    def __init__(
        self,
        runtime: Runtime,
        publisher: PumpPublisher,
        couriers: PumpPublisher,
        *,
        node: str,
        connected: Callable[[], bool],
    ) -> None:
        """`node`: Celery's name of the worker. `connected`: whether it is connected to the broker."""
        self._runtime = runtime
        self._node = node
        self._connected = connected
        self._connected_at = self._started_at = time.monotonic()
        self._publisher = publisher
        self._couriers = couriers
        self._posts = bool(runtime.settings.webhooks.secrets)
        self._stop = threading.Event()
        self._actions: dict[str, threading.Thread] = {}
        # Cloned machines have the same host name, and containers the same process ids.
        self._worker = f"{node}:{secrets.token_hex(3)}:{os.getpid()}"
        # A blocking read takes keys of one slot only, so on a cluster each budget needs a thread of its own.
        budgets = list(runtime.settings.budgets)
        groups = [[budget] for budget in budgets] if runtime.store.clustered else [budgets]
        self._threads = [
            threading.Thread(target=self._run, args=(group,), name=f"waker-{group[0]}", daemon=True) for group in groups
        ]

    def start(self) -> None:
        """Starts the threads; returns immediately."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stops; returns when all threads have ended, within about a second."""
        self._stop.set()
        for thread in (*self._threads, *self._actions.values()):
            thread.join(LOOK_SECONDS + STORE_RETRY_SECONDS + self._runtime.store.seconds)
        try:
            for budget in self._runtime.settings.budgets:
                version = self._runtime.settings_version(budget)
                inspection.forget_worker(
                    self._runtime.store,
                    self._runtime.keys(budget),
                    self._worker,
                    version,
                    self._runtime.cipher.decrypting_key_ids,
                )
        except StoreError as error:
            logger.warning("this worker could not sign off in Redis, which will list it for a while longer: %s", error)

    def _run(self, budgets: Sequence[str]) -> None:
        configured = looked_for_twin = False
        reconciler, subject = Reconciler(self._runtime), f"waker {budgets[0]}"
        while not self._stop.is_set():
            try:
                for publisher in (self._publisher, self._couriers):
                    publisher.stand_in()
                if not configured:
                    self._configure(budgets)
                    configured = True
                if not looked_for_twin and time.monotonic() - self._started_at > TWIN_SECONDS:
                    self._look_for_twin(budgets[0])
                    looked_for_twin = True
                pause = min(min(self._maintain(budget), reconciler.step(budget)) for budget in budgets)
                if self._runtime.notices.open:
                    self._runtime.store_works(*budgets)
                self._listen(budgets, pause)
                if self._runtime.notices.open:
                    self._runtime.notices.over(subject, "checking for due jobs again")
            except StoreError as error:
                self._runtime.store_failed(budgets[0], error)
                self._stop.wait(STORE_RETRY_SECONDS)
            except Exception as error:  # noqa: BLE001  # logged
                # The thread must survive an unexpected error, or its budgets would stop.
                text = f"unexpected error ({type(error).__name__}) while checking for due jobs; retrying"
                self._runtime.notices.note(subject, text, error=error)
                self._stop.wait(LOOK_SECONDS)

    def _configure(self, budgets: Sequence[str]) -> None:
        for budget in budgets:
            # Not at the first job, since making clients takes a tenth of a second.
            self._runtime.prepare_clients(budget)
            before = self._runtime.configure(budget)
            if before not in {"", self._runtime.settings_version(budget)}:
                logger.warning("budget %s: its settings in Redis differed from this worker's and were replaced", budget)

    def _look_for_twin(self, budget: str) -> None:
        if self._node in inspection.shared_node_names(self._runtime.store, self._runtime.keys(budget)):
            logger.warning("another worker has the node name %s; give each its own name (--name, -n)", self._node)

    def _publish(self, publisher: PumpPublisher, budget: str, nonce: str) -> None:
        """Requests a pump. Without a connection to the broker, it starts one itself."""
        publisher.publish(budget, nonce)
        now = time.monotonic()
        if self._connected():
            self._connected_at = now
        if now - self._connected_at > CUT_OFF_SECONDS:
            publisher.work_here(budget, nonce)

    def _maintain(self, budget: str) -> float:
        """Checks a budget; returns the seconds until the next check."""
        clock, asked_at = self._runtime.clock, time.monotonic()
        call = scripts.maintain(
            self._runtime.keys(budget),
            worker=self._worker,
            version=self._runtime.settings_version(budget),
            skew_ms=int(clock.skew * 1000) if clock.is_wrong else 0,
            posts=self._posts,
            key_ids=self._runtime.cipher.decrypting_key_ids,
        )
        found = self._runtime.store.run(call)
        clock.note(found.now_ms, asked_at)
        if not found.configured:
            logger.warning("budget %s: Redis lost its settings; writing them again", budget)
            self._runtime.configure(budget)
        if found.lost:
            logger.warning("budget %s: %d jobs of a worker that died or lost Redis wait again", budget, found.lost)
        if found.wakeup:
            self._publish(self._publisher, budget, found.wakeup)
        if found.courier:
            self._publish(self._couriers, budget, "")
        if found.action and not (budget in self._actions and self._actions[budget].is_alive()):
            self._actions[budget] = threading.Thread(target=self._carry_out, args=(budget,), daemon=True)
            self._actions[budget].start()
        return LOOK_SECONDS if found.next_ms < 0 else min(LOOK_SECONDS, found.next_ms / 1000)

    def _carry_out(self, budget: str) -> None:
        """Carries out bulk actions until none waits for a worker, or this one stops: then to the end of the page."""
        from outbound_chat.client.steps import actions, base, context  # noqa: PLC0415  # few workers need the client

        own = context.Context(self._runtime.settings)
        try:
            while not self._stop.is_set() and base.run(actions.carry_out(own, budget), self._runtime.store):
                pass
        except StoreError as error:
            self._runtime.store_failed(budget, error)
        except Exception:
            logger.exception("budget %s: unexpected error in a bulk action; it goes on in 15 seconds", budget)

    def _listen(self, budgets: Sequence[str], seconds: float) -> None:
        """Waits for the wake signal for some seconds, and requests the pumps and couriers that it names."""
        keys = {self._runtime.keys(budget).wake: (budget, self._publisher) for budget in budgets}
        if self._posts:
            keys |= {self._runtime.keys(budget).hook_wake: (budget, self._couriers) for budget in budgets}
        ends = time.monotonic() + seconds
        while not self._stop.is_set() and (left := ends - time.monotonic()) > 0:
            signalled = self._runtime.store.wait_for_signal(list(keys), left)
            if signalled:
                budget, publisher = keys[signalled.key]
                self._publish(publisher, budget, signalled.word)
