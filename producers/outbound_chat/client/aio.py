"""The client for asyncio: FastAPI, aiohttp and the like. Each verb promises what its twin of `OutboundChat` does."""

import time
from collections.abc import AsyncIterable, AsyncIterator, Callable, Collection, Iterable, Mapping
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

from outbound_chat.client._operations_async import AsyncOperations
from outbound_chat.client._suppressing import AsyncSuppressing
from outbound_chat.client.documented import documented_by
from outbound_chat.client.options import ApiOptions, BatchOptions, JobOptions
from outbound_chat.client.steps.base import Steps
from outbound_chat.client.steps.batch_keys import FileKey
from outbound_chat.client.steps.batches import BatchWriter, OnStart
from outbound_chat.client.steps.holds import Control
from outbound_chat.client.steps.jobs import Verbs, time_left
from outbound_chat.client.steps.preflight import BatchPreflight
from outbound_chat.client.steps.rejections import OnProgress, OnRejected
from outbound_chat.client.steps.webhooks import AsyncWebhooks
from outbound_chat.client.steps.why import why
from outbound_chat.client.sync import Ending, OutboundChat
from outbound_chat.client.waiters import Waiter, WaiterHub
from outbound_chat.model.errors import InvalidJob, NotDurable, StoreError, StoreUnavailable, UnknownBatch
from outbound_chat.model.jobs import Batch, BatchReceipt, Job, Preflight
from outbound_chat.model.why import Why
from outbound_chat.store import AsyncStore
from outbound_chat_config import Settings, load_settings

T = TypeVar("T")
Row = Mapping[str, Any] | InvalidJob
Rows = Iterable[Row] | AsyncIterable[Row]


async def _each(rows: Rows) -> AsyncIterator[Row]:
    if isinstance(rows, AsyncIterable):
        async for row in rows:
            yield row
    else:
        for row in rows:
            yield row


