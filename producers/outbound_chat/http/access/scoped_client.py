"""The client within the restrictions of an API key, with a part for each noun.

What a key may not see does not exist for it: the response is the same as for an unknown id.
"""

from asyncio import gather, to_thread
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from itertools import compress
from typing import Generic, TypeVar

from outbound_chat.client import AsyncOutboundChat
from outbound_chat.doctor.checks import checks_of
from outbound_chat.http.access.audit import Scoped, ScopedAudit
from outbound_chat.http.access.restrictions import Restrictions
from outbound_chat.http.access.scoped_batches import ScopedBatches
from outbound_chat.http.access.scoped_dead_letters import ScopedActions, ScopedDeadLetters
from outbound_chat.http.access.scoped_jobs import ScopedJobs
from outbound_chat.http.access.sharing import Snapshots
from outbound_chat.http.wire.codes import ProblemCode
from outbound_chat.http.wire.problems import Problem
from outbound_chat.model.contact_events import Outcome
from outbound_chat.model.diagnostics import Check
from outbound_chat.model.history import History
from outbound_chat.model.operations import DeadWebhook, Events, Hold, SuppressedNumber, SuppressedPage
from outbound_chat_config import Sender

T = TypeVar("T")

CHECKS_SECONDS = 5.0
WEBHOOK_PAGE = 500
FINISHED = "finished"
"""The end of the id of a batch's webhook. That of a job's webhook ends with the state of the job."""


class _Part(Generic[T]):
    def __init__(self, kind: Callable[[AsyncOutboundChat, Restrictions], T]) -> None:
        self._kind = kind

    def __get__(self, scoped: Scoped, _owner: type) -> T:
        return self._kind(scoped._client, scoped._restrictions)  # noqa: SLF001  # it belongs to that class


class ScopedHolds(Scoped):
    """Holds of what the key may see."""

    _batches = _Part(ScopedBatches)

    async def hold(self, target: Mapping[str, str], reason: str) -> None:
        """Stops a scope."""
        async with self.audited("hold", " ".join(*target.items())):
            await self._client.hold(reason=reason, **await self._checked(target))

    async def release(self, target: Mapping[str, str]) -> bool:
        """Ends a person's hold."""
        async with self.audited("release", " ".join(*target.items())):
            return await self._client.release(**await self._checked(target))

    async def all(self) -> list[Hold]:
        """Returns the holds that only stop what the key may see."""
        holds = await self._client.holds()
        return list(compress(holds, await gather(*map(self._shows, holds))))

    async def _shows(self, hold: Hold) -> bool:
        if hold.scope == "batch" and self._restrictions.any:
            return await self._batches.shows(hold.name)
        return self._restrictions.has_scope(hold.scope, hold.name)

    async def of(self, scope: str, name: str) -> list[Hold]:
        """Returns the holds of a scope that the key has just held."""
        return [hold for hold in await self._client.holds() if (hold.scope, hold.name) == (scope, name)]

    async def _checked(self, target: Mapping[str, str]) -> Mapping[str, str]:
        """Returns the target; raises if the key may not stop it, or the settings do not define it."""
        ((scope, name),) = target.items()
        if scope == "batch":
            await self._batches.check(name)
        elif not self._restrictions.has_scope(scope, name):
            raise Problem(ProblemCode.FORBIDDEN, "The API key is restricted, and this would stop other jobs too.")
        if scope == "budget":
            self._restrictions.budget(name)
        senders = self._restrictions.settings.senders
        known = senders if scope == "sender" else {sender.instance_id for sender in senders.values()}
        if scope in {"sender", "instance"} and name not in known:
            raise Problem(ProblemCode.UNKNOWN_SENDER, "The settings have no sender with this name or instance.")
        return target


