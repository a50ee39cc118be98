"""Jobs within the restrictions of an API key."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from outbound_chat.client.steps.waits import Until
from outbound_chat.http.access.audit import Scoped
from outbound_chat.http.wire.codes import ProblemCode
from outbound_chat.http.wire.problems import Problem
from outbound_chat.http.wire.responses import with_why
from outbound_chat.model.errors import (
    IdempotencyConflict,
    InvalidJob,
    UnknownJob,
    WaitTimeout,
)
from outbound_chat.model.jobs import Job
from outbound_chat.model.operations import Cancellation, JobPage
from outbound_chat.model.why import Why
from outbound_chat.request import match_sender
from outbound_chat.request.options import is_raw


class ScopedJobs(Scoped):
    """Jobs that the key may see."""

    async def enqueue(self, options: Mapping[str, Any]) -> Job:
        """Enqueues a job in its short form or as a raw API request."""
        enqueue = self._client.enqueue_request if is_raw(options) else self._client.enqueue
        try:
            return await enqueue(**self._own(options))
        except IdempotencyConflict as error:
            raise (await self._hide(error))[0] from None

    async def enqueue_many(self, jobs: AsyncIterator[Mapping[str, Any] | InvalidJob]) -> list[Job | Exception]:
        """Enqueues many; returns, in order, each job or the error that `enqueue` would raise."""
        refused: dict[int, Exception] = {}
        number = 0

        async def own() -> AsyncIterator[Any]:
            nonlocal number
            async for options in jobs:
                try:
                    if isinstance(options, InvalidJob):
                        raise options
                    mine = self._own(options)
                except (Problem, InvalidJob) as error:
                    refused[number] = error
                else:
                    yield mine
                number += 1

        found = await self._client.enqueue_many(own())
        conflicts = iter(await self._hide(*(one for one in found if isinstance(one, IdempotencyConflict))))
        outcomes = (next(conflicts) if isinstance(one, IdempotencyConflict) else one for one in found)
        return [refused[place] if place in refused else next(outcomes) for place in range(number)]

    async def among_rate(self, number: int) -> int:
        """Returns how many of that many jobs the rate of the key allows. This request itself counts for the first."""
        return 1 + await self._restrictions.spend(number - 1) if number > 1 else number

    def _own(self, options: Mapping[str, Any]) -> Any:
        sender = options.get("sender")
        if sender is None and self._restrictions.senders is not None and is_raw(options):
            sender = match_sender(options, self._restrictions.known_senders())
            options = {**options, "sender": sender}
        return self._restrictions.own(options, sender)

    async def _hide(self, *conflicts: IdempotencyConflict) -> list[Exception]:
        """Hides jobs that the key may not see: senders of a tenant share its idempotency keys, but not their jobs."""
        seen = await self.statuses([one.job_id for one in conflicts]) if conflicts else {}
        other = Problem(ProblemCode.IDEMPOTENCY_CONFLICT, "The key belongs to another job; use a new key.")
        return [one if seen[one.job_id] else other for one in conflicts]

    async def status(self, job_id: str) -> Job:
        """Returns one job."""
        await self._restrictions.check()
        job = await self._client.status(job_id)
        if not self._restrictions.show(job):
            raise UnknownJob(job_id)
        return job

    async def statuses(self, job_ids: Sequence[str]) -> dict[str, Job | None]:
        """Returns many jobs; None for jobs that the key may not see."""
        found = await self._client.statuses(job_ids)
        return {job_id: job if job and self._restrictions.show(job) else None for job_id, job in found.items()}

    async def page(self, chosen: Mapping[str, Any], cursor: str | None, limit: int) -> JobPage:
        """Returns a page of single jobs, or of those with a number or an idempotency key."""
        return await self._client.jobs(cursor=cursor, limit=limit, **self._restrictions.own_list(chosen))

    async def wait(self, job_id: str, seconds: float, until: Until) -> Any:
        """Returns a job once it is final, or, if that takes too long, with the reason why it waits, as JSON."""
        return await waited(self.status, self._client.wait, job_id, seconds, until=until)

    async def cancel(self, job_id: str) -> Job:
        """Cancels one job."""
        async with self.audited("cancel", f"job {job_id}"):
            await self._check(job_id)
            return await self._client.cancel(job_id)

    async def cancel_many(self, job_ids: Sequence[str]) -> Cancellation:
        """Cancels many jobs; those that the key may not see are unknown."""
        async with self.audited("cancel", f"{len(job_ids)} jobs"):
            if not self._restrictions.any:
                return await self._client.cancel_jobs(job_ids)
            seen = await self.statuses(job_ids)
            found = await self._client.cancel_jobs([job_id for job_id, job in seen.items() if job])
        unknown = (*(job_id for job_id, job in seen.items() if job is None), *found.unknown)
        return replace(found, unknown=unknown, looked=len(seen), total=len(seen))

    async def why(self, job_id: str) -> Why:
        """Explains why a job waits."""
        await self._check(job_id)
        return await self._client.why(job_id)

    async def replay(self, job_id: str, *, force: bool, changes: Mapping[str, Any]) -> Job:
        """Replays a failed or uncertain job."""
        async with self.audited("replay", f"job {job_id}"):
            await self._check(job_id)
            return await self._client.replay(job_id, force=force, **cast("Any", changes))

    async def _check(self, job_id: str) -> None:
        if self._restrictions.any:
            await self.status(job_id)


async def waited(status: Callable[[str], Any], wait: Callable[..., Any], id_: str, seconds: float, **more: Any) -> Any:
    """`status` is asked before and after: the key must be valid, and see the record, at both times."""
    found, why = await status(id_), None
    if found.final and more.get("until", "final") == "final":
        return found
    try:
        await wait(id_, seconds, **more)
    except WaitTimeout as timeout:
        why = timeout.why
    found = await status(id_)
    return found if found.final or why is None else with_why(found, why)
