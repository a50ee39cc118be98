"""Makes one call for all callers that need the same thing at the same time."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

T = TypeVar("T")


@dataclass(slots=True)
class _Call(Generic[T]):
    task: "asyncio.Task[T]"
    askers: int = 0


class Sharing(Generic[T]):
    """Shares a call among those who ask in the same turn of the event loop. It begins when all of them have asked.

    So each gets an answer from after its question, as if it had made the call itself.
    """

    def __init__(self) -> None:
        self._next: dict[str, _Call[T]] = {}

    async def ask(self, name: str, call: Callable[[int], Coroutine[Any, Any, T]]) -> tuple[int, T]:
        """Returns the position of this caller among those with the same name, from 0, and the result of the call.

        `call`: receives the number of callers.
        """
        shared = self._next.get(name)
        if shared is None:
            shared = self._next[name] = _Call(asyncio.create_task(self._made(name, call)))
            # Also if nobody is left who asks, its error was not overlooked.
            shared.task.add_done_callback(lambda task: task.cancelled() or task.exception())
        place = shared.askers
        shared.askers += 1
        # Whoever goes away must not end it for the others.
        return place, await asyncio.shield(shared.task)

    async def _made(self, name: str, call: Callable[[int], Coroutine[Any, Any, T]]) -> T:
        return await call(self._next.pop(name).askers)


class Snapshots:
    """Shares what was read with all who ask for the same thing within some seconds."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, tuple[asyncio.Task[Any], float]] = {}

    async def get(self, name: Hashable, load: Callable[[], Awaitable[T]], seconds: float) -> T:
        """Returns the result of `load`, or raises its error: a new one if there is none, or it is older than that."""
        now = asyncio.get_running_loop().time()
        task, until = self._kept.get(name, (None, 0.0))
        if task is None or (task.done() and now >= until):
            self._kept = {one: kept for one, kept in self._kept.items() if kept[1] > now or not kept[0].done()}
            task = asyncio.ensure_future(load())
            # Also if nobody is left who asks, its error was not overlooked.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._kept[name] = (task, now + seconds)
        return cast("T", await asyncio.shield(task))
