"""The client as one caller may use it: the only place where the limits of an API key are applied.

What a caller may not see does not exist for it: the same answer as for an id that was never given out.
"""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, cast

from outbound_chat.http.access.webhook_view import WebhookView
from outbound_chat.http.wire.codes import Code
from outbound_chat.http.wire.problems import Problem
from outbound_chat.model.errors import (
    BatchKeyConflict,
    FieldError,
    IdempotencyConflict,
    UnknownBatch,
    UnknownJob,
    WaitTimeout,
)
from outbound_chat.model.jobs import Batch, BatchReceipt, Job, Rejection
from outbound_chat.model.operations import JobPage
from outbound_chat.model.why import Why
from outbound_chat.request import Code as FieldCode, match_sender

OnRejected = Callable[[Rejection], None]
CHECK_SECONDS = 1.0
"""A key that is revoked while rows stream in ends them after so long."""


class View(WebhookView):
    """What one caller sees."""

    async def enqueue(self, options: Mapping[str, Any]) -> Job:
        """Takes a job in its short form."""
        return await self._enqueued(self._client.enqueue, self._limits.own(options, options.get("sender")))

    async def enqueue_request(self, request: Mapping[str, Any]) -> Job:
        """Takes a job as a raw API request."""
        sender = request.get("sender")
        if sender is None and self._limits.senders is not None:
            sender = match_sender(request, self.senders())
            request = {**request, "sender": sender}
        return await self._enqueued(self._client.enqueue_request, self._limits.own(request, sender))

    async def _enqueued(self, call: Callable[..., Awaitable[Job]], options: Mapping[str, Any]) -> Job:
        try:
            return await call(**options)
        except IdempotencyConflict as error:
            # Senders of one tenant share its idempotency keys, but not what became of the jobs.
            if (await self.statuses([error.job_id]))[error.job_id] is None:
                raise Problem(Code.IDEMPOTENCY_CONFLICT, "The key belongs to another job; use a new key.") from None
            raise

    async def status(self, job_id: str) -> Job:
        """One job."""
        await self.check()
        job = await self._client.status(job_id)
        if not self._limits.show(job):
            raise UnknownJob(job_id)
        return job

    async def statuses(self, job_ids: Sequence[str]) -> dict[str, Job | None]:
        """Many jobs; None for those that the caller does not see."""
        found = await self._client.statuses(job_ids)
        return {job_id: job if job and self._limits.show(job) else None for job_id, job in found.items()}

    async def wait(self, job_id: str, seconds: float) -> Job:
        """One job, when it is final or the time is over."""
        job = await self.status(job_id)
        if job.final or not seconds:
            return job
        with suppress(WaitTimeout):
            await self._client.wait(job_id, seconds)
        return await self.status(job_id)

    async def cancel(self, job_id: str) -> Job:
        """Stops one job."""
        await self._check_job(job_id)
        return await self._client.cancel(job_id)

    async def why(self, job_id: str) -> Why:
        """What one job waits for."""
        await self._check_job(job_id)
        return await self._client.why(job_id)

    async def batch(self, batch_id: str) -> Batch:
        """One batch."""
        await self.check()
        batch = await self._client.batch(batch_id)
        if not self._limits.show(batch):
            raise UnknownBatch(batch_id)
        return batch

    async def enqueue_batch(
        self, rows: AsyncIterator[Any], options: Mapping[str, Any], on_rejected: OnRejected
    ) -> BatchReceipt:
        """Takes rows as one batch."""
        own: Any = {"sender": None, **self._limits.own(options, options.get("sender"))}
        own["name"] = own.get("name") or ""
        hidden = _without_job(on_rejected) if self._limits.senders is not None else on_rejected
        try:
            return await self._client.enqueue_batch(self._while_good(rows), on_rejected=hidden, **own)
        except BatchKeyConflict as error:
            # As with jobs: senders of one tenant share its keys, but not its batches.
            with suppress(UnknownBatch):
                await self.batch(error.batch_id)
                raise
            raise Problem(Code.IDEMPOTENCY_CONFLICT, "The key belongs to another batch; use a new key.") from None

    async def _while_good(self, rows: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """The rows, as long as the caller's key is good: a body may come for hours."""
        checked = time.monotonic()
        async for row in rows:
            if time.monotonic() - checked >= CHECK_SECONDS:
                await self.check()
                checked = time.monotonic()
            yield row

    async def wait_batch(self, batch_id: str, seconds: float) -> Batch:
        """One batch, when it is final or the time is over."""
        batch = await self.batch(batch_id)
        if batch.final or not seconds:
            return batch
        with suppress(WaitTimeout):
            await self._client.wait_batch(batch_id, seconds)
        return await self.batch(batch_id)

    async def batch_jobs(self, batch_id: str, state: str | None, cursor: str | None, limit: int) -> JobPage:
        """A page of one batch's jobs."""
        await self._check_batch(batch_id)
        return await self._client.batch_jobs(batch_id, state, cursor, limit)

    async def cancel_batch(self, batch_id: str) -> Batch:
        """Stops one batch."""
        await self._check_batch(batch_id)
        return await self._client.cancel_batch(batch_id)

    async def replay(self, job_id: str, *, force: bool, changes: Mapping[str, Any]) -> Job:
        """Sends a failed or uncertain job once more."""
        await self._check_job(job_id)
        return await self._client.replay(job_id, force=force, **cast("Any", changes))

    async def _check_job(self, job_id: str) -> None:
        if self._limits.any:
            await self.status(job_id)


def _without_job(on_rejected: OnRejected) -> OnRejected:
    """Tells of rejected rows without the job that has a row's idempotency key: it may be another sender's."""

    def told(error: FieldError) -> FieldError:
        conflict = error.code == FieldCode.IDEMPOTENCY_CONFLICT
        return FieldError(error.field, error.code, "belongs to another job; use a new key") if conflict else error

    return lambda rejection: on_rejected(Rejection(rejection.row, tuple(map(told, rejection.errors))))
