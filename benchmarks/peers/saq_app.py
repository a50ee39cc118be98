"""SAQ with aiobotocore: one message a job, asyncio all through, botocore's own retries, then SAQ's with back-off."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from saq import Queue

from benchmarks.peers.work import (
    ENDPOINT,
    LONGEST_PAUSE_SECONDS,
    MAX_ATTEMPTS,
    RECOVERY_SECONDS,
    REDIS_URL,
)

CONCURRENCY = 16
WEEK_SECONDS = 7 * 24 * 3600

bulk = Queue.from_url(REDIS_URL, name="bulk")
urgent_queue = Queue.from_url(REDIS_URL, name="urgent")
_OPTIONS: dict[str, Any] = {
    "retries": MAX_ATTEMPTS,
    "retry_delay": 0.5,
    "retry_backoff": LONGEST_PAUSE_SECONDS,
    "timeout": RECOVERY_SECONDS,
    "ttl": WEEK_SECONDS,
}


async def _start(context: dict[str, Any]) -> None:
    context["stack"] = AsyncExitStack()
    config = AioConfig(retries={"mode": "standard", "max_attempts": 3}, max_pool_connections=CONCURRENCY)
    client = get_session().create_client("connect", region_name="us-east-1", endpoint_url=ENDPOINT, config=config)
    context["client"] = await context["stack"].enter_async_context(client)


async def _stop(context: dict[str, Any]) -> None:
    await context["stack"].aclose()


async def send(context: dict[str, Any], *, job: dict[str, Any]) -> str:
    """Makes the call; the ContactId. Any error is tried again by SAQ."""
    answer = await context["client"].start_outbound_chat_contact(**job)
    return str(answer["ContactId"])


def _settings(queue: Queue) -> dict[str, Any]:
    return {
        "queue": queue,
        "functions": [("send", send)],
        "concurrency": CONCURRENCY,
        "startup": _start,
        "shutdown": _stop,
        "timers": {"sweep": 5},
    }


settings = _settings(bulk)
urgent_settings = _settings(urgent_queue)
"""A worker serves one queue: urgent jobs need one of their own."""


class Producer:
    """See `producer.Peer`."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()

    def enqueue(self, job: dict[str, Any], *, urgent: bool) -> str:
        """Sends a message."""
        queue = urgent_queue if urgent else bulk
        sent = self._loop.run_until_complete(queue.enqueue("send", job=job, **_OPTIONS))
        return f"{queue.name} {sent.key}"

    def enqueue_bulk(self, jobs: Sequence[dict[str, Any]]) -> str:
        """Sends 500 at a time; the id of the last."""

        async def run() -> str:
            sent = None
            for start in range(0, len(jobs), 500):
                chunk = jobs[start : start + 500]
                sent = (await asyncio.gather(*(bulk.enqueue("send", job=job, **_OPTIONS) for job in chunk)))[-1]
            return f"bulk {sent.key}" if sent else ""

        return self._loop.run_until_complete(run())

    def is_sent(self, job_id: str) -> bool:
        """Reads the job."""
        name, _, key = job_id.partition(" ")
        queue = urgent_queue if name == "urgent" else bulk
        job = self._loop.run_until_complete(queue.job(key))
        return job is not None and job.status == "complete"
