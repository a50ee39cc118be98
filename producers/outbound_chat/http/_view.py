"""The client as one caller may use it: the only place where limits to a tenant and to senders are applied.

What a caller may not see does not exist for it: the same answer as for an id that was never given out.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from outbound_chat.client import AsyncOutboundChat
from outbound_chat.errors import UnknownBatch, UnknownJob, WaitTimeout
from outbound_chat.http._codes import Code
from outbound_chat.http._problems import Problem
from outbound_chat.jobs import Batch, Job
from outbound_chat.request import match_sender
from outbound_chat.why import Why
from outbound_chat_config import Settings


class View:
    """What one caller sees."""

    def __init__(
        self, client: AsyncOutboundChat, settings: Settings, *, tenant: str | None, senders: frozenset[str] | None
    ) -> None:
        self._client = client
        self._settings = settings
        self._tenant = tenant
        self._senders = senders

    async def enqueue(self, options: Mapping[str, Any]) -> Job:
        """Takes a job in its short form."""
        own = self._own(options, options.get("sender"))
        return await self._client.enqueue(**own)

    async def enqueue_request(self, request: Mapping[str, Any]) -> Job:
        """Takes a job as a raw API request."""
        sender = request.get("sender")
        if sender is None and self._senders is not None:
            sender = match_sender(request, self._settings.senders)
        return await self._client.enqueue_request(**self._own(request, sender))

    async def status(self, job_id: str) -> Job:
        """One job."""
        job = await self._client.status(job_id)
        if not self._sees(job):
            raise UnknownJob(job_id)
        return job

    async def statuses(self, job_ids: Sequence[str]) -> dict[str, Job | None]:
        """Many jobs; None for those that the caller does not see."""
        found = await self._client.statuses(job_ids)
        return {job_id: job if job and self._sees(job) else None for job_id, job in found.items()}

    async def wait(self, job_id: str, seconds: float) -> Job:
        """One job, when it is final or the time is over."""
        job = await self.status(job_id)
        if job.final or not seconds:
            return job
        try:
            return await self._client.wait(job_id, seconds)
        except WaitTimeout:
            return await self._client.status(job_id)

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
        batch = await self._client.batch(batch_id)
        if not self._sees(batch):
            raise UnknownBatch(batch_id)
        return batch

    @property
    def _limited(self) -> bool:
        return self._tenant is not None or self._senders is not None

    async def _check_job(self, job_id: str) -> None:
        if self._limited:
            await self.status(job_id)

    def _sees(self, one: Job | Batch) -> bool:
        of_tenant = self._tenant is None or one.tenant == self._tenant
        return of_tenant and (self._senders is None or one.sender in self._senders)

    def _own(self, options: Mapping[str, Any], sender: object) -> Any:
        """The options with the caller's tenant; refused where they name another, or a sender that it may not use."""
        if self._senders is not None and not (isinstance(sender, str) and sender in self._senders):
            raise Problem(Code.FORBIDDEN, "The API key may not use this sender.")
        if self._tenant is None:
            return options
        if options.get("tenant") is not None and options["tenant"] != self._tenant:
            raise Problem(Code.FORBIDDEN, "The API key belongs to another tenant.")
        return {**options, "tenant": self._tenant}
