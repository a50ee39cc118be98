"""What operators do with failed jobs, whole batches and events: the client for asyncio."""

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Mapping
from typing import Any, TypeVar, Unpack

from outbound_chat.client._operations import DEAD_PAGE, EVENTS_PAGE, POLL_SECONDS, Operations
from outbound_chat.client.documented import documented_by
from outbound_chat.client.options import DeadFilter, RequestOptions
from outbound_chat.client.steps import listing, lists as overview
from outbound_chat.client.steps.base import Steps
from outbound_chat.client.steps.batch_keys import FileKey
from outbound_chat.client.steps.dead_letters import Dead
from outbound_chat.client.steps.holds import Control, Target
from outbound_chat.client.steps.jobs import Verbs
from outbound_chat.model.jobs import Batch, Job, JobState
from outbound_chat.model.operations import BatchPage, BudgetStatus, DeadLetters, Events, Hold, JobPage, Lanes

T = TypeVar("T")


class AsyncOperations:
    """Verbs of a client beyond single jobs."""

    _verbs: Verbs
    _control: Control

    async def _run(self, steps: Steps[T]) -> T:
        raise NotImplementedError

    @documented_by(Operations.hold)
    async def hold(
        self,
        *,
        reason: str,
        budget: str | None = None,
        sender: str | None = None,
        instance: str | None = None,
        tenant: str | None = None,
        batch: str | None = None,
    ) -> None:
        target = Target(budget=budget, sender=sender, instance=instance, tenant=tenant, batch=batch)
        await self._run(self._control.hold(target, reason))

    @documented_by(Operations.release)
    async def release(
        self,
        *,
        budget: str | None = None,
        sender: str | None = None,
        instance: str | None = None,
        tenant: str | None = None,
        batch: str | None = None,
    ) -> bool:
        target = Target(budget=budget, sender=sender, instance=instance, tenant=tenant, batch=batch)
        return await self._run(self._control.release(target))

    @documented_by(Operations.holds)
    async def holds(self) -> list[Hold]:
        return await self._run(self._control.holds())

    @documented_by(Operations.contact_closed)
    async def contact_closed(self, contact_id: str) -> bool:
        return await self._run(self._control.contact_closed(contact_id))

    @documented_by(Operations.cancel_batch)
    async def cancel_batch(self, batch_id: str) -> Batch:
        await self._run(self._control.cancel_batch(batch_id))
        return await self._run(self._verbs.batch(batch_id))

    @documented_by(Operations.is_file_of)
    async def is_file_of(self, batch_id: str, file: FileKey) -> bool | None:
        return await self._run(self._verbs.is_file_of(batch_id, file.content))

    @documented_by(Operations.cancel_tenant)
    async def cancel_tenant(self, tenant: str) -> int:
        return await self._run(self._control.cancel_tenant(tenant))

    @documented_by(Operations.budgets)
    async def budgets(self) -> list[BudgetStatus]:
        return await self._run(overview.budgets(self._verbs))

    @documented_by(Operations.lanes)
    async def lanes(self, *, limit: int = 20) -> Lanes:
        return await self._run(overview.lanes(self._verbs, limit))

    @documented_by(Operations.batches)
    async def batches(
        self,
        *,
        budget: str | None = None,
        sender: str | Collection[str] | None = None,
        tenant: str | None = None,
        open: bool = False,  # noqa: A002  # the word that batches have for it
        cursor: str | None = None,
        limit: int = 50,
    ) -> BatchPage:
        chosen = listing.Chosen(budget=budget, sender=sender, tenant=tenant, open=open)
        return await self._run(listing.batches(self._verbs, chosen, cursor, limit))

    @documented_by(Operations.batch_jobs)
    async def batch_jobs(
        self, batch_id: str, state: JobState | str | None = None, cursor: str | None = None, limit: int = 100
    ) -> JobPage:
        return await self._run(overview.batch_jobs(self._verbs, batch_id, state, cursor, limit))

    @documented_by(Operations.dead_letters)
    async def dead_letters(
        self, *, limit: int = 100, cursor: str | None = None, **chosen: Unpack[DeadFilter]
    ) -> DeadLetters:
        options: dict[str, Any] = {**chosen, "limit": limit, "cursor": cursor}
        return await self._run(Dead(self._verbs).page(options))

    @documented_by(Operations.each_dead_letter)
    async def each_dead_letter(self, **chosen: Unpack[DeadFilter]) -> AsyncIterator[Job]:
        cursor: str | None = None
        while True:
            page = await self.dead_letters(limit=DEAD_PAGE, cursor=cursor, **chosen)
            for job in page.jobs:
                yield job
            cursor = page.cursor
            if cursor is None:
                return

    @documented_by(Operations.count_dead)
    async def count_dead(self, budget: str | None = None) -> Mapping[tuple[JobState, str], int]:
        return await self._run(Dead(self._verbs).counts(budget))

    @documented_by(Operations.replay)
    async def replay(self, job_id: str, *, force: bool = False, **changes: Unpack[RequestOptions]) -> Job:
        return await self._run(Dead(self._verbs).replay(job_id, force=force, changes=changes))

    @documented_by(Operations.replay_all)
    async def replay_all(self, **chosen: Unpack[DeadFilter]) -> AsyncIterator[Job]:
        async for job in self.each_dead_letter(**chosen):
            yield await self.replay(job.id)

    @documented_by(Operations.events)
    async def events(self, *, since: int = 0, budget: str | None = None, wait: float = 0.0) -> Events:
        deadline = time.monotonic() + wait
        while True:
            found = await self._run(self._verbs.events(budget, since, EVENTS_PAGE))
            if found.events or found.missed or time.monotonic() >= deadline:
                return found
            await asyncio.sleep(POLL_SECONDS)
