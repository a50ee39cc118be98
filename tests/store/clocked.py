"""A ledger for tests at the time of its store."""

from typing import Any

from tests.support.clock import ClockedStore

from .ledger import Ledger

START_MS = ClockedStore.now_ms


class ClockedLedger(Ledger):
    """A ledger at the time of its store."""

    def __init__(self, store: ClockedStore, redis: Any) -> None:
        super().__init__(store, redis)
        self.clock = store

    def now_ms(self) -> int:
        return self.clock.now_ms

    def latest_ms(self) -> int:
        return self.clock.latest_ms
