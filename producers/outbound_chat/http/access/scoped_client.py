"""The client as one API key may use it: each part applies the key's restrictions to the calls of its noun.

What a key may not see does not exist for it: the same answer as for an id that was never given out.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from outbound_chat.client import AsyncOutboundChat
from outbound_chat.http.access.restrictions import Restrictions
from outbound_chat.http.access.scoped.batches import ScopedBatches
from outbound_chat.http.access.scoped.dead_letters import ScopedDeadLetters
from outbound_chat.http.access.scoped.holds import ScopedHolds
from outbound_chat.http.access.scoped.jobs import ScopedJobs
from outbound_chat.http.access.scoped.webhooks import ScopedWebhooks
from outbound_chat.http.wire.codes import ProblemCode
from outbound_chat.http.wire.problems import Problem
from outbound_chat.model.operations import BudgetStatus, Events, SuppressedPage
from outbound_chat_config import Sender


class ScopedClient:
    """Composed of a part for each noun, with the client and the restrictions of the key."""

    def __init__(self, client: AsyncOutboundChat, restrictions: Restrictions) -> None:
        self.jobs = ScopedJobs(client, restrictions)
        self.batches = ScopedBatches(client, restrictions)
        self.holds = ScopedHolds(client, restrictions, self.batches)
        self.dead_letters = ScopedDeadLetters(client, restrictions)
        self.webhooks = ScopedWebhooks(client, restrictions, self.batches)
        self.budgets = ScopedBudgets(client, restrictions)
        self.suppression = ScopedSuppression(client, restrictions)
        self.events = ScopedEvents(client, restrictions)


@dataclass(frozen=True, slots=True)
class ScopedBudgets:
    """Budgets and senders."""

    _client: AsyncOutboundChat
    _restrictions: Restrictions

    async def status(self) -> list[BudgetStatus]:
        """The status of all budgets."""
        self._restrictions.require_none()
        return await self._client.budgets()

    def senders(self) -> dict[str, Sender]:
        """The senders that the key may use."""
        return self._restrictions.known_senders()


@dataclass(frozen=True, slots=True)
class ScopedSuppression:
    """Suppression lists."""

    _client: AsyncOutboundChat
    _restrictions: Restrictions

    async def page(self, sender: str, cursor: str | None) -> SuppressedPage:
        """A page of a sender's list."""
        return await self._client.suppressed_page(sender=self._checked(sender), cursor=cursor)

    async def add(self, numbers: AsyncIterator[str], sender: str, reason: str) -> int:
        """Puts numbers on the list."""
        return await self._client.suppress(numbers, sender=self._checked(sender), reason=reason)

    async def remove(self, numbers: AsyncIterator[str], sender: str) -> int:
        """Takes numbers off the list."""
        return await self._client.unsuppress(numbers, sender=self._checked(sender))

    def _checked(self, sender: str) -> str:
        # A list is of a sender, whoever of its tenants' customers said STOP: no tenant may read or change it alone.
        if self._restrictions.tenant is not None:
            raise Problem(ProblemCode.FORBIDDEN, "Suppression lists are kept by keys of no tenant.")
        if sender not in self._restrictions.known_senders():
            raise Problem(
                ProblemCode.UNKNOWN_SENDER, "The settings have no such sender, or the API key does not show it."
            )
        return sender


@dataclass(frozen=True, slots=True)
class ScopedEvents:
    """Events."""

    _client: AsyncOutboundChat
    _restrictions: Restrictions

    async def read(self, budget: str | None, since: int, wait: float) -> Events:
        """Reads what happened in a budget."""
        self._restrictions.require_none()
        name = self._restrictions.budget(budget)
        found = await self._client.events(budget=name, since=since, wait=wait)
        await self._restrictions.check()
        return found