class AsyncOutboundChat(AsyncOperations, AsyncSuppressing, AsyncWebhooks):
    """Enqueues jobs and tells what became of them, without blocking the event loop.

    One instance serves one loop, to which its connections belong: make one for each event loop and each process, in
    the start-up code that the server runs in its workers (FastAPI's lifespan), not where a module is imported.

    Every method raises `StoreUnavailable` when Redis can't be reached, and `StoreError` when it refuses.
    """

    def __init__(self, *, store: AsyncStore | None = None, **values: Any) -> None:
        """A client from plain values: `AsyncOutboundChat(redis_url=…, senders={…})`, as `Settings` takes them.

        Raises:
            SettingsError: a value is refused.
        """
        self._setup(Settings.from_values(**values), store)

    @classmethod
    def from_settings(cls, settings: Settings | None = None, *, store: AsyncStore | None = None) -> Self:
        """A client from the environment, `.env` and `outbound-chat.toml`, or from settings that were loaded before.

        Raises:
            SettingsError: the settings can't be read or a value is refused.
        """
        client = cls.__new__(cls)
        client._setup(settings or load_settings(), store)  # noqa: SLF001  # our own instance
        return client

    def _setup(self, settings: Settings, store: AsyncStore | None) -> None:
        self._settings = settings
        self._verbs = Verbs(settings)
        self._control = Control(self._verbs)
        self._store = store or AsyncStore.from_settings(settings)
        self._waiters = WaiterHub(self._store, self._finals)

    @documented_by(OutboundChat.enqueue)
    async def enqueue(self, /, **options: Unpack[JobOptions]) -> Job:
        return await self._run(self._verbs.enqueue(options))

    @documented_by(OutboundChat.enqueue_request)
    async def enqueue_request(self, /, **request: Unpack[ApiOptions]) -> Job:
        return await self._run(self._verbs.enqueue_request(request))

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
        """As `OutboundChat.enqueue_batch`; `rows` may be an asynchronous iterable too."""
        options: dict[str, Any] = {**shared, "sender": sender}
        batch = BatchWriter(
            self._verbs,
            options,
            name=name,
            on_rejected=on_rejected,
            on_progress=on_progress,
            batch_key=batch_key,
            on_start=on_start,
        )
        try:
            await self._run(batch.prepare())
            async for row in _each(rows):
                if batch.add(row):
                    await self._run(batch.flush())
            return await self._run(batch.close())
        except NotDurable:  # of the whole batch, which is closed
            raise
        except BaseException as error:
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
        """As `OutboundChat.preflight_batch`; `rows` may be an asynchronous iterable too."""
        options: dict[str, Any] = {**shared, "sender": sender}
        with BatchPreflight(self._verbs, options, on_rejected=on_rejected, on_progress=on_progress) as flight:
            async for row in _each(rows):
                flight.add(row)
            try:
                return flight.result(*await self._run(flight.ask()))
            except StoreUnavailable:
                return flight.result(int(time.time() * 1000), None)

    @documented_by(OutboundChat.status)
    async def status(self, job_id: str) -> Job:
        return await self._run(self._verbs.status(job_id))

    @documented_by(OutboundChat.statuses)
    async def statuses(self, job_ids: Iterable[str]) -> dict[str, Job | None]:
        return await self._run(self._verbs.statuses(job_ids))

    @documented_by(OutboundChat.why)
    async def why(self, job_id: str) -> Why:
        return await self._run(why(self._verbs, job_id))

    @documented_by(OutboundChat.batch)
    async def batch(self, batch_id: str) -> Batch:
        return await self._run(self._verbs.batch(batch_id))

    @documented_by(OutboundChat.cancel)
    async def cancel(self, job_id: str) -> Job:
        return await self._run(self._verbs.cancel(job_id))

    @documented_by(OutboundChat.wait)
    async def wait(self, job_id: str, timeout: float = 30.0) -> Job:  # noqa: ASYNC109  # as its twin
        return await self._wait(job_id, lambda: self._verbs.status(job_id), timeout, of_batch=False)

    @documented_by(OutboundChat.wait_batch)
    async def wait_batch(self, batch_id: str, timeout: float = 600.0) -> Batch:  # noqa: ASYNC109  # as its twin
        read = partial(self._verbs.batch, batch_id, with_pace=False)
        return await self._wait(batch_id, read, timeout, of_batch=True)

    async def _wait(
        self,
        id_: str,
        read: Callable[[], Steps[Ending]],
        timeout: float,  # noqa: ASYNC109
        *,
        of_batch: bool,
    ) -> Ending:
        deadline = time.monotonic() + timeout
        found = await self._run(read())
        if found.final:
            return found
        async with self._waiters.subscribed(self._verbs.channel(id_), id_, of_batch=of_batch) as waiter:
            while not (found := await self._run(read())).final:
                await waiter.woken(time_left(id_, deadline))
        return found

    async def _finals(self, waiters: Collection[Waiter]) -> set[Waiter]:
        """Those who need wait no longer: what they wait for has ended, or is gone."""
        jobs = await self.statuses({waiter.id for waiter in waiters if not waiter.of_batch})
        batches = {id_: await self._batch_is_over(id_) for id_ in {one.id for one in waiters if one.of_batch}}
        over = {id_ for id_, job in jobs.items() if job is None or job.final} | {id_ for id_ in batches if batches[id_]}
        return {waiter for waiter in waiters if waiter.id in over}

    async def _batch_is_over(self, batch_id: str) -> bool:
        try:
            return (await self._run(self._verbs.batch(batch_id, with_pace=False))).final
        except UnknownBatch:
            return True

    async def _run(self, steps: Steps[T]) -> T:
        try:
            call = next(steps)
            while True:
                try:
                    answer = await self._store.run(call)
                except StoreError as error:
                    call = steps.throw(error)
                else:
                    call = steps.send(answer)
        except StopIteration as end:
            result: T = end.value
            return result

    @documented_by(OutboundChat.ping)
    async def ping(self) -> None:
        await self._store.ping()

    async def close(self) -> None:
        """Closes the connections to Redis."""
        await self._waiters.close()
        await self._store.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
