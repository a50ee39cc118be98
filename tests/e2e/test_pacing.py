"""The pace of all workers together, by the one clock that paces them."""

from datetime import timedelta
from itertools import combinations

import pytest

from outbound_chat import JobState
from outbound_chat_worker.sandbox import Fault, FaultKind
from tests.support.harness import Harness, number
from tests.support.waiting import wait_until

RATE, BURST, JOBS = 20.0, 20, 200


@pytest.mark.parametrize("latency_ms", [0, 200])
def test_no_window_of_any_length_holds_more_calls_than_the_allowance(stack: Harness, latency_ms: int) -> None:
    """A call leaves within half a second of its claim or never: `tests/worker/test_pump.py`.

    The time at which the sandbox comes to it says as much of the machine as of the pace. That of its claim, by the
    clock of Redis, is told with each call that failed.
    """
    stack.sandbox.configure(latency=timedelta(milliseconds=latency_ms), faults=(Fault(FaultKind.INVALID),))
    # So few threads that what is handed back at once, by workers that a busy machine stopped, fits into the part of the
    # burst that is kept for late calls.
    stack.configure(budgets={"main": {"rate": RATE, "burst": BURST}}, worker={"threads": 2})
    for index in range(2):
        stack.start_worker("-n", f"w{index}@%h")
    wait_until(lambda: stack.logs().count(" ready.") == 2, timeout=60, what="two workers")
    chat = stack.chat()
    receipt = chat.enqueue_batch(({"to": number(index)} for index in range(JOBS)), sender="support", text="Hello")
    assert chat.wait_batch(receipt.id, timeout=300).counts[JobState.FAILED] == JOBS
    assert stack.sandbox.stats().calls == JOBS

    jobs = chat.statuses([f"{receipt.id}-{row}" for row in range(1, JOBS + 1)])
    claims = sorted(attempt.at for job in jobs.values() if job for attempt in job.history)
    assert len(claims) == JOBS
    for first, last in combinations(range(JOBS), 2):
        # Both times are rounded down to a millisecond.
        window = claims[last] - claims[first] + timedelta(milliseconds=1)
        assert last - first + 1 <= BURST + RATE * window.total_seconds()
