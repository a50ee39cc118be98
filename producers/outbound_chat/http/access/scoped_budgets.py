"""Budgets, senders and workers, within the restrictions of an API key."""

from asyncio import to_thread

from outbound_chat.doctor.checks import checks_of
from outbound_chat.http.access.audit import Scoped
from outbound_chat.http.access.sharing import Snapshots
from outbound_chat.model.diagnostics import Check
from outbound_chat.model.history import History
from outbound_chat.model.operations import BudgetStatus, Lanes, NumberReceipts, WorkerStatus
from outbound_chat_config import Sender

CHECKS_SECONDS = 5.0


class ScopedBudgets(Scoped):
    """Budgets and senders, and what works for them."""

    async def status(self) -> list[BudgetStatus]:
        """Returns the status of all budgets."""
        self._restrictions.require_none()
        return await self._client.budgets()

    async def workers(self) -> list[WorkerStatus]:
        """Returns the workers of all budgets."""
        self._restrictions.require_none()
        return await self._client.workers()

    async def lanes(self, limit: int) -> Lanes:
        """Returns the lanes with the most waiting jobs."""
        self._restrictions.require_none()
        return await self._client.lanes(limit=limit)

    async def doctor(self, snapshots: Snapshots) -> list[Check]:
        """Returns the findings of the doctor, made at most 5 seconds ago."""
        self._restrictions.require_none()
        settings = self._restrictions.settings
        # It waits for Redis in a thread, of which there is never more than one.
        return await snapshots.get("doctor", lambda: to_thread(lambda: list(checks_of(settings))), CHECKS_SECONDS)

    async def receipts(self, hours: int) -> list[NumberReceipts]:
        """Returns the receipts by source number and hour, of all senders."""
        self._restrictions.require_none()
        return await self._client.receipts(hours=hours)

    async def history(self, budget: str | None, hours: int, step: int) -> History:
        """Returns what a budget did over time."""
        self._restrictions.require_none()
        return await self._client.history(budget=self._restrictions.budget(budget), hours=hours, step=step)

    def senders(self) -> dict[str, Sender]:
        """Returns the senders that the key may use."""
        return self._restrictions.known_senders()
