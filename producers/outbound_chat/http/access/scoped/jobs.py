"""Single jobs, within the restrictions of an API key."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

from outbound_chat.client import AsyncOutboundChat
from outbound_chat.http.access.restrictions import Restrictions
from outbound_chat.http.wire.codes import ProblemCode
from outbound_chat.http.wire.problems import Problem
from outbound_chat.model.errors import IdempotencyConflict, UnknownJob, WaitTimeout
from outbound_chat.model.jobs import Job
from outbound_chat.model.why import Why
from outbound_chat.request import match_sender


@dataclass(frozen=True, slots=True)
class ScopedJobs:
    """Jobs that the key may see."""

    _client: AsyncOutboundChat
    _restrictions: Restrictions

    async def enqueue(self, options: Mapping[str, Any]) -> Job:
        """Enqueues a job in its short form."""
        return await self._enqueued(self._client.enqueue, self._restrictions.own(options, options.get("sender")))

    async def enqueue_request(self, request: Mapping[str, Any]) -> Job:
        """Enqueues a job as a raw API request."""
        sender = request.get("sender")
        if sender is None and self._restrictions.senders is not None:
            sender = match_sender(request, self._restrictions.known_senders())
            request = {**request, "sender": sender}
        return await self._enqueued(self._client.enqueue_request, self._restrictions.own(request, sender))

    async def _enqueued(self, call: Callable[..., Awaitable[Job]], options: Mapping[str, Any]) -> Job:
        try:
            return await call(**options)
        except IdempotencyConflict as error:
            # Senders of one tenant share its idempotency keys, but not what became of the jobs.
            if (await self.statuses([error.job_id]))[error.job_id] is None:
                raise Problem(
                    ProblemCode.IDEMPOTENCY_CONFLICT, "The key belongs to another job; use a new key."
                ) from None
            raise

    async def status(self, job_id: str) -> Job:
        """One job."""
        await self._restrictions.check()
        job = await self._client.status(job_id)
        if not self._restrictions.show(job):
            raise UnknownJob(job_id)
        return job

    async def statuses(self, job_ids: Sequence[str]) -> dict[str, Job | None]:
        """Many jobs; None for those that the key does not show."""
        found = await self._client.statuses(job_ids)
        return {job_id: job if job and self._restrictions.show(job) else None for job_id, job in found.items()}

    async def wait(self, job_id: str, seconds: float) -> Job:
        """One job, when it is final or the time is over."""
        job = await self.status(job_id)
        if job.final or not seconds:
            return job
        with suppress(WaitTimeout):
            await self._client.wait(job_id, seconds)
        return await self.status(job_id)

    async def cancel(self, job_id: str) -> Job:
        """Cancels one job."""
        await self._check(job_id)
        return await self._client.cancel(job_id)

    async def why(self, job_id: str) -> Why:
        """What one job waits for."""
        await self._check(job_id)
        return await self._client.why(job_id)

    async def replay(self, job_id: str, *, force: bool, changes: Mapping[str, Any]) -> Job:
        """Sends a failed or uncertain job again."""
        await self._check(job_id)
        return await self._client.replay(job_id, force=force, **cast("Any", changes))

    async def _check(self, job_id: str) -> None:
        if self._restrictions.any:
            await self.status(job_id)
