"""Redis is full: it takes no new jobs and says so, and those it has are sent all the same."""

import pytest
import redis

from outbound_chat import JobState, OutboundChat, StoreError, StoreUnavailable
from outbound_chat_worker.local.embedded import EmbeddedServer
from tests.support.harness import Harness, number
from tests.support.waiting import wait_until

JOBS = 3_000
ROOM = 200_000


def _fill(chat: OutboundChat, server: redis.Redis) -> tuple[str, int]:
    """A batch of waiting jobs, then just enough memory for a few more; the batch's id, and that memory in bytes."""
    rows = ({"to": number(index), "text": f"Hello {index} " + "x" * 400} for index in range(JOBS))
    batch_id = chat.enqueue_batch(rows, sender="support").id
    most = server.info("memory")["used_memory"] + ROOM
    server.config_set("maxmemory", most)
    return batch_id, most


def _enqueue_until_full(chat: OutboundChat) -> tuple[int, StoreError]:
    for count in range(JOBS):
        try:
            chat.enqueue(sender="support", to=number(JOBS + count), text="Hello" * 100)
        except StoreError as error:
            return count, error
    raise AssertionError("the server never was full")


def test_a_full_redis_takes_no_jobs_says_so_and_is_drained_by_workers(stack: Harness) -> None:
    """Were the workers refused too, nothing could ever end, and only a person could help."""
    broker = EmbeddedServer(stack.folder / "broker")
    server = redis.Redis(port=stack.server.port)
    try:
        stack.configure(broker_url=broker.url)
        chat = stack.chat()
        batch_id, most = _fill(chat, server)
        taken, refusal = _enqueue_until_full(chat)
        server.config_set("maxmemory", 1)  # it stays full, whatever buffers it gives back meanwhile
        with pytest.raises(StoreError, match="Redis is full"):
            chat.enqueue_batch([{"to": number(1)}], sender="support", text="Hello")
        assert taken > 0
        assert str(refusal).startswith("Redis is full")
        assert not isinstance(refusal, StoreUnavailable)
        assert chat.batch(batch_id).remaining == JOBS

        stack.start_worker()  # which writes the budget's settings into the full server, too
        batch = chat.wait_batch(batch_id, timeout=90)

        assert batch.counts[JobState.SENT] == JOBS
        wait_until(lambda: stack.sandbox.stats().accepted == JOBS + taken, timeout=90, what="the single jobs")
        server.config_set("maxmemory", most)
        job = chat.enqueue(sender="support", to=number(JOBS + taken + 1), text="Hello")
        assert chat.wait(job.id, timeout=60).state is JobState.SENT
    finally:
        server.close()
        broker.stop()
