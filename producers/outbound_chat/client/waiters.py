"""Lets all waiters share one connection, which subscribes to the channels of their jobs and batches.

A notification can be lost with its connection, so all these jobs and batches are read again every 10 seconds and after
each new connection: in bulk, so that 1,000 waiters cost two round trips and not 1,000.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager, suppress

from outbound_chat.model.errors import StoreError, StoreUnavailable
from outbound_chat.store import AsyncStore, AsyncSubscription

REREAD_SECONDS = 10.0
READ_SECONDS = 5.0
"""Longest silence before the connection is checked."""

CANCEL_SECONDS = 1.0
"""Time for a cancelled task to end before it is cancelled again, since a cancellation can get lost."""

RECONNECT_SECONDS = 0.05
"""Pause between two connections, so that a server that drops each one immediately is not overloaded."""

Finals = Callable[[Collection["Waiter"]], Awaitable[set["Waiter"]]]
"""Returns the waiters whose wait is over."""


class Waiter:
    """A wait for the end of a job or batch."""

    def __init__(self, id_: str, *, of_batch: bool) -> None:
        self.id = id_
        self.of_batch = of_batch
        self._signal = asyncio.Event()
        self._error: StoreError | None = None

    def wake(self, error: StoreError | None = None) -> None:
        """Makes it read again, or fail."""
        self._error = error
        self._signal.set()

    async def woken(self, seconds: float) -> None:
        """Returns when there may be something new, or after `seconds`.

        Raises:
            StoreError: Redis can't be reached or refuses.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._signal.wait()
        self._signal.clear()
        if self._error:
            raise self._error


class _Channel:
    """The waiters of one channel."""

    def __init__(self) -> None:
        self.waiters: set[Waiter] = set()
        self.is_subscribed = asyncio.Event()


class WaiterHub:
    """Wakes the waiters of a client, which belongs to one event loop, when they should read again."""

    def __init__(self, store: AsyncStore, finals: Finals) -> None:
        self._store = store
        self._finals = finals
        self._channels: dict[str, _Channel] = {}
        self._subscribed: set[str] = set()
        self._changed = asyncio.Event()
        self._reread = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._parts: set[asyncio.Task[None]] = set()
        """The tasks that `_task` waits for."""

    @asynccontextmanager
    async def subscribed(self, channel: str, id_: str, *, of_batch: bool) -> AsyncIterator[Waiter]:
        """Adds a waiter, which misses nothing that is published from now on."""
        waiter = Waiter(id_, of_batch=of_batch)
        found = self._channels.setdefault(channel, _Channel())
        found.waiters.add(waiter)
        self._changed.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        try:
            await self._until_subscribed(found, waiter)
            yield waiter
        finally:
            found.waiters.discard(waiter)
            if not found.waiters and self._channels.get(channel) is found:
                del self._channels[channel]
                self._changed.set()

    async def _until_subscribed(self, channel: _Channel, waiter: Waiter) -> None:
        subscribed = asyncio.ensure_future(channel.is_subscribed.wait())
        failed = asyncio.ensure_future(waiter.woken(self._store.seconds))
        try:
            await asyncio.wait({subscribed, failed}, return_when=asyncio.FIRST_COMPLETED)
            if failed.done():
                failed.result()
        finally:
            subscribed.cancel()
            failed.cancel()
            await asyncio.gather(subscribed, failed, return_exceptions=True)

    async def close(self) -> None:
        """Ends all tasks, releases the connection, and makes the remaining waiters read again."""
        tasks = self._parts | ({self._task} if self._task else set())
        try:
            while left := {task for task in tasks if not task.done()}:
                for task in left:
                    task.cancel()
                await asyncio.wait(left, timeout=CANCEL_SECONDS)
        finally:
            for channel in self._channels.values():
                for waiter in channel.waiters:
                    waiter.wake()

    async def _run(self) -> None:
        """Runs until Redis can't be reached, which all waiters then raise. The next waiter starts it again."""
        try:
            while True:
                async with self._store.subscription() as subscription:
                    await self._use(subscription)
                await asyncio.sleep(RECONNECT_SECONDS)
        except* StoreError as faults:
            self._fail(_first(faults))
        except* Exception as faults:
            self._fail(StoreError(f"waiting failed: {_first(faults)!r}"))
            raise

    async def _use(self, subscription: AsyncSubscription) -> None:
        """Uses a connection until it is lost."""
        self._subscribed.clear()
        self._changed.set()
        try:
            async with asyncio.TaskGroup() as group:
                works = (self._keep_subscribed(subscription), self._listen(subscription), self._read_again())
                self._parts = {group.create_task(work) for work in works}
        except* StoreUnavailable:
            # Perhaps only this connection was cut: connecting again shows whether Redis is unreachable.
            pass

    def _fail(self, fault: BaseException) -> None:
        for channel in self._channels.values():
            channel.is_subscribed.clear()
            for waiter in channel.waiters:
                error = type(fault)(*fault.args)
                waiter.wake(error if isinstance(error, StoreError) else None)

    async def _keep_subscribed(self, subscription: AsyncSubscription) -> None:
        while not _is_cancelled():
            await self._changed.wait()
            self._changed.clear()
            wanted = set(self._channels)
            gone, new = self._subscribed - wanted, wanted - self._subscribed
            self._subscribed = wanted
            await subscription.remove(gone)
            await subscription.add(new)

    async def _listen(self, subscription: AsyncSubscription) -> None:
        while not _is_cancelled():
            message = await subscription.next(READ_SECONDS)
            if message is None or (channel := self._channels.get(message.channel)) is None:
                continue
            if message.is_subscribed:
                if channel.is_subscribed.is_set():
                    # It was subscribed before, so the connection is new, and what was published in between is lost.
                    self._reread.set()
                channel.is_subscribed.set()
                continue
            for waiter in channel.waiters:
                waiter.wake()

    async def _read_again(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(REREAD_SECONDS):
                    await self._reread.wait()
            self._reread.clear()
            by_budget: defaultdict[str, list[Waiter]] = defaultdict(list)
            for channel in self._channels.values():
                for waiter in channel.waiters:
                    by_budget[waiter.id.rpartition(".")[0]].append(waiter)
            await asyncio.gather(*(self._wake_final(waiters) for waiters in by_budget.values()))

    async def _wake_final(self, waiters: Collection[Waiter]) -> None:
        """Reads the jobs and batches of one budget: in a cluster, the server of another budget may be unreachable."""
        try:
            for waiter in await self._finals(waiters):
                waiter.wake()
        except StoreUnavailable as error:
            for waiter in waiters:
                waiter.wake(StoreUnavailable(*error.args))


def _first(faults: BaseExceptionGroup[BaseException]) -> BaseException:
    fault: BaseException = faults
    while isinstance(fault, BaseExceptionGroup):
        fault = fault.exceptions[0]
    return fault


def _is_cancelled() -> bool:
    """Returns whether this task was cancelled, even if redis-py lost that: an ending loop cancels tasks only once."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
