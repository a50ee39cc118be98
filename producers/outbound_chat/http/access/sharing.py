"""Makes one call for all callers that need the same thing at the same time."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

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
