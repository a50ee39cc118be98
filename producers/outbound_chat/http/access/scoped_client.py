"""The client as one API key may use it: each part applies the key's restrictions to the calls of its noun.

What a key may not see does not exist for it: the same answer as for an id that was never given out.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from outbound_chat.client import AsyncOutboundChat
from outbound_chat.http.access.restrictions import Restrictions
from outbound_chat.http.access.scoped_jobs import ScopedBatches, ScopedDeadLetters, ScopedJobs
from outbound_chat.http.wire.codes import ProblemCode
from outbound_chat.http.wire.problems import Problem
from outbound_chat.model.errors import FieldError, InvalidJob
from outbound_chat.model.operations import BudgetStatus, DeadWebhook, Events, Hold, SuppressedPage, WebhookHost
from outbound_chat.request import FieldCode
from outbound_chat_config import Sender

WEBHOOK_PAGE = 500
FINISHED = "finished"
"""Behind the id of a batch in that of a webhook; behind the id of a job stands its state."""


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
class ScopedHolds:
    """Holds of what the key may see."""

    _client: AsyncOutboundChat
    _restrictions: Restrictions
    _batches: ScopedBatches

    async def hold(self, target: Mapping[str, str], reason: str) -> None:
        """Stops a scope."""
        await self._client.hold(reason=reason, **await self._checked(target))

    async def release(self, target: Mapping[str, str]) -> bool:
        """Ends a person's hold."""
        return await self._client.release(**await self._checked(target))

    async def all(self) -> list[Hold]:
        """All holds that stop nothing but the key's own."""
        return [hold for hold in await self._client.holds() if not self._restrictions.any or await self._shows(hold)]

    async def _shows(self, hold: Hold) -> bool:
        if hold.scope == "batch":
            return await self._batches.shows(hold.name)
        return self._restrictions.has_scope(hold.scope, hold.name)

    async def of(self, scope: str, name: str) -> list[Hold]:
        """Those of a scope that the key has just held."""
        return [hold for hold in await self._client.holds() if (hold.scope, hold.name) == (scope, name)]

    async def _checked(self, target: Mapping[str, str]) -> Mapping[str, str]:
        """The target; raises if the key may not stop it, or the settings do not define it."""
        ((scope, name),) = target.items()
        if scope == "batch":
            await self._batches.check(name)
        elif not self._restrictions.has_scope(scope, name):
            raise Problem(ProblemCode.FORBIDDEN, "The API key is limited, and this would stop more than its own.")
        if scope == "budget":
            self._restrictions.budget(name)
        senders = self._restrictions.settings.senders
        known = senders if scope == "sender" else {sender.instance_id for sender in senders.values()}
        if scope in {"sender", "instance"} and name not in known:
            raise Problem(ProblemCode.UNKNOWN_SENDER, "The settings have no sender of this name or instance.")
        return target


@dataclass(frozen=True, slots=True)
class ScopedWebhooks:
    """Webhooks that the key may see."""

    _client: AsyncOutboundChat
    _restrictions: Restrictions
    _batches: ScopedBatches

    async def hosts(self) -> list[WebhookHost]:
        """The hosts that webhooks of anybody wait for."""
        self._restrictions.require_none()
        return await self._client.webhook_hosts()

    async def dead(self, budget: str | None, *, skip: int, limit: int) -> list[DeadWebhook]:
        """The dead webhooks of the key's own jobs and batches."""
        name = self._restrictions.budget(budget)
        if not 0 < limit <= WEBHOOK_PAGE or skip < 0:
            raise InvalidJob([FieldError("limit", FieldCode.OUT_OF_RANGE, f"must be from 1 to {WEBHOOK_PAGE}")])
        if not self._restrictions.any:
            return await self._client.dead_webhooks(budget=name, skip=skip, limit=limit)
        found: list[DeadWebhook] = []
        async for one in self._own(name):
            found.append(one)
            if len(found) == skip + limit:
                break
        return found[skip:]

    async def replay(self, ids: Sequence[str]) -> dict[str, bool]:
        """Posts those of the key's own again; whether each was dead."""
        seen = await self._seen(ids) if self._restrictions.any else set(ids)
        done = await self._client.replay_webhooks([id_ for id_ in ids if id_ in seen])
        return {id_: done.get(id_, False) for id_ in ids}

    async def replay_all(self, budget: str | None) -> int:
        """Posts all of the key's own again; how many."""
        name = self._restrictions.budget(budget)
        if not self._restrictions.any:
            return await self._client.replay_all_webhooks(name)
        ids = [one.id async for one in self._own(name)]
        return sum((await self._client.replay_webhooks(ids)).values())

    async def _own(self, budget: str) -> AsyncIterator[DeadWebhook]:
        skip = 0
        while True:
            page = await self._client.dead_webhooks(budget=budget, skip=skip, limit=WEBHOOK_PAGE)
            seen = await self._seen([one.id for one in page])
            for one in page:
                if one.id in seen:
                    yield one
            if len(page) < WEBHOOK_PAGE:
                return
            skip += WEBHOOK_PAGE

    async def _seen(self, ids: Sequence[str]) -> set[str]:
        """Those of jobs and batches that the key shows; none of what is no longer kept."""
        of = {id_: id_.rpartition(".")[0] for id_ in ids}
        jobs = await self._client.statuses([of[id_] for id_ in ids if not id_.endswith(f".{FINISHED}")])
        shown = {job_id for job_id, job in jobs.items() if job and self._restrictions.show(job)}
        for id_ in ids:
            if id_.endswith(f".{FINISHED}") and await self._batches.shows(of[id_]):
                shown.add(of[id_])
        return {id_ for id_ in ids if of[id_] in shown}


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
