"""What tasks ask in one turn of the loop goes in one write; each gets its own reply, or its own error."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from redis.exceptions import ResponseError

from outbound_chat.model.errors import StoreError
from outbound_chat.store import AsyncStore, ScriptCall
from outbound_chat.store.deadline import Deadline
from outbound_chat.store.together import MOST_COMMANDS, SHORT, Together

SECONDS = 60.0
"""Bites on failure only."""


@asynccontextmanager
async def store_at(url: str) -> AsyncIterator[AsyncStore]:
    store = AsyncStore(url, "oc-test", seconds=SECONDS)
    try:
        yield store
    finally:
        await store.close()


async def asked_at_once(store: AsyncStore, *commands: tuple[Any, ...]) -> list[Any]:
    """The replies and errors."""
    together = Together(store.redis)
    asked = (together.run(command, Deadline(SECONDS)) for command in commands)
    return await asyncio.gather(*asked, return_exceptions=True)


def test_each_gets_its_own_reply_or_error(standalone_url: str) -> None:
    async def walk() -> list[Any]:
        async with store_at(standalone_url) as store:
            long = ("ECHO", "x" * 100_000)
            many = ("DEL", *("none",) * SHORT)
            wrong = ("NOSUCH", "a")
            return await asked_at_once(store, ("ECHO", "a"), wrong, ("ECHO", "b"), long, many, ("ECHO", "c"))

    first, wrong, second, long, many, third = asyncio.run(walk())
    assert (first, second, third) == ("a", "b", "c")
    assert isinstance(wrong, ResponseError)
    assert (len(long), many) == (100_000, 0)


def test_more_than_one_write_takes_are_answered_in_their_places(standalone_url: str) -> None:
    numbers = [str(number) for number in range(3 * MOST_COMMANDS + 1)]

    async def walk() -> list[Any]:
        async with store_at(standalone_url) as store:
            return await asked_at_once(store, *(("ECHO", number) for number in numbers))

    assert asyncio.run(walk()) == numbers


def test_whoever_gives_up_takes_nothing_from_the_others(standalone_url: str) -> None:
    async def walk() -> tuple[str, bool]:
        async with store_at(standalone_url) as store:
            together = Together(store.redis)
            one, other = (
                asyncio.ensure_future(together.run(("ECHO", word), Deadline(SECONDS))) for word in ("gone", "here")
            )
            await asyncio.sleep(0)  # both have asked, and nothing was sent
            one.cancel()
            reply = await other
            return reply, one.cancelled()

    assert asyncio.run(walk()) == ("here", True)


def test_a_connection_that_breaks_is_made_again_for_all(standalone_url: str) -> None:
    """Each call is tried again by itself, as if it had been alone."""

    async def walk() -> list[Any]:
        async with store_at(standalone_url) as store:
            keys = store.keys("main")
            clock = ScriptCall("read_jobs", keys, [], lambda reply: reply[0])
            await store.run(clock)
            await store.redis.client_kill_filter(_type="normal", skipme=False)
            return await asyncio.gather(*(store.run(clock) for _ in range(20)))

    assert all(asyncio.run(walk()))


def test_all_are_told_where_nobody_listens() -> None:
    async def walk() -> list[Any]:
        store = AsyncStore("redis://127.0.0.1:1/0", seconds=0.1)
        clock = ScriptCall("read_jobs", store.keys("main"), [], lambda reply: reply)
        found = await asyncio.gather(*(store.run(clock) for _ in range(20)), return_exceptions=True)
        await store.close()
        return list(found)

    assert all(isinstance(error, StoreError) for error in asyncio.run(walk()))


def test_a_write_that_is_cancelled_before_it_begins_keeps_nobody_waiting(standalone_url: str) -> None:
    """A program that ends its tasks may still ask, for example to say that it leaves."""

    async def walk() -> list[Any]:
        async with store_at(standalone_url) as store:
            together = Together(store.redis)
            asker = asyncio.create_task(together.run(("ECHO", "a"), Deadline(SECONDS)))
            await asyncio.sleep(0)  # its write is made, and has not begun
            for task in asyncio.all_tasks() - {asyncio.current_task(), asker}:
                task.cancel()
            async with asyncio.timeout(SECONDS):
                return [await asker, await together.run(("ECHO", "b"), Deadline(SECONDS))]

    assert asyncio.run(walk()) == ["a", "b"]
