"""The pace, as the provider counts it: by the arrival of calls, over all workers."""

from datetime import timedelta

import pytest

from outbound_chat import JobState
from tests.harness import Harness, number
from tests.waiting import wait_until

RATE, BURST = 20.0, 20


@pytest.mark.parametrize("latency_ms", [0, 200])
def test_no_window_of_any_length_holds_more_calls_than_the_allowance(stack: Harness, latency_ms: int) -> None:
    """AWS counts arrivals: two workers that are late by a moment must not make a burst of it."""
    stack.sandbox.configure(latency=timedelta(milliseconds=latency_ms))
    stack.configure(budgets={"main": {"rate": RATE, "burst": BURST}})
    for index in range(2):
        stack.start_worker("-n", f"w{index}@%h")
    wait_until(lambda: stack.logs().count(" ready.") == 2, timeout=60, what="two workers")
    chat = stack.chat()
    receipt = chat.enqueue_batch(({"to": number(index)} for index in range(200)), sender="support", text="Hello")
    assert chat.wait_batch(receipt.id, timeout=90).counts[JobState.SENT] == 200

    arrivals = [arrival.seconds for arrival in stack.sandbox.arrivals()]
    worst = max(
        last - first + 1 - RATE * (arrivals[last] - arrivals[first])
        for first in range(len(arrivals))
        for last in range(first, len(arrivals))
    )
    assert len(arrivals) == 200
    assert worst <= BURST
