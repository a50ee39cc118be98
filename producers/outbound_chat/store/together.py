"""Sends what the tasks of an event loop ask of Redis in one turn of it as one write, and reads the replies together.

A service that is asked by many at once spends more time on connections, time-outs and calls of the system than on
commands. Those who are alone wait for nobody: what is asked in a later turn goes its own way.
"""

import asyncio
from dataclasses import dataclass
from typing import Any

from outbound_chat.store.deadline import Deadline
from outbound_chat.store.faults import FAULTS
from outbound_chat.store.pipeline import ELSEWHERE

MOST_WRITES = 100
"""Writes under way at the same time. Each needs a connection, and making one costs as much as four calls: a thousand
callers at once would spend their time on that."""
MOST_COMMANDS = 100
"""Commands of one write, so that the first of them does not wait long for the reply to the last."""
SETTLE_SECONDS = 1.0
SHORT = 64
"""Arguments of a command that is sent with others; a longer one, with many jobs, has a write of its own."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A command that somebody waits for."""

    command: tuple[str | int | float, ...]
    deadline: Deadline
    reply: asyncio.Future[Any]
    """The reply, which may be an error of the server; or the error with which all of the write failed."""


class Together:
    """Runs commands on a client of redis-py that is not of a cluster, for one event loop."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._room = asyncio.Semaphore(MOST_WRITES)
        self._waiting: list[_Asked] = []
        self._writes = set[asyncio.Task[None]]()
        self._due = set[asyncio.Task[None]]()
        """Writes that have not taken their commands yet."""

    async def run(self, command: tuple[str | int | float, ...], deadline: Deadline) -> Any:
        """Runs a command and returns its reply, or raises its error."""
        if len(command) > SHORT:
            async with self._room:
                return await self._client.execute_command(*command)
        asked = _Asked(command, deadline, asyncio.get_running_loop().create_future())
        self._waiting.append(asked)
        if len(self._due) * MOST_COMMANDS < len(self._waiting):
            self._begin()
        reply = await asked.reply
        if isinstance(reply, ELSEWHERE):
            # The client makes its connection again only where it sends a single command.
            return await self._client.execute_command(*command)
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def settle(self) -> None:
        """Waits a moment for replies: a call whose connection is closed under it would connect again."""
        if self._writes:
            await asyncio.wait(self._writes, timeout=SETTLE_SECONDS)

    def _begin(self) -> None:
        write = asyncio.create_task(self._write())  # which begins with the next turn
        self._writes.add(write)
        self._due.add(write)
        write.add_done_callback(self._end)

    def _end(self, write: asyncio.Task[None]) -> None:
        self._writes.discard(write)
        was_due = write in self._due
        self._due.discard(write)
        # It was cancelled before it took its commands, by a program that ends its tasks and still asks.
        if was_due and any(not one.reply.done() for one in self._waiting):
            self._begin()

    async def _write(self) -> None:
        """Sends those that have waited longest, and hands out the replies."""
        async with self._room:
            self._due.discard(asyncio.current_task())
            asked, self._waiting = self._waiting[:MOST_COMMANDS], self._waiting[MOST_COMMANDS:]
            asked = [one for one in asked if not one.reply.done()]  # without those who gave up
            try:
                replies = await self._replies(asked)
            except FAULTS as error:
                for one in asked:
                    if not one.reply.done():
                        one.reply.set_exception(error)
            except BaseException:
                for one in asked:
                    one.reply.cancel()
                raise
            else:
                for one, reply in zip(asked, replies, strict=True):
                    if not one.reply.done():
                        one.reply.set_result(reply)

    async def _replies(self, asked: list[_Asked]) -> list[Any]:
        if not asked:
            return []
        # Whoever has less time gives up alone.
        with Deadline(max(one.deadline.left for one in asked)):
            if len(asked) == 1:
                return [await self._client.execute_command(*asked[0].command)]
            async with self._client.pipeline(transaction=False) as pipeline:
                for one in asked:
                    pipeline.execute_command(*one.command)
                replies: list[Any] = await pipeline.execute(raise_on_error=False)
            return replies
