"""Dead webhooks with one caller's limits: a webhook is seen by whoever sees the job or batch that it tells of.

Part of `View`.
"""

from collections.abc import AsyncIterator, Sequence

from outbound_chat.http.access.operator_view import OperatorView
from outbound_chat.model.errors import FieldError, InvalidJob, UnknownBatch
from outbound_chat.model.operations import DeadWebhook, WebhookHost
from outbound_chat.request import Code as FieldCode

PAGE = 500
FINISHED = "finished"
"""Behind the id of a batch; behind that of a job stands its state."""


class WebhookView(OperatorView):
    """What one caller sees of webhooks."""

    async def webhook_hosts(self) -> list[WebhookHost]:
        """The hosts that webhooks of anybody wait for."""
        self._limits.need_none()
        return await self._client.webhook_hosts()

    async def dead_webhooks(self, budget: str | None, *, skip: int, limit: int) -> list[DeadWebhook]:
        """Those of the caller's own jobs and batches."""
        name = self.budget(budget)
        if not 0 < limit <= PAGE or skip < 0:
            raise InvalidJob([FieldError("limit", FieldCode.OUT_OF_RANGE, f"must be from 1 to {PAGE}")])
        if not self._limits.any:
            return await self._client.dead_webhooks(budget=name, skip=skip, limit=limit)
        found: list[DeadWebhook] = []
        async for one in self._own_dead(name):
            found.append(one)
            if len(found) == skip + limit:
                break
        return found[skip:]

    async def replay_webhooks(self, ids: Sequence[str]) -> dict[str, bool]:
        """Has those of the caller's own posted once more; whether each was dead."""
        seen = await self._seen(ids) if self._limits.any else set(ids)
        done = await self._client.replay_webhooks([id_ for id_ in ids if id_ in seen])
        return {id_: done.get(id_, False) for id_ in ids}

    async def replay_all_webhooks(self, budget: str | None) -> int:
        """Has all of the caller's own posted once more; how many."""
        name = self.budget(budget)
        if not self._limits.any:
            return await self._client.replay_all_webhooks(name)
        ids = [one.id async for one in self._own_dead(name)]
        return sum((await self._client.replay_webhooks(ids)).values())

    async def _own_dead(self, budget: str) -> AsyncIterator[DeadWebhook]:
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
        """Those that tell of what the caller sees; of what is kept no more, none."""
        of = {id_: id_.rpartition(".")[0] for id_ in ids}
        jobs = await self._client.statuses([of[id_] for id_ in ids if not id_.endswith(f".{FINISHED}")])
        shown = {job_id for job_id, job in jobs.items() if job and self._limits.show(job)}
        for id_ in ids:
            if id_.endswith(f".{FINISHED}") and await self._shows_batch(of[id_]):
                shown.add(of[id_])
        return {id_ for id_ in ids if of[id_] in shown}

    async def _shows_batch(self, batch_id: str) -> bool:
        try:
            await self.batch(batch_id)
        except UnknownBatch:
            return False
        return True
