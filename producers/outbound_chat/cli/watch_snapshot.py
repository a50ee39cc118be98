"""Takes the snapshots that `watch` shows: all budgets, their longest lanes and their unfinished batches."""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from outbound_chat.client import OutboundChat
from outbound_chat.model.batches import Batch
from outbound_chat.model.errors import StoreError, UnknownBatch
from outbound_chat.model.operations import BudgetStatus, Lanes
from outbound_chat_config import Settings

MEASURED_SECONDS = 5.0
"""The rate of sent jobs is measured over this time: at 2 calls a second, one second says nothing."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The budgets, lanes and batches at one moment."""

    at: datetime
    budgets: list[BudgetStatus]
    sent_per_second: Mapping[str, float | None]
    """By budget; None in the first snapshot."""
    lanes: Lanes
    batches: list[Batch]
    """Batches that are not final, with their expected ends."""
    more_batches: bool


class Looks:
    """Takes snapshots in a thread, so that a server that does not answer is seen at once, and waited for by nobody."""

    def __init__(self, take: Callable[[], Snapshot], *, now: Callable[[], float] = time.monotonic) -> None:
        self._take, self._now = take, now
        self._thread: threading.Thread | None = None
        self._error: Exception | None = None
        self._answered_at = now()
        self.last: Snapshot | None = None
        """The newest."""

    @property
    def running(self) -> bool:
        """Whether a snapshot is being taken."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def fault(self) -> str:
        """A sentence if there is no newer snapshot than `last`; else empty."""
        why = f": {self._error}" if self._error else ""
        return "" if self.silent_seconds is None else f"no answer from Redis for {self.silent_seconds:.0f} s{why}"

    @property
    def silent_seconds(self) -> float | None:
        """Time since the last answer, to a tenth; None if there is no newer one to wait for."""
        return round(self._now() - self._answered_at, 1) if self.running or self._error else None

    def look(self, patience: float) -> None:
        """Takes a snapshot, unless one is being taken, and waits so many seconds for it.

        Raises what the thread did, but for a `StoreError`: somebody who watches wants to see the server come back.
        """
        if not self.running:
            self._thread = threading.Thread(target=self._run, name="look", daemon=True)
            self._thread.start()
        if self._thread:
            self._thread.join(patience)
        if self._error and not isinstance(self._error, StoreError):
            raise self._error

    def _run(self) -> None:
        try:
            self.last, self._error = self._take(), None
        except Exception as error:  # noqa: BLE001  # raised where it is looked at
            self._error = error
        else:
            self._answered_at = self._now()


class Watcher:
    """Takes snapshots, and measures how fast jobs were sent between them."""

    def __init__(self, chat: OutboundChat, settings: Settings, limit: int) -> None:
        """`limit`: the most lanes, and the most batches of each budget."""
        self._chat = chat
        self._budgets = sorted(settings.budgets)
        self._limit = limit
        self._sent: deque[tuple[float, dict[str, int]]] = deque()

    def snapshot(self) -> Snapshot:
        """Takes a snapshot."""
        budgets = self._chat.budgets()
        sent_per_second = self._measured(budgets)
        batches: list[Batch] = []
        more = False
        for name in self._budgets:
            page = self._chat.batches(budget=name, open=True, limit=self._limit)
            more = more or page.cursor is not None
            for listed in page.batches:
                # Listed batches have no expected end, and may have gone since.
                with suppress(UnknownBatch):
                    batches.append(self._chat.batch(listed.id))
        return Snapshot(
            at=datetime.now(UTC),
            budgets=budgets,
            sent_per_second=sent_per_second,
            lanes=self._chat.lanes(limit=self._limit),
            batches=batches,
            more_batches=more,
        )

    def _measured(self, budgets: list[BudgetStatus]) -> dict[str, float | None]:
        now = time.monotonic()
        while len(self._sent) > 1 and now - self._sent[1][0] >= MEASURED_SECONDS:
            self._sent.popleft()
        then, before = self._sent[0] if self._sent else (now, {})
        self._sent.append((now, {budget.name: budget.counts["sent"] for budget in budgets}))
        return {
            budget.name: max(0.0, (budget.counts["sent"] - before[budget.name]) / (now - then))
            if budget.name in before and now > then
            else None
            for budget in budgets
        }