class ScopedWebhooks(Scoped):
    """Webhooks that the key may see."""

    _batches = _Part(ScopedBatches)

    async def dead(self, budget: str | None, *, skip: int, limit: int) -> list[DeadWebhook]:
        """Returns dead webhooks of jobs and batches that the key may see."""
        name = self._restrictions.budget(budget)
        if not self._restrictions.any:
            return await self._client.dead_webhooks(budget=name, skip=skip, limit=limit)
        found: list[DeadWebhook] = []
        async for one in self._own(name):
            found.append(one)
            if len(found) == skip + limit:
                break
        return found[skip:]

    async def newest_dead(self, budget: str | None, limit: int) -> list[DeadWebhook]:
        """Returns those of the newest dead webhooks of a budget that the key may see: its cost is fixed."""
        page = await self._client.dead_webhooks(budget=self._restrictions.budget(budget), limit=limit)
        seen = await self._seen([one.id for one in page]) if self._restrictions.any else {one.id for one in page}
        return [one for one in page if one.id in seen]

    async def replay(self, ids: Sequence[str]) -> dict[str, bool]:
        """Posts webhooks that the key may see again; returns for each id whether it was a dead webhook."""
        async with self.audited("replay_webhooks", f"{len(ids)} webhooks"):
            seen = await self._seen(ids) if self._restrictions.any else set(ids)
            done = await self._client.replay_webhooks([id_ for id_ in ids if id_ in seen])
        return {id_: done.get(id_, False) for id_ in ids}

    async def replay_all(self, budget: str | None) -> int:
        """Posts all dead webhooks that the key may see again; returns how many."""
        name = self._restrictions.budget(budget)
        async with self.audited("replay_webhooks", f"budget {name}"):
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
        """Returns webhooks of jobs and batches that are still kept and that the key may see."""
        of = {id_: ".".join(id_.split(".")[:2]) for id_ in ids}
        jobs = await self._client.statuses([of[id_] for id_ in ids if not id_.endswith(f".{FINISHED}")])
        shown = {job_id for job_id, job in jobs.items() if job and self._restrictions.show(job)}
        batches = [of[id_] for id_ in ids if id_.endswith(f".{FINISHED}")]
        shown |= set(compress(batches, await gather(*map(self._batches.shows, batches))))
        return {id_ for id_ in ids if of[id_] in shown}


class ScopedBudgets(Scoped):
    """Budgets and senders, and what works for them."""

    async def doctor(self, snapshots: Snapshots) -> list[Check]:
        """Returns the findings of the doctor, made at most 5 seconds ago."""
        self._restrictions.require_none()
        settings = self._restrictions.settings
        # It waits for Redis in a thread, of which there is never more than one.
        return await snapshots.get("doctor", lambda: to_thread(lambda: list(checks_of(settings))), CHECKS_SECONDS)

    async def history(self, budget: str | None, hours: int, step: int) -> History:
        """Returns what a budget did over time."""
        return await self.unrestricted.history(budget=self._restrictions.budget(budget), hours=hours, step=step)

    def senders(self) -> dict[str, Sender]:
        """Returns the senders that the key may use."""
        return self._restrictions.known_senders()


class ScopedSuppression(Scoped):
    """Suppression lists."""

    async def page(self, sender: str, cursor: str | None) -> SuppressedPage:
        """Returns a page of a sender's list."""
        return await self._client.suppressed_page(sender=self._checked(sender), cursor=cursor)

    async def among(self, numbers: AsyncIterator[str], sender: str) -> list[SuppressedNumber]:
        """Returns those of the numbers that are on the list."""
        return [one async for one in self._client.suppressed(numbers, sender=self._checked(sender))]

    async def add(self, numbers: AsyncIterator[str], sender: str, reason: str) -> int:
        """Adds numbers to the list."""
        async with self.audited("suppress", f"sender {sender}"):
            return await self._client.suppress(numbers, sender=self._checked(sender), reason=reason)

    async def remove(self, numbers: AsyncIterator[str], sender: str) -> int:
        """Removes numbers from the list."""
        async with self.audited("unsuppress", f"sender {sender}"):
            return await self._client.unsuppress(numbers, sender=self._checked(sender))

    def _checked(self, sender: str) -> str:
        # All tenants of a sender share its list, so no tenant may read or change it.
        if self._restrictions.tenant is not None:
            raise Problem(ProblemCode.FORBIDDEN, "Suppression lists require an API key without a tenant.")
        if sender not in self._restrictions.known_senders():
            raise Problem(
                ProblemCode.UNKNOWN_SENDER, "The settings have no such sender, or the API key may not use it."
            )
        return sender


class ScopedEvents(Scoped):
    """Events."""

    async def read(self, budget: str | None, since: int, wait: float) -> Events:
        """Returns the events of a budget."""
        found = await self.unrestricted.events(budget=self._restrictions.budget(budget), since=since, wait=wait)
        await self._restrictions.check()
        return found

    async def ingest(self, events: Sequence[object]) -> list[Outcome]:
        """Applies events about contacts, which are of all tenants and senders."""
        return await self.unrestricted.ingest_contact_events(events)


class ScopedClient(Scoped):
    """Has a part for each noun, with the client and the restrictions of the key."""

    jobs = _Part(ScopedJobs)
    batches = _Part(ScopedBatches)
    holds = _Part(ScopedHolds)
    dead_letters = _Part(ScopedDeadLetters)
    actions = _Part(ScopedActions)
    webhooks = _Part(ScopedWebhooks)
    budgets = _Part(ScopedBudgets)
    suppression = _Part(ScopedSuppression)
    audit = _Part(ScopedAudit)
    events = _Part(ScopedEvents)
