"""The client as one caller may use it: the only place where limits to a tenant and to senders are applied.

What a caller may not see does not exist for it: the same answer as for an id that was never given out.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, cast

from outbound_chat.client import AsyncOutboundChat
from outbound_chat.errors import FieldError, InvalidJob, UnknownBatch, UnknownJob, WaitTimeout
from outbound_chat.http._codes import Code
from outbound_chat.http._problems import Problem
from outbound_chat.jobs import Batch, BatchReceipt, Job, Rejection
from outbound_chat.reports import BudgetStatus, DeadLetters, Events, Hold, JobPage, SuppressedPage
from outbound_chat.request import Code as FieldCode, match_sender
from outbound_chat.why import Why
from outbound_chat_config import Sender, Settings

OnRejected = Callable[[Rejection], None]


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

    async def enqueue_batch(
        self, rows: AsyncIterator[Any], options: Mapping[str, Any], on_rejected: OnRejected
    ) -> BatchReceipt:
        """Takes rows as one batch."""
        own: Any = {"sender": None, **self._own(options, options.get("sender"))}
        own["name"] = own.get("name") or ""
        return await self._client.enqueue_batch(rows, on_rejected=on_rejected, **own)

    async def wait_batch(self, batch_id: str, seconds: float) -> Batch:
        """One batch, when it is final or the time is over."""
        batch = await self.batch(batch_id)
        if batch.final or not seconds:
            return batch
        with suppress(WaitTimeout):
            await self._client.wait_batch(batch_id, seconds)
        return await self._client.batch(batch_id)

    async def batch_jobs(self, batch_id: str, state: str | None, cursor: str | None, limit: int) -> JobPage:
        """A page of one batch's jobs."""
        await self._check_batch(batch_id)
        return await self._client.batch_jobs(batch_id, state, cursor, limit)

    async def cancel_batch(self, batch_id: str) -> Batch:
        """Stops one batch."""
        await self._check_batch(batch_id)
        return await self._client.cancel_batch(batch_id)

    async def hold(self, target: Mapping[str, str], reason: str) -> None:
        """Stops a scope."""
        await self._check_target(target)
        await self._client.hold(reason=reason, **self._known(target))

    async def release(self, target: Mapping[str, str]) -> bool:
        """Ends a person's hold."""
        await self._check_target(target)
        return await self._client.release(**self._known(target))

    async def holds(self) -> list[Hold]:
        """All holds."""
        self._needs_all()
        return await self._client.holds()

    async def holds_of(self, scope: str, name: str) -> list[Hold]:
        """Those of a scope that the caller has just held."""
        return [hold for hold in await self._client.holds() if (hold.scope, hold.name) == (scope, name)]

    async def replay(self, job_id: str, *, force: bool, changes: Mapping[str, Any]) -> Job:
        """Sends a failed or uncertain job once more."""
        await self._check_job(job_id)
        return await self._client.replay(job_id, force=force, **cast("Any", changes))

    async def dead_letters(self, chosen: Mapping[str, Any], *, limit: int, cursor: str | None) -> DeadLetters:
        """A page of failed and uncertain jobs."""
        if self._tenant is not None:
            chosen = {**chosen, "tenant": self._own(chosen, None, any_sender=True)["tenant"]}
        options = cast("Any", {**chosen, "budget": self.budget(chosen.get("budget"))})
        page = await self._client.dead_letters(limit=limit, cursor=cursor, **options)
        return DeadLetters(jobs=tuple(job for job in page.jobs if self._sees(job)), cursor=page.cursor)

    async def budgets(self) -> list[BudgetStatus]:
        """All budgets."""
        self._needs_all()
        return await self._client.budgets()

    def senders(self) -> dict[str, Sender]:
        """The senders that the caller may use."""
        known = self._settings.senders
        return {name: known[name] for name in sorted(known) if self._senders is None or name in self._senders}

    async def suppressed_page(self, sender: str, cursor: str | None) -> SuppressedPage:
        """A page of a sender's suppression list."""
        return await self._client.suppressed_page(sender=self._list_of(sender), cursor=cursor)

    async def suppress(self, numbers: Sequence[str], sender: str, reason: str) -> int:
        """Puts numbers on it."""
        return await self._client.suppress(numbers, sender=self._list_of(sender), reason=reason)

    async def unsuppress(self, numbers: Sequence[str], sender: str) -> int:
        """Takes numbers off it."""
        return await self._client.unsuppress(numbers, sender=self._list_of(sender))

    async def events(self, budget: str | None, since: int, wait: float) -> Events:
        """What happened in a budget."""
        self._needs_all()
        return await self._client.events(budget=self.budget(budget), since=since, wait=wait)

    def budget(self, name: str | None) -> str:
        """The budget of that name, or the only one there is."""
        known = self._settings.budgets
        if name is None and len(known) > 1:
            message = f"is required, since there are several; name one of: {', '.join(sorted(known))}"
            raise InvalidJob([FieldError("budget", FieldCode.REQUIRED, message)])
        if name is not None and name not in known:
            raise Problem(Code.UNKNOWN_BUDGET, f"Known budgets: {', '.join(sorted(known))}.")
        return name or next(iter(known))

    def _list_of(self, sender: str) -> str:
        # A list is of a sender, whoever of its tenants' customers said STOP: no tenant may read or change it alone.
        if self._tenant is not None:
            raise Problem(Code.FORBIDDEN, "Suppression lists are kept by keys of no tenant.")
        if sender not in self.senders():
            raise Problem(Code.UNKNOWN_SENDER, "The settings have no such sender, or the API key does not show it.")
        return sender

    def _needs_all(self) -> None:
        if self._limited:
            raise Problem(Code.FORBIDDEN, "This needs an API key that is not limited to a tenant or to senders.")

    async def _check_batch(self, batch_id: str) -> None:
        if self._limited:
            await self.batch(batch_id)

    async def _check_target(self, target: Mapping[str, str]) -> None:
        ((scope, name),) = target.items()
        if scope == "batch":
            await self._check_batch(name)
        elif not (scope == "tenant" and name == self._tenant and self._senders is None):
            self._needs_all()

    def _known(self, target: Mapping[str, str]) -> Mapping[str, str]:
        """The target, if the settings have it; a budget, sender or instance that they lack is none."""
        ((scope, name),) = target.items()
        senders = self._settings.senders
        if scope == "budget":
            self.budget(name)
        known = senders if scope == "sender" else {sender.instance_id for sender in senders.values()}
        if scope in {"sender", "instance"} and name not in known:
            raise Problem(Code.UNKNOWN_SENDER, "The settings have no sender of this name or instance.")
        return target

    @property
    def _limited(self) -> bool:
        return self._tenant is not None or self._senders is not None

    async def _check_job(self, job_id: str) -> None:
        if self._limited:
            await self.status(job_id)

    def _sees(self, one: Job | Batch) -> bool:
        of_tenant = self._tenant is None or one.tenant == self._tenant
        return of_tenant and (self._senders is None or one.sender in self._senders)

    def _own(self, options: Mapping[str, Any], sender: object, *, any_sender: bool = False) -> Any:
        """The options with the caller's tenant; refused where they name another, or a sender that it may not use."""
        if self._senders is not None and not any_sender and not (isinstance(sender, str) and sender in self._senders):
            raise Problem(Code.FORBIDDEN, "The API key may not use this sender.")
        if self._tenant is None:
            return options
        if options.get("tenant") is not None and options["tenant"] != self._tenant:
            raise Problem(Code.FORBIDDEN, "The API key belongs to another tenant.")
        return {**options, "tenant": self._tenant}
