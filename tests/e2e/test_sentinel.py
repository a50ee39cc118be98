"""The primary dies and sentinels promote its replica: workers and clients go on by themselves.

Replication is asynchronous, so the new primary may know less than the old one had acknowledged. What that costs is
shown here: jobs that it never heard of are lost; jobs that it believes to be waiting are called again, with the same
token, and nobody is texted twice.
"""

from collections import Counter
from collections.abc import Iterator

import pytest

from outbound_chat import JobState, UnknownJob
from outbound_chat.children import end
from outbound_chat.store import Store, inspection
from tests.support.harness import Harness, number
from tests.support.sentinels import SentinelSet
from tests.support.waiting import wait_until


@pytest.fixture
def sentinels(stack: Harness) -> Iterator[SentinelSet]:
    """The stack's store, and its broker, are what the sentinels name."""
    with SentinelSet(stack.folder / "sentinels") as one:
        stack.configure(redis_url=one.url)
        yield one
        # While there is a store: to sign off from none takes its time-outs.
        for worker in stack.workers:
            end(worker)


def rows(first: int, count: int) -> list[dict[str, str]]:
    return [{"to": number(index)} for index in range(first, first + count)]


def times_texted(stack: Harness) -> Counter[str]:
    return Counter(contact.destination for contact in stack.sandbox.contacts())


def counts(sentinels: SentinelSet) -> dict[str, int]:
    with Store(sentinels.url) as store:
        return {state: count for state, count in inspection.counts(store, store.keys("main")).items() if count}


def test_workers_go_on_at_the_new_primary_by_themselves(stack: Harness, sentinels: SentinelSet) -> None:
    """Store and broker move at once; no worker is started again."""
    stack.configure(redis_url=sentinels.url, budgets={"main": {"rate": 150.0, "burst": 20}})
    workers = [stack.start_worker("-n", f"w{index}@%h") for index in range(2)]
    chat = stack.chat()
    receipt = chat.enqueue_batch(rows(0, 1_500), sender="support", text="Hello")
    wait_until(lambda: stack.sandbox.stats().accepted > 200, timeout=60, what="calls")
    sentinels.kill_primary()
    accepted = stack.sandbox.stats().accepted
    wait_until(lambda: stack.sandbox.stats().accepted > accepted, timeout=60, what="calls")
    batch = chat.wait_batch(receipt.id, timeout=120)

    assert batch.counts[JobState.SENT] == 1_500
    assert set(times_texted(stack).values()) == {1}
    assert len(times_texted(stack)) == 1_500
    assert [worker.poll() for worker in workers] == [None, None]
    assert counts(sentinels) == {"accepted": 1_500, "sent": 1_500}
    # An idle worker must be woken through the broker, which has moved as well.
    wait_until(lambda: not chat._store.redis.zcard("oc:{main}:pumps"), timeout=60, what="an idle worker without a pump")
    job = chat.enqueue(sender="support", to=number(1_500), text="Hello")
    assert chat.wait(job.id, timeout=60).state is JobState.SENT


def test_a_ledger_that_goes_back_in_time_texts_nobody_twice(stack: Harness, sentinels: SentinelSet) -> None:
    """What was sent is queued again at the new primary. Only the token knows, and it is made from the job's id."""
    stack.configure(redis_url=sentinels.url, worker={"lease": 3, "connect_timeout": 1, "read_timeout": 1.5})
    chat = stack.chat()
    receipt = chat.enqueue_batch(rows(0, 60), sender="support", text="Hello")
    ids = [f"{receipt.id}-{row}" for row in range(1, 61)]
    sentinels.stall_replication()
    stack.start_worker()
    wait_until(lambda: chat.batch(receipt.id).counts[JobState.SENT] == 60, timeout=60, what="all jobs sent")
    before = {job.id: job.contact_id for job in chat.statuses(ids).values() if job}
    calls = stack.sandbox.stats().calls
    sentinels.kill_primary()

    wait_until(lambda: stack.sandbox.stats().calls > calls, timeout=60, what="calls for what was sent already")
    assert chat.wait_batch(receipt.id, timeout=90).counts[JobState.SENT] == 60
    assert {job.id: job.contact_id for job in chat.statuses(ids).values() if job} == before
    assert set(times_texted(stack).values()) == {1}
    assert len(times_texted(stack)) == 60
    assert counts(sentinels) == {"accepted": 60, "sent": 60}


def test_jobs_that_the_replica_never_had_are_lost(stack: Harness, sentinels: SentinelSet) -> None:
    """The limit of an asynchronous failover: acknowledged, and gone. It is told as an unknown job, not as sent."""
    chat = stack.chat()
    known = chat.enqueue(sender="support", to=number(0), text="Hello")
    sentinels.stall_replication()
    lost = [chat.enqueue(sender="support", to=number(index), text="Hello").id for index in range(1, 21)]
    sentinels.kill_primary()
    stack.start_worker()

    assert chat.wait(known.id, timeout=60).state is JobState.SENT
    assert [chat.statuses([id_])[id_] for id_ in lost] == [None] * 20
    with pytest.raises(UnknownJob):
        chat.status(lost[0])
    assert counts(sentinels) == {"accepted": 1, "sent": 1}
    assert len(times_texted(stack)) == 1
