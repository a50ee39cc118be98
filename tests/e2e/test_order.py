"""Messages arrive in the order in which their jobs were accepted, whoever enqueues them."""

import asyncio
import os
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from outbound_chat import AsyncOutboundChat
from outbound_chat.store import scripts
from tests.http.conftest import start_service
from tests.support.harness import Harness, number, sender
from tests.support.waiting import wait_until

JOBS = int(os.environ.get("ORDER_JOBS", "60"))
"""Of each kind; they decide how long the one call at a time takes."""
ROWS = scripts.MOST_JOBS + JOBS
PRODUCERS = 4


def test_one_call_at_a_time_goes_in_the_order_of_acceptance(stack: Harness) -> None:
    """A code and its correction, or three parts of one story: the customer reads them as they arrive."""
    stack.configure(senders={"support": sender(endpoint_url=stack.sandbox.url, concurrency=1)})
    numbers = _Numbers()
    expected = {
        "sync": _by_sync_client(stack, numbers, "sync"),
        "async": asyncio.run(_by_async_client(stack, numbers, "async")),
        "http": _by_http(stack, numbers, "http"),
        "timed": _by_sync_client(stack, numbers, "timed", send_at=datetime.now(UTC) + timedelta(seconds=1)),
        "rows": _by_batch(stack, numbers, "rows"),
    }
    spans = _by_many(stack, numbers, "many")

    stack.start_worker()
    all_jobs = sum(map(len, expected.values())) + len(spans)
    wait_until(lambda: stack.sandbox.stats().accepted == all_jobs, timeout=600, what="all messages")

    arrived = [contact.destination for contact in stack.sandbox.contacts()]
    for kind, sent in expected.items():
        of_kind = set(sent)
        assert [to for to in arrived if to in of_kind] == sent, kind
    latest_start = 0.0
    for begun, ended in (spans[to] for to in arrived if to in spans):
        assert ended > latest_start, "it was called behind a job whose enqueuing began after its own had ended"
        latest_start = max(latest_start, begun)


class _Numbers:
    """Numbers that no other job has."""

    def __init__(self) -> None:
        self._next = 0

    def take(self, count: int) -> list[str]:
        self._next += count
        return [number(index) for index in range(self._next - count, self._next)]


def _by_sync_client(stack: Harness, numbers: _Numbers, tenant: str, send_at: datetime | None = None) -> list[str]:
    chat, sent = stack.chat(), numbers.take(JOBS)
    for to in sent:
        chat.enqueue(sender="support", to=to, text="Hello", tenant=tenant, send_at=send_at)
    return sent


async def _by_async_client(stack: Harness, numbers: _Numbers, tenant: str) -> list[str]:
    sent = numbers.take(JOBS)
    async with AsyncOutboundChat.from_settings(stack.settings) as chat:
        for to in sent:
            await chat.enqueue(sender="support", to=to, text="Hello", tenant=tenant)
    return sent


def _by_http(stack: Harness, numbers: _Numbers, tenant: str) -> list[str]:
    sent = numbers.take(JOBS)
    with start_service(stack).client() as http:
        for to in sent:
            answer = http.post("/v1/jobs", json={"sender": "support", "to": to, "text": "Hello", "tenant": tenant})
            assert answer.status_code in {201, 202}, answer.text
    return sent


def _by_batch(stack: Harness, numbers: _Numbers, tenant: str) -> list[str]:
    sent = numbers.take(ROWS)
    assert (
        stack.chat().enqueue_batch(({"to": to} for to in sent), sender="support", text="Hello", tenant=tenant).accepted
        == ROWS
    )
    return sent


def _by_many(stack: Harness, numbers: _Numbers, tenant: str) -> dict[str, tuple[float, float]]:
    """When each call of `enqueue` began and ended: jobs whose calls overlap may have been accepted in either order."""

    def enqueue(sent: list[str]) -> dict[str, tuple[float, float]]:
        chat, spans = stack.chat(), {}
        for to in sent:
            begun = time.perf_counter()
            chat.enqueue(sender="support", to=to, text="Hello", tenant=tenant)
            spans[to] = (begun, time.perf_counter())
        return spans

    with ThreadPoolExecutor(PRODUCERS) as pool:
        parts = list(pool.map(enqueue, [numbers.take(JOBS // PRODUCERS) for _ in range(PRODUCERS)]))
    return {to: span for part in parts for to, span in part.items()}
