"""Takes the snapshots that `watch` shows: all budgets, their longest lanes and their open batches."""

import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from outbound_chat.client import OutboundChat
from outbound_chat.model.batches import Batch
from outbound_chat.model.errors import UnknownBatch
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
