"""Makes one call for all who ask for the same at the same time."""

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
    """Shares a call among those who ask in one turn of the event loop; it begins when all of them have asked.

    So each gets what is true after it has asked, as if the call were its own.
    """

    def __init__(self) -> None:
        self._next: dict[str, _Call[T]] = {}

    async def ask(self, name: str, call: Callable[[int], Coroutine[Any, Any, T]]) -> tuple[int, T]:
        """Returns the place of this one among those who ask under that name, from 0, and the result of the call.

        `call`: gets the number of those who asked.
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
