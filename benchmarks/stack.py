"""The stack that pacing is measured on: the tests' own (real Valkey, sandbox process, real Celery workers)."""

import contextlib
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from outbound_chat.model.batches import BatchReceipt
from outbound_chat.store import Store, inspection
from outbound_chat_worker.sandbox import SandboxArrival, SandboxOptions
from tests.support.harness import INSTANCE_ID, Harness, number, running_harness
from tests.support.waiting import wait_until

SENDER = "support"
TEXT = "Your appointment is tomorrow at ten o'clock."
READY_SECONDS = 120.0

_TASK = re.compile(r"Task outbound_chat\.pump\[\S+\] (received|succeeded)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """Calls a second, and calls that may come at once after a quiet time."""

    rate: float
    burst: int

    def times(self, factor: int) -> "Allowance":
        """The same, some times as large."""
        return Allowance(rate=self.rate * factor, burst=self.burst * factor)

    def __str__(self) -> str:
        """For titles and bars."""
        return f"{self.rate:g}/s burst {self.burst}"


class Bench:
    """A running stack, seen from a benchmark."""

    def __init__(self, harness: Harness, store: Store) -> None:
        self._harness = harness
        self._store = store
        self.chat = harness.chat()
        self.sandbox = harness.sandbox

    @property
    def workers(self) -> list[subprocess.Popen[bytes]]:
        """The worker processes."""
        return self._harness.workers

    def arrivals(self) -> list[SandboxArrival]:
        """All calls so far, in the order of arrival."""
        return list(self.sandbox.arrivals())

    def enqueue_batch(self, count: int, *, tenant: str | None = None) -> BatchReceipt:
        """A bulk batch to as many numbers, the first of them 0."""
        rows = ({"to": number(index)} for index in range(count))
        return self.chat.enqueue_batch(rows, sender=SENDER, tenant=tenant, text=TEXT)

    def await_contacts(self, count: int, timeout: float = 60.0) -> None:
        """Waits until that many contacts were started."""
        wait_until(lambda: self.sandbox.stats().accepted >= count, timeout=timeout, what=f"{count} contacts")

    def pumping_worker(self) -> subprocess.Popen[bytes]:
        """The worker that runs a pump now: its log has more tasks received than ended. The first one if none does."""
        ends = time.monotonic() + 5
        while time.monotonic() < ends:
            for index, worker in enumerate(self.workers, start=1):
                log = (self._harness.folder / f"process-{index}.log").read_text(errors="replace")
                words = [match[1] for match in _TASK.finditer(log)]
                if words.count("received") > words.count("succeeded"):
                    return worker
            time.sleep(0.02)
        return self.workers[0]

    def open_chats(self) -> int:
        """Chats that count as open, by our books."""
        keys = self._store.keys("main")
        return int(self._store.ask(lambda redis: redis.zcard(f"{keys.base}chats:{INSTANCE_ID}")))

    def leased(self) -> int:
        """Jobs that workers hold right now."""
        return self._books().get("leased", 0)

    def waiting(self) -> int:
        """Jobs that wait for a call."""
        return self._books().get("waiting", 0)

    def _books(self) -> dict[str, int]:
        return inspection.counts(self._store, self._store.keys("main"))


@contextlib.contextmanager
def running_bench(
    *,
    sandbox: Allowance,
    budget: Allowance | None = None,
    processes: int = 2,
    latency: timedelta = timedelta(0),
    options: SandboxOptions | None = None,
    settings: Callable[[Harness], dict[str, Any]] = lambda _: {},
) -> Iterator[Bench]:
    """A stack with idle workers for the length of a block; the budget is the sandbox's allowance by default.

    `options`: others of the sandbox. `settings`: values on top of the harness's.
    """
    budget = budget or sandbox
    options = replace(
        options or SandboxOptions(max_chats=10_000_000), rate=sandbox.rate, burst=sandbox.burst, latency=latency
    )
    with (
        tempfile.TemporaryDirectory(prefix="outbound-chat-bench-") as folder,
        running_harness(Path(folder), options) as harness,
        Store(harness.server.url) as store,
    ):
        # The retry rules are those of a fresh installation, not the tests' quick ones.
        budgets = {"main": {"rate": budget.rate, "burst": budget.burst}}
        harness.configure(budgets=budgets, retry={}, **settings(harness))
        for index in range(processes):
            harness.start_worker("-n", f"bench-{index}@%h")
        try:
            wait_until(lambda: harness.logs().count(" ready.") == processes, timeout=READY_SECONDS, what="the workers")
            yield Bench(harness, store)
        finally:
            # All at once: the harness would end them one after the other.
            for worker in harness.workers:
                if worker.poll() is None:
                    worker.terminate()


@contextlib.contextmanager
def stopped(worker: subprocess.Popen[bytes]) -> Iterator[None]:
    """SIGSTOP for the length of a block, as a machine that swaps or migrates would do it."""
    os.kill(worker.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(worker.pid, signal.SIGCONT)
