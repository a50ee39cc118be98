"""Many budgets share the workers: a busy one takes no place that another needs."""

from datetime import timedelta

import pytest

from outbound_chat import JobState
from tests.support.harness import Harness, number, sender
from tests.support.waiting import wait_until

BUSY = ["north", "south", "east", "west"]


@pytest.mark.parametrize(
    ("options", "calls", "most_messages"),
    [((), 600, 20), (("--concurrency", "1"), 300, 40)],
    ids=["slots for all", "one slot"],
)
def test_busy_budgets_neither_hold_up_an_idle_one_nor_fill_the_broker(
    stack: Harness, options: tuple[str, ...], calls: int, most_messages: int
) -> None:
    """A one-time code of one account must not wait for the campaigns of four others, nor messages pile up."""
    stack.configure(
        budgets={name: {"rate": 5_000.0, "burst": 500} for name in [*BUSY, "codes"]},
        senders={name: sender(budget=name, endpoint_url=stack.sandbox.url) for name in [*BUSY, "codes"]},
        worker={"pumps": 2, "threads": 4, "slice": 1},
    )
    stack.sandbox.configure(latency=timedelta(milliseconds=200))
    stack.start_worker(*options)
    chat = stack.chat()
    rows = [{"to": number(index)} for index in range(2_000)]
    batches = [chat.enqueue_batch(rows, sender=name, text="Hello") for name in BUSY]
    lengths = [0]

    def worked_for_a_while() -> bool:
        lengths.append(chat._store.redis.llen("oc:celery:outbound-chat"))
        return stack.sandbox.stats().accepted > calls

    wait_until(worked_for_a_while, timeout=90, what="calls of the busy budgets")
    job = chat.enqueue(sender="codes", to=number(9_999), text="Your code is 123456", priority="urgent")

    assert chat.wait(job.id, timeout=60).state is JobState.SENT
    assert all(not chat.batch(batch.id).final for batch in batches), "they were busy all the time"
    assert all(chat.batch(batch.id).counts[JobState.SENT] > 0 for batch in batches)
    assert max(lengths) < most_messages


def test_calls_of_one_budget_that_hang_take_no_place_of_another(stack: Harness) -> None:
    """Amazon Connect hangs in one Region, and all its pumps with it."""
    stack.configure(
        budgets={name: {"rate": 20.0, "burst": 20} for name in ("hangs", "works")},
        senders={name: sender(budget=name, endpoint_url=stack.sandbox.url) for name in ("hangs", "works")},
        worker={"pumps": 2, "threads": 2, "slice": 0.5, "read_timeout": 60, "lease": 90},
    )
    worker = stack.start_worker()
    chat = stack.chat()
    hanging = [chat.enqueue(sender="hangs", to="+12025550154", text="Hello") for _ in range(12)]
    wait_until(
        lambda: sum(chat.status(job.id).state is JobState.SENDING for job in hanging) == 4,
        timeout=60,
        what="two pumps that hang",
    )
    job = chat.enqueue(sender="works", to=number(1), text="Hello")

    assert chat.wait(job.id, timeout=60).state is JobState.SENT
    assert sum(chat.status(job.id).state is JobState.SENDING for job in hanging) == 4
    stack.kill(worker)
