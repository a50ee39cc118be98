"""Batches within the restrictions of an API key."""

import time
from asyncio import gather
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import suppress
from typing import Any

from outbound_chat.client.steps.rejections import OnRejected
from outbound_chat.http.access.audit import Scoped
from outbound_chat.http.access.scoped_jobs import waited
from outbound_chat.http.wire.codes import ProblemCode
from outbound_chat.http.wire.problems import Problem
from outbound_chat.model.batches import Batch, BatchReceipt, EarlierBatch, Preflight, Rejection
from outbound_chat.model.errors import BatchKeyConflict, FieldError, UnknownBatch
from outbound_chat.model.json import json_default
from outbound_chat.model.operations import BatchPage, JobPage
from outbound_chat.request import FieldCode

CHECK_SECONDS = 1.0
"""How often the key is checked while rows stream in. A revoked key ends the stream."""


class ScopedBatches(Scoped):
    """Batches that the key may see."""

    async def enqueue(
        self, rows: AsyncIterator[Any], options: Mapping[str, Any], on_rejected: OnRejected
    ) -> BatchReceipt:
        """Enqueues rows as one batch."""
        async with self.audited("send_batch", "batch") as targets:
            own = self._own(options)
            hidden = _without_job(on_rejected) if self._restrictions.senders is not None else on_rejected
            try:
                receipt = await self._client.enqueue_batch(self._while_valid(rows), on_rejected=hidden, **own)
            except BatchKeyConflict as error:
                # As with jobs: senders of one tenant share its keys, but must not see each other's batches.
                if await self.shows(error.batch_id):
                    raise
                detail = "The key belongs to another batch; use a new key."
                raise Problem(ProblemCode.IDEMPOTENCY_CONFLICT, detail) from None
            targets.append(f"batch {receipt.id}")
            return receipt

    async def preflight(
        self, rows: AsyncIterator[Any], options: Mapping[str, Any], on_rejected: OnRejected
    ) -> Preflight:
        """Checks rows as `enqueue` does, and stores nothing. Name and key make no difference."""
        own = self._own({name: value for name, value in options.items() if name != "batch_key"})
        del own["name"]
        return await self._client.preflight_batch(self._while_valid(rows), on_rejected=on_rejected, **own)

    async def earlier(self, options: Mapping[str, Any]) -> list[EarlierBatch]:
        """Returns the batches like the one of these options, whose `batch_key` is a `FileKey`."""
        found = await self._client.earlier_batches(**self._own(options))
        return [one for one in found if not self._restrictions.any or await self.shows(one.id)]

    def _own(self, options: Mapping[str, Any]) -> Any:
        own = self._restrictions.own(options, options.get("sender"))
        return {"sender": None, **own, "name": own.get("name") or ""}

    async def _while_valid(self, rows: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """Yields the rows while the key is valid, since a body may take hours."""
        checked = time.monotonic()
        async for row in rows:
            if time.monotonic() - checked >= CHECK_SECONDS:
                await self._restrictions.check()
                checked = time.monotonic()
            yield row

    async def page(self, chosen: Mapping[str, Any], cursor: str | None, limit: int, *, fill: bool = True) -> BatchPage:
        """Returns a page of batches. Without `fill` it may be short, since it is read at once."""
        own = self._restrictions.own_list(chosen)
        if not self._restrictions.any:
            return await self._client.batches(cursor=cursor, limit=limit, **own)
        found: list[Batch] = []
        while True:
            # A cursor names the last batch that was read; only the key's own fill a page, so that is one of them.
            page = await self._client.batches(cursor=cursor, limit=limit - len(found), **own)
            found += page.batches
            cursor = page.cursor
            if cursor is None or len(found) == limit or not fill:
                return BatchPage(batches=tuple(found), cursor=cursor)

    async def status(self, batch_id: str) -> Batch:
        """Returns one batch."""
        await self._restrictions.check()
        batch = await self._client.batch(batch_id)
        if not self._restrictions.show(batch):
            raise UnknownBatch(batch_id)
        return batch

    async def predicted(self, listed: Iterable[Batch]) -> list[Batch]:
        """Returns batches of a list with their predictions; one that is gone meanwhile stays as it was listed."""
        return await gather(*map(self._predicted, listed))

    async def _predicted(self, listed: Batch) -> Batch:
        with suppress(UnknownBatch):
            return await self.status(listed.id)
        return listed

    async def shows(self, batch_id: str) -> bool:
        """Returns whether the key may see the batch."""
        with suppress(UnknownBatch):
            await self.status(batch_id)
            return True
        return False

    async def wait(self, batch_id: str, seconds: float) -> Any:
        """Returns a batch once it is final, or, if that takes too long, with the reason why its next job waits."""
        return await waited(self.status, self._client.wait_batch, batch_id, seconds)

    async def jobs(self, batch_id: str, state: str | None, cursor: str | None, limit: int) -> JobPage:
        """Returns a page of one batch's jobs."""
        await self.check(batch_id)
        return await self._client.batch_jobs(batch_id, state, cursor, limit)

    async def cancel(self, batch_id: str) -> Batch:
        """Cancels one batch."""
        async with self.audited("cancel", f"batch {batch_id}"):
            await self.check(batch_id)
            return await self._client.cancel_batch(batch_id)

    async def cancel_part(self, batch_id: str, part: Mapping[str, str]) -> dict[str, Any]:
        """Cancels some rows, or jobs of a state, of one batch; returns it as JSON has it, with what became of these."""
        async with self.audited("cancel", f"batch {batch_id}"):
            await self.check(batch_id)
            cancelled = await self._client.cancel_batch_jobs(batch_id, rows=part.get("rows"), state=part.get("state"))
        return {**json_default(await self._client.batch(batch_id)), "part": cancelled}

    async def check(self, batch_id: str) -> None:
        """Raises `UnknownBatch` if the key may not see the batch."""
        if self._restrictions.any:
            await self.status(batch_id)


def _without_job(on_rejected: OnRejected) -> OnRejected:
    """Removes from rejections the id of the job that has a row's idempotency key, since it may be another sender's."""

    def hidden(error: FieldError) -> FieldError:
        conflict = error.code == FieldCode.IDEMPOTENCY_CONFLICT
        return FieldError(error.field, error.code, "belongs to another job; use a new key") if conflict else error

    return lambda rejection: on_rejected(Rejection(rejection.row, tuple(map(hidden, rejection.errors))))
