"""A cancelled task ends as cancelled, at whatever step of the talk with Redis it was."""

import asyncio
import socket
from pathlib import Path

import pytest

from outbound_chat import AsyncOutboundChat
from outbound_chat_worker.local.embedded import embedded_server
from tests.client.conftest import VALUES

JOB = "main.01M81FPS101V1KZMW67RA7VRQP"
MOST_STEPS = 20
PATIENCE_SECONDS = 30.0
"""Half of what the client itself waits for an answer; bites on failure only."""


@pytest.mark.parametrize("steps", range(MOST_STEPS))
def test_a_wait_on_a_server_that_never_answers_can_be_cancelled_at_every_step(steps: int) -> None:
    """A web service that shuts down, or whose caller hung up, must not stay for a server that is stuck."""

    async def walk(port: int) -> bool:
        url = f"redis://127.0.0.1:{port}"
        async with AsyncOutboundChat(redis_url=url, redis_timeout=2 * PATIENCE_SECONDS, **VALUES) as chat:
            waiting = asyncio.create_task(chat.wait(JOB, timeout=60))
            for _ in range(steps):
                await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait([waiting], timeout=PATIENCE_SECONDS)
            ended = waiting.cancelled()
            waiting.cancel()
            await asyncio.wait([waiting])
        return ended

    # The system itself takes connections for a socket that listens.
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert asyncio.run(walk(server.getsockname()[1]))


def test_a_task_that_was_cancelled_may_still_tidy_up(tmp_path: Path) -> None:
    """`except CancelledError: await chat.cancel(job)` is what a careful caller writes."""

    async def walk(url: str) -> bool:
        async with AsyncOutboundChat(redis_url=url, **VALUES) as chat:
            job = await chat.enqueue(sender="support", to="+12025550123")

            async def careful() -> bool:
                try:
                    await chat.wait(job.id, timeout=60)
                except asyncio.CancelledError:
                    return (await chat.cancel(job.id)).final
                return False

            task = asyncio.create_task(careful())
            await asyncio.sleep(0)
            task.cancel()
            return await task

    with embedded_server(tmp_path / "valkey") as server:
        assert asyncio.run(walk(server.url))
