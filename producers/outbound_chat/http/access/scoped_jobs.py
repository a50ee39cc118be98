"""Jobs and batches within the restrictions of an API key."""

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, cast

from outbound_chat.client import AsyncOutboundChat
from outbound_chat.client.steps.waits import Until
from outbound_chat.http.access.restrictions import Restrictions
from outbound_chat.http.wire.codes import ProblemCode
from outbound_chat.http.wire.problems import Problem
from outbound_chat.http.wire.responses import with_why
from outbound_chat.model.batches import Batch, BatchReceipt, Rejection
from outbound_chat.model.errors import (
    BatchKeyConflict,
    FieldError,
    IdempotencyConflict,
    InvalidJob,
    UnknownBatch,
    UnknownJob,
    WaitTimeout,
)
from outbound_chat.model.jobs import Job
from outbound_chat.model.json import json_default
from outbound_chat.model.operations import BatchPage, Cancellation, JobPage
from outbound_chat.model.why import Why
from outbound_chat.request import FieldCode, match_sender
from outbound_chat.request.options import is_raw

OnRejected = Callable[[Rejection], None]
CHECK_SECONDS = 1.0
"""How often the key is checked while rows stream in. A revoked key ends the stream."""


@dataclass(frozen=True)
class Scoped:
    """The calls of a noun, within the restrictions of an API key."""

    _client: AsyncOutboundChat
    _restrictions: Restrictions


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
        return await _waited(self.status, self._client.wait, job_id, seconds, until=until)

    async def cancel(self, job_id: str) -> Job:
        """Cancels one job."""
        await self._check(job_id)
        return await self._client.cancel(job_id)

    async def cancel_many(self, job_ids: Sequence[str]) -> Cancellation:
        """Cancels many jobs; those that the key may not see are unknown."""
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
        await self._check(job_id)
        return await self._client.replay(job_id, force=force, **cast("Any", changes))

    async def _check(self, job_id: str) -> None:
        if self._restrictions.any:
            await self.status(job_id)


class ScopedBatches(Scoped):
    """Batches that the key may see."""

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
            # As with jobs: senders of one tenant share its keys, but must not see each other's batches.
            if await self.shows(error.batch_id):
                raise
            raise Problem(
                ProblemCode.IDEMPOTENCY_CONFLICT, "The key belongs to another batch; use a new key."
            ) from None

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

    async def shows(self, batch_id: str) -> bool:
        """Returns whether the key may see the batch."""
        with suppress(UnknownBatch):
            await self.status(batch_id)
            return True
        return False

    async def wait(self, batch_id: str, seconds: float) -> Any:
        """Returns a batch once it is final, or, if that takes too long, with the reason why its next job waits."""
        return await _waited(self.status, self._client.wait_batch, batch_id, seconds)

    async def jobs(self, batch_id: str, state: str | None, cursor: str | None, limit: int) -> JobPage:
        """Returns a page of one batch's jobs."""
        await self.check(batch_id)
        return await self._client.batch_jobs(batch_id, state, cursor, limit)

    async def cancel(self, batch_id: str) -> Batch:
        """Cancels one batch."""
        await self.check(batch_id)
        return await self._client.cancel_batch(batch_id)

    async def cancel_part(self, batch_id: str, part: Mapping[str, str]) -> dict[str, Any]:
        """Cancels some rows, or jobs of a state, of one batch; returns it as JSON has it, with what became of these."""
        await self.check(batch_id)
        cancelled = await self._client.cancel_batch_jobs(batch_id, rows=part.get("rows"), state=part.get("state"))
        return {**json_default(await self._client.batch(batch_id)), "part": cancelled}

    async def check(self, batch_id: str) -> None:
        """Raises `UnknownBatch` if the key may not see the batch."""
        if self._restrictions.any:
            await self.status(batch_id)


async def _waited(status: Callable[[str], Any], wait: Callable[..., Any], id_: str, seconds: float, **more: Any) -> Any:
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


def _without_job(on_rejected: OnRejected) -> OnRejected:
    """Removes from rejections the id of the job that has a row's idempotency key, since it may be another sender's."""

    def hidden(error: FieldError) -> FieldError:
        conflict = error.code == FieldCode.IDEMPOTENCY_CONFLICT
        return FieldError(error.field, error.code, "belongs to another job; use a new key") if conflict else error

    return lambda rejection: on_rejected(Rejection(rejection.row, tuple(map(hidden, rejection.errors))))
