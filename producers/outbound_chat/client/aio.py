"""The client for asyncio: FastAPI, aiohttp and others. Each method does the same as that of `OutboundChat`.

This class has every method of the client, in the order of the docs, so the file is long. `rows` and `numbers` may be
asynchronous iterables too. Methods without a docstring get that of `OutboundChat`.
"""

import asyncio
import time
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import closing, suppress
from functools import partial
from math import inf
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack, overload

from outbound_chat.client.closing import Closable
from outbound_chat.client.loops import InLoop
from outbound_chat.client.signatures import show_options
from outbound_chat.client.steps import (
    actions,
    cancelling,
    contact_events,
    dead_letters,
    holds,
    jobs,
    lists,
    progress,
    suppression,
    webhooks,
)
from outbound_chat.client.steps.base import Ahead, Later, Steps
from outbound_chat.client.steps.batch_keys import FileKey
from outbound_chat.client.steps.batches import BatchWriter, OnStart
from outbound_chat.client.steps.context import context_of
from outbound_chat.client.steps.earlier import earlier_batches
from outbound_chat.client.steps.find import find_jobs
from outbound_chat.client.steps.job_lists import JobWriter
from outbound_chat.client.steps.moved_senders import SenderList
from outbound_chat.client.steps.preflight import BatchPreflight
from outbound_chat.client.steps.rejections import OnProgress, OnRejected
from outbound_chat.client.steps.suppression_list import NumberList
from outbound_chat.client.steps.validation import several
from outbound_chat.client.steps.waits import Ending, Until, check_until, deadline_of, is_over, time_is_over
from outbound_chat.client.steps.why import why
from outbound_chat.client.sync import POLL_SECONDS, OutboundChat, Page
from outbound_chat.client.waiters import Waiter
from outbound_chat.model.actions import BulkAction
from outbound_chat.model.batches import Batch, BatchReceipt, EarlierBatch, Preflight
from outbound_chat.model.contact_events import ContactEventStatus, Outcome
from outbound_chat.model.errors import (
    InvalidJob,
    NotDurable,
    OutboundChatError,
    StoreError,
    StoreUnavailable,
    UnknownBatch,
)
from outbound_chat.model.history import History
from outbound_chat.model.jobs import Job, JobState
from outbound_chat.model.operations import (
    BatchPage,
    BudgetStatus,
    Cancellation,
    DeadLetters,
    DeadWebhook,
    Event,
    Events,
    Hold,
    JobPage,
    Lanes,
    NumberReceipts,
    SuppressedNumber,
    SuppressedPage,
    WebhookHost,
    WorkerStatus,
)
from outbound_chat.model.why import Why
from outbound_chat.request.options import (
    ApiOptions,
    BatchOptions,
    DeadFilter,
    HoldTarget,
    JobFilter,
    JobOptions,
    ReplayOptions,
)
from outbound_chat.store import AsyncStore, ScriptCall
from outbound_chat.store.scripts import FIRST_PAGE, MOST_BATCHES, MOST_JOBS, PaceNow
from outbound_chat_config import Settings, load_settings

T = TypeVar("T")
Row = Mapping[str, Any] | InvalidJob
Rows = Iterable[Row] | AsyncIterable[Row]
Numbers = Iterable[str] | AsyncIterable[str]


async def _each(items: Iterable[T] | AsyncIterable[T]) -> AsyncIterator[T]:
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item


