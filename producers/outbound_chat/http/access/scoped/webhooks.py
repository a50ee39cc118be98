"""Dead webhooks, within the restrictions of an API key: it shows those of the jobs and batches that it shows."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from outbound_chat.client import AsyncOutboundChat
from outbound_chat.http.access.restrictions import Restrictions
from outbound_chat.http.access.scoped.batches import ScopedBatches
from outbound_chat.model.errors import FieldError, InvalidJob
from outbound_chat.model.operations import DeadWebhook, WebhookHost
from outbound_chat.request import FieldCode

PAGE = 500
FINISHED = "finished"
"""Behind the id of a batch; behind that of a job stands its state."""


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
        if not 0 < limit <= PAGE or skip < 0:
            raise InvalidJob([FieldError("limit", FieldCode.OUT_OF_RANGE, f"must be from 1 to {PAGE}")])
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
            page = await self._client.dead_webhooks(budget=budget, skip=skip, limit=PAGE)
            seen = await self._seen([one.id for one in page])
            for one in page:
                if one.id in seen:
                    yield one
            if len(page) < PAGE:
                return
            skip += PAGE

    async def _seen(self, ids: Sequence[str]) -> set[str]:
        """Those of jobs and batches that the key shows; none of what is no longer kept."""
        of = {id_: id_.rpartition(".")[0] for id_ in ids}
        jobs = await self._client.statuses([of[id_] for id_ in ids if not id_.endswith(f".{FINISHED}")])
        shown = {job_id for job_id, job in jobs.items() if job and self._restrictions.show(job)}
        for id_ in ids:
            if id_.endswith(f".{FINISHED}") and await self._batches.shows(of[id_]):
                shown.add(of[id_])
        return {id_ for id_ in ids if of[id_] in shown}
