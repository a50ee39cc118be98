"""Batches, within the restrictions of an API key."""

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from outbound_chat.client import AsyncOutboundChat
from outbound_chat.http.access.restrictions import Restrictions
from outbound_chat.http.wire.codes import ProblemCode
from outbound_chat.http.wire.problems import Problem
from outbound_chat.model.errors import BatchKeyConflict, FieldError, UnknownBatch, WaitTimeout
from outbound_chat.model.jobs import Batch, BatchReceipt, Rejection
from outbound_chat.model.operations import BatchPage, JobPage
from outbound_chat.request import FieldCode

OnRejected = Callable[[Rejection], None]
CHECK_SECONDS = 1.0
"""While rows stream in, the key is checked so often; one that was revoked ends them."""


@dataclass(frozen=True, slots=True)
class ScopedBatches:
    """Batches that the key may see."""

    _client: AsyncOutboundChat
    _restrictions: Restrictions

    async def enqueue(
        self, rows: AsyncIterator[Any], options: Mapping[str, Any], on_rejected: OnRejected
    ) -> BatchReceipt:
        """Enqueues rows as one batch."""
        own: Any = {"sender": None, **self._restrictions.own(options, options.get("sender"))}
        own["name"] = own.get("name") or ""
        hidden = _without_job(on_rejected) if self._restrictions.senders is not None else on_rejected
        try:
            return await self._client.enqueue_batch(self._while_valid(rows), on_rejected=hidden, **own)
        except BatchKeyConflict as error:
            # As with jobs: senders of one tenant share its keys, but not its batches.
            if await self.shows(error.batch_id):
                raise
            raise Problem(
                ProblemCode.IDEMPOTENCY_CONFLICT, "The key belongs to another batch; use a new key."
            ) from None

    async def _while_valid(self, rows: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """The rows, while the key is valid: a body may come for hours."""
        checked = time.monotonic()
        async for row in rows:
            if time.monotonic() - checked >= CHECK_SECONDS:
                await self._restrictions.check()
                checked = time.monotonic()
            yield row

    async def page(self, chosen: Mapping[str, Any], cursor: str | None, limit: int) -> BatchPage:
        """A page of batches."""
        options: Any = {**chosen, "budget": self._restrictions.budget(chosen.get("budget"))}
        if not self._restrictions.any:
            return await self._client.batches(cursor=cursor, limit=limit, **options)
        own = self._restrictions.own_filter(options)
        if chosen.get("sender") is None and self._restrictions.senders is not None:
            own = {**own, "sender": self._restrictions.senders}
        found: list[Batch] = []
        while True:
            # A cursor names the last batch looked at: of a full page, which only its own make full, that is its own.
            page = await self._client.batches(cursor=cursor, limit=limit - len(found), **own)
            found += page.batches
            cursor = page.cursor
            if cursor is None or len(found) == limit:
                return BatchPage(batches=tuple(found), cursor=cursor)

    async def status(self, batch_id: str) -> Batch:
        """One batch."""
        await self._restrictions.check()
        batch = await self._client.batch(batch_id)
        if not self._restrictions.show(batch):
            raise UnknownBatch(batch_id)
        return batch

    async def shows(self, batch_id: str) -> bool:
        """Whether the key may see the batch."""
        with suppress(UnknownBatch):
            await self.status(batch_id)
            return True
        return False

    async def wait(self, batch_id: str, seconds: float) -> Batch:
        """One batch, when it is final or the time is over."""
        batch = await self.status(batch_id)
        if batch.final or not seconds:
            return batch
        with suppress(WaitTimeout):
            await self._client.wait_batch(batch_id, seconds)
        return await self.status(batch_id)

    async def jobs(self, batch_id: str, state: str | None, cursor: str | None, limit: int) -> JobPage:
        """A page of one batch's jobs."""
        await self.check(batch_id)
        return await self._client.batch_jobs(batch_id, state, cursor, limit)

    async def cancel(self, batch_id: str) -> Batch:
        """Cancels one batch."""
        await self.check(batch_id)
        return await self._client.cancel_batch(batch_id)

    async def check(self, batch_id: str) -> None:
        """Raises `UnknownBatch` where restrictions hide the batch."""
        if self._restrictions.any:
            await self.status(batch_id)


def _without_job(on_rejected: OnRejected) -> OnRejected:
    """Reports rejected rows without the job that has a row's idempotency key: it may be another sender's."""

    def hidden(error: FieldError) -> FieldError:
        conflict = error.code == FieldCode.IDEMPOTENCY_CONFLICT
        return FieldError(error.field, error.code, "belongs to another job; use a new key") if conflict else error

    return lambda rejection: on_rejected(Rejection(rejection.row, tuple(map(hidden, rejection.errors))))