class AsyncOutboundChat(Closable):
    """Enqueues messages and reports what happened to them, without blocking the event loop.

    It connects at its first call in each event loop. The connections are closed when the loop ends as `asyncio.run`
    ends it. Create the client when the server starts (in FastAPI's lifespan), and close it when the server stops.

    Every method raises `StoreUnavailable` if Redis can't be reached, `StoreError` if Redis refuses a command, and
    `ClientClosed` after `close`.
    """

    def __init__(self, *, store: AsyncStore | None = None, **values: Any) -> None:
        """Creates a client from plain values: `AsyncOutboundChat(redis_url=…, senders={…}, budgets={…})`.

        `store` replaces the connections to `redis_url`, in one event loop.

        Raises:
            SettingsError: a value is invalid.
        """
        self._setup(Settings.from_values(**values), store)

    @classmethod
    def from_settings(cls, settings: Settings | None = None, *, store: AsyncStore | None = None) -> Self:
        """Creates a client from the environment, `.env` and `outbound-chat.toml`, or from loaded settings.

        If there are no settings at all, the client can be created, but its methods raise the `SettingsError`.

        Raises:
            SettingsError: the settings can't be read or a value is invalid.
        """
        client = cls.__new__(cls)
        client._setup(settings or load_settings(needed=False), store)  # noqa: SLF001  # our own instance
        return client

    def _setup(self, settings: Settings, store: AsyncStore | None) -> None:
        self._context = context_of(settings)
        self._store = store
        self._loops: dict[asyncio.AbstractEventLoop, InLoop] = {}

    # Single jobs

    async def enqueue(self, /, **options: Unpack[JobOptions]) -> Job:
        return await self._run(jobs.enqueue(self._context, options))

    async def enqueue_request(self, /, **request: Unpack[ApiOptions]) -> Job:
        return await self._run(jobs.enqueue_request(self._context, request))

    async def enqueue_many(
        self, jobs: Iterable[JobOptions | ApiOptions] | AsyncIterable[JobOptions | ApiOptions]
    ) -> list[Job | OutboundChatError]:
        """Same as `OutboundChat.enqueue_many`; `jobs` may also be an asynchronous iterable."""
        writer = JobWriter(self._context)
        async for job in _each(several("jobs", jobs, is_one=Mapping)):
            if writer.add(job):
                await self._run(writer.flush())
        await self._run(writer.flush())
        return writer.outcomes

    async def status(self, job_id: str) -> Job:
        return await self._run(jobs.status(self._context, job_id))

    async def statuses(self, job_ids: Iterable[str]) -> dict[str, Job | None]:
        return await self._run(jobs.statuses(self._context, several("job_ids", job_ids)))

    async def jobs(self, *, limit: int = 50, cursor: str | None = None, **chosen: Unpack[JobFilter]) -> JobPage:
        return await self._run(find_jobs(self._context, chosen, cursor, limit))

    async def each_job(self, **chosen: Unpack[JobFilter]) -> AsyncIterator[Job]:
        async for page in _pages(lambda cursor: self.jobs(limit=MOST_JOBS, cursor=cursor, **chosen)):
            for job in page.jobs:
                yield job

    async def why(self, job_id: str) -> Why:
        return await self._run(why(self._context, job_id))

    async def cancel(self, job_id: str) -> Job:
        return await self._run(jobs.cancel(self._context, job_id))

    async def cancel_jobs(
        self, job_ids: Iterable[str], *, on_progress: Callable[[Cancellation], None] | None = None
    ) -> Cancellation:
        return await self._run(cancelling.cancel_jobs(self._context, several("job_ids", job_ids), on_progress))

    async def wait(
        self,
        job_id: str,
        timeout: float = 30.0,  # noqa: ASYNC109  # as its twin
        *,
        until: Until = "final",
    ) -> Job:
        check_until(until)
        return await self._wait(job_id, lambda: jobs.status(self._context, job_id), timeout, until, of_batch=False)

    # Batches

    async def enqueue_batch(
        self,
        rows: Rows,
        *,
        sender: str,
        name: str = "",
        on_rejected: OnRejected | None = None,
        on_progress: OnProgress | None = None,
        batch_key: str | FileKey | None = None,
        on_start: OnStart | None = None,
        **shared: Unpack[BatchOptions],
    ) -> BatchReceipt:
        """Same as `OutboundChat.enqueue_batch`; `rows` may also be an asynchronous iterable."""
        batch = BatchWriter(
            self._context,
            {**shared, "sender": sender},
            name=name,
            on_rejected=on_rejected,
            on_progress=on_progress,
            batch_key=batch_key,
            on_start=on_start,
        )
        try:
            await self._run(batch.prepare())
            async for row in _each(several("rows", rows, is_one=Mapping)):
                if batch.add(row):
                    await self._run(batch.flush())
            return await self._run(batch.close())
        except NotDurable:  # of the whole batch, which is closed
            raise
        except BaseException as error:
            # Who ends the program does not wait for Redis.
            if isinstance(error, Exception):
                with suppress(Exception):  # what it raises is no news beside the first error
                    await self._run(batch.settle())
            batch.explain_interruption(error)
            raise

    async def preflight_batch(
        self,
        rows: Rows,
        *,
        sender: str,
        on_rejected: OnRejected | None = None,
        on_progress: OnProgress | None = None,
        **shared: Unpack[BatchOptions],
    ) -> Preflight:
        """Same as `OutboundChat.preflight_batch`; `rows` may also be an asynchronous iterable."""
        with closing(BatchPreflight(self._context, {**shared, "sender": sender}, on_rejected, on_progress)) as flight:
            async for row in _each(several("rows", rows, is_one=Mapping)):
                flight.add(row)
            try:
                found = await self._run(flight.ask())
            except StoreUnavailable:
                found = PaceNow(int(time.time() * 1000), None)
            # It looks at every row again.
            return await asyncio.to_thread(flight.result, *found)

    async def earlier_batches(
        self, *, sender: str, batch_key: FileKey, name: str = "", **shared: Unpack[BatchOptions]
    ) -> list[EarlierBatch]:
        return await self._run(earlier_batches(self._context, {**shared, "sender": sender}, name, batch_key))

    async def batch(self, batch_id: str) -> Batch:
        return await self._run(progress.batch(self._context, batch_id))

    async def wait_batch(self, batch_id: str, timeout: float = 600.0) -> Batch:  # noqa: ASYNC109  # as its twin
        read = partial(progress.batch, self._context, batch_id, with_pace=False)
        return await self._wait(batch_id, read, timeout, of_batch=True)

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
        chosen = lists.Chosen(budget=budget, sender=sender, tenant=tenant, open=open)
        return await self._run(lists.batches(self._context, chosen, cursor, limit))

    async def each_batch(
        self,
        *,
        budget: str | None = None,
        sender: str | Collection[str] | None = None,
        tenant: str | None = None,
        open: bool = False,  # noqa: A002  # as above
    ) -> AsyncIterator[Batch]:
        chosen = lists.Chosen(budget=budget, sender=sender, tenant=tenant, open=open)
        async for page in _pages(lambda cursor: self._run(lists.batches(self._context, chosen, cursor, MOST_BATCHES))):
            for batch in page.batches:
                yield batch

    async def batch_jobs(
        self, batch_id: str, state: JobState | str | None = None, cursor: str | None = None, limit: int = 100
    ) -> JobPage:
        return await self._run(lists.batch_jobs(self._context, batch_id, state, cursor, limit))

    async def each_batch_job(self, batch_id: str, state: JobState | str | None = None) -> AsyncIterator[Job]:
        async for page in _pages(lambda cursor: self.batch_jobs(batch_id, state, cursor, MOST_JOBS)):
            for job in page.jobs:
                yield job

    async def is_file_of(self, batch_id: str, file: FileKey) -> bool | None:
        return await self._run(progress.is_file_of(self._context, batch_id, file.content))

    async def cancel_batch(self, batch_id: str) -> Batch:
        return await self._run(holds.cancel_batch(self._context, batch_id))

    async def cancel_batch_jobs(
        self,
        batch_id: str,
        *,
        rows: str | None = None,
        state: JobState | str | None = None,
        on_progress: Callable[[Cancellation], None] | None = None,
    ) -> Cancellation:
        return await self._run(cancelling.cancel_batch_jobs(self._context, batch_id, rows, state, on_progress))

    async def cancel_tenant(self, tenant: str) -> int:
        return await self._run(holds.cancel_all_of(self._context, {"tenant": tenant}))

    async def cancel_sender(self, sender: str) -> int:
        return await self._run(holds.cancel_all_of(self._context, {"sender": sender}))

    # Jobs that failed

    async def dead_letters(
        self, *, limit: int = 100, cursor: str | None = None, **chosen: Unpack[DeadFilter]
    ) -> DeadLetters:
        return await self._run(dead_letters.dead_letters(self._context, chosen, limit, cursor))

    async def each_dead_letter(self, **chosen: Unpack[DeadFilter]) -> AsyncIterator[Job]:
        async for page in _pages(lambda cursor: self.dead_letters(limit=MOST_JOBS, cursor=cursor, **chosen)):
            for job in page.jobs:
                yield job

    async def count_dead(self, budget: str | None = None) -> Mapping[tuple[JobState, str], int]:
        return await self._run(dead_letters.count_dead(self._context, budget))

    async def replay(self, job_id: str, *, force: bool = False, **changes: Unpack[ReplayOptions]) -> Job:
        return await self._run(dead_letters.replay(self._context, job_id, force=force, changes=changes))

    async def replay_all(self, **chosen: Unpack[DeadFilter]) -> AsyncIterator[Job]:
        async for job in self.each_dead_letter(**chosen):
            yield await self.replay(job.id)

    async def start_replay(self, *, force: bool = False, **chosen: Unpack[DeadFilter]) -> BulkAction:
        return await self._run(actions.start_replay(self._context, chosen, force=force))

    async def actions(self, budget: str | None = None) -> list[BulkAction]:
        return await self._run(actions.actions(self._context, budget))

    async def stop_action(self, action_id: str) -> BulkAction | None:
        return await self._run(actions.stop_action(self._context, action_id))

    # Holds, pace and events

    @overload
    async def hold(self, *, reason: str, budget: str) -> None: ...
    @overload
    async def hold(self, *, reason: str, sender: str) -> None: ...
    @overload
    async def hold(self, *, reason: str, instance: str) -> None: ...
    @overload
    async def hold(self, *, reason: str, tenant: str) -> None: ...
    @overload
    async def hold(self, *, reason: str, batch: str) -> None: ...
    async def hold(self, *, reason: str, **target: Unpack[HoldTarget]) -> None:
        await self._run(holds.hold(self._context, target, reason))

    @overload
    async def release(self, *, budget: str) -> bool: ...
    @overload
    async def release(self, *, sender: str) -> bool: ...
    @overload
    async def release(self, *, instance: str) -> bool: ...
    @overload
    async def release(self, *, tenant: str) -> bool: ...
    @overload
    async def release(self, *, batch: str) -> bool: ...
    async def release(self, **target: Unpack[HoldTarget]) -> bool:
        return await self._run(holds.release(self._context, target))

    async def holds(self) -> list[Hold]:
        return await self._run(holds.holds(self._context))

    async def contact_closed(self, contact_id: str) -> bool:
        return await self._run(holds.contact_closed(self._context, contact_id))

    async def ingest_contact_events(self, events: Iterable[object]) -> list[Outcome]:
        return await self._run(contact_events.ingest(self._context, events))

    async def contact_event_status(self) -> list[ContactEventStatus]:
        return await self._run(contact_events.status(self._context))

    async def budgets(self) -> list[BudgetStatus]:
        return await self._run(lists.budgets(self._context))

    async def workers(self) -> list[WorkerStatus]:
        return await self._run(lists.workers(self._context))

    async def receipts(self, *, hours: int = 24) -> list[NumberReceipts]:
        return await self._run(lists.receipts(self._context, hours))

    async def lanes(self, *, limit: int = 20) -> Lanes:
        return await self._run(lists.lanes(self._context, limit))

    async def history(self, *, budget: str | None = None, hours: int = 1, step: int = 1) -> History:
        return await self._run(lists.history(self._context, budget, hours, step))

    async def events(self, *, since: int = 0, budget: str | None = None, wait: float = 0.0) -> Events:
        deadline = deadline_of(wait, "wait")
        while True:
            found = await self._run(lists.events(self._context, budget, since))
            if found.events or found.missed or time.monotonic() >= deadline:
                return found
            await asyncio.sleep(POLL_SECONDS)

    async def each_event(
        self, *, since: int = 0, budget: str | None = None, follow: bool = False
    ) -> AsyncIterator[Event]:
        found = None
        while found is None or follow or len(found.events) == lists.MOST_EVENTS:
            found = await self.events(since=since, budget=budget, wait=inf if follow else 0.0)
            for event in found.events:
                yield event
            since = found.next

    # Suppression lists

    async def suppress(
        self,
        numbers: Numbers,
        *,
        sender: str,
        reason: str = "",
        on_rejected: OnRejected | None = None,
        on_progress: OnProgress | None = None,
    ) -> int:
        return await self._write(numbers, suppression.suppress(self._context, sender, reason, on_rejected, on_progress))

    async def unsuppress(
        self,
        numbers: Numbers,
        *,
        sender: str,
        on_rejected: OnRejected | None = None,
        on_progress: OnProgress | None = None,
    ) -> int:
        return await self._write(numbers, suppression.unsuppress(self._context, sender, on_rejected, on_progress))

    def suppressed(self, numbers: Numbers | None = None, *, sender: str) -> AsyncIterator[SuppressedNumber]:
        """Same as `OutboundChat.suppressed`, for `async for`."""
        listed = SenderList(self._context, sender).own
        return self._all(listed) if numbers is None else self._those(listed, several("numbers", numbers))

    async def suppressed_page(self, *, sender: str, cursor: str | None = None) -> SuppressedPage:
        return await self._run(suppression.suppressed_page(self._context, sender, cursor))

    async def rewrite_suppressed(self, *, sender: str, on_progress: Callable[[int], None] | None = None) -> int:
        return await self._run(SenderList(self._context, sender).rewrite(on_progress))

    # Webhooks

    async def webhook_hosts(self) -> list[WebhookHost]:
        return await self._run(webhooks.webhook_hosts(self._context))

    async def dead_webhooks(self, *, limit: int = 100, skip: int = 0, budget: str | None = None) -> list[DeadWebhook]:
        return await self._run(webhooks.dead_webhooks(self._context, budget, skip, limit))

    async def replay_webhooks(self, ids: Sequence[str]) -> dict[str, bool]:
        return await self._run(webhooks.replay_webhooks(self._context, several("ids", ids)))

    async def replay_all_webhooks(self, budget: str | None = None) -> int:
        return await self._run(webhooks.replay_all_webhooks(self._context, budget))

    # Connections

    async def ping(self) -> None:
        await self._here().store.ping()

    async def close(self) -> None:
        """Closes the connections to Redis. Afterwards, other methods raise `ClientClosed`; closing again does nothing.

        Connections of other event loops are closed when those loops end.
        """
        had = self._take()
        here = had["_loops"].get(asyncio.get_running_loop()) if had else None
        if open_store := here or had.get("_store"):
            await open_store.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _wait(
        self,
        id_: str,
        read: Callable[[], Steps[Ending]],
        timeout: float,  # noqa: ASYNC109
        until: Until = "final",
        *,
        of_batch: bool,
    ) -> Ending:
        deadline = deadline_of(timeout)
        async with self._here().waiters.subscribed(self._context.channel(id_), id_, of_batch=of_batch) as waiter:
            while not (over := await self._run(is_over(self._context, found := await self._run(read()), until))):
                if (left := deadline - time.monotonic()) <= 0:
                    break
                await waiter.woken(left)
        return found if over else await self._run(time_is_over(self._context, found, until))

    async def _finals(self, waiters: Collection[Waiter]) -> set[Waiter]:
        """Returns the waiters whose job or batch is final or no longer exists."""
        found = await self.statuses({waiter.id for waiter in waiters if not waiter.of_batch})
        final = {id_ for id_, job in found.items() if job is None or job.final}
        final |= {id_ for id_ in {one.id for one in waiters if one.of_batch} if await self._batch_is_final(id_)}
        return {waiter for waiter in waiters if waiter.id in final}

    async def _batch_is_final(self, batch_id: str) -> bool:
        try:
            return (await self._run(progress.batch(self._context, batch_id, with_pace=False))).final
        except UnknownBatch:
            return True

    def _here(self) -> InLoop:
        """Returns the connections of the running event loop; connects if there are none."""
        loop = asyncio.get_running_loop()
        if loop not in self._loops:
            for other in [one for one in list(self._loops) if one.is_closed()]:  # other threads add theirs
                self._loops.pop(other, None)
            store = self._store or AsyncStore.from_settings(self._context.settings)
            self._loops[loop] = InLoop(store, self._finals)
        return self._loops[loop]

    async def _run(self, steps: Steps[T]) -> T:
        try:
            call = next(steps)
            while True:
                try:
                    answer = await self._answer(call)
                except StoreError as error:
                    call = steps.throw(error)
                else:
                    call = steps.send(answer)
        except StopIteration as end:
            result: T = end.value
            return result

    async def _answer(self, call: ScriptCall[Any] | Ahead[Any] | Later[Any]) -> Any:
        match call:
            case Ahead(ahead):
                # Other tasks work meanwhile.
                return Later(await self._here().store.run(ahead))
            case Later(answer):
                return answer
            case _:
                return await self._here().store.run(call)

    async def _write(self, numbers: Numbers, writer: suppression.NumberWriter) -> int:
        async for number in _each(several("numbers", numbers)):
            if writer.add(number):
                await self._run(writer.flush())
        return await self._run(writer.close())

    async def _all(self, listed: NumberList) -> AsyncIterator[SuppressedNumber]:
        cursor = ""
        while cursor != FIRST_PAGE:
            cursor, page = await self._run(listed.page(cursor or FIRST_PAGE))
            for found in page:
                yield found

    async def _those(self, listed: NumberList, numbers: Numbers) -> AsyncIterator[SuppressedNumber]:
        chunk = suppression.Chunk()
        async for number in _each(numbers):
            if chunk.add(number):
                for found in await self._run(listed.among(chunk.take())):
                    yield found
        for found in await self._run(listed.among(chunk.take())):
            yield found
        chunk.check()


async def _pages(read: Callable[[str | None], Awaitable[Page]]) -> AsyncIterator[Page]:
    page = await read(None)
    yield page
    while page.cursor is not None:
        page = await read(page.cursor)
        yield page


show_options(AsyncOutboundChat)
for _name, _method in vars(AsyncOutboundChat).items():
    if not _name.startswith("_") and not _method.__doc__:
        _method.__doc__ = getattr(OutboundChat, _name).__doc__
