"""Keys are deleted and edited while a real worker runs: it finds what is lost, and every job is sent once."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from outbound_chat import JobState
from outbound_chat.store import Store, inspection
from tests.support.harness import Harness, data_of, number
from tests.support.waiting import wait_until

FOUND_SECONDS = 60.0


def start(stack: Harness, **changes: Any) -> Any:
    """A worker at work, and a client of the server's own, to break keys with."""
    stack.configure(**changes)
    return begin(stack)


def begin(stack: Harness) -> Any:
    """The same with the settings that are there."""
    stack.broken = True
    stack.start_worker()
    chat = stack.chat()
    first = chat.enqueue(sender="support", to=number(900), text="Hello")
    assert chat.wait(first.id, timeout=60).state is JobState.SENT
    return chat


def keys_of(stack: Harness, *names: str) -> list[str]:
    with Store(stack.server.url) as store:
        return [store.keys("main").base + name for name in names]


def delete(stack: Harness, *patterns: str) -> int:
    """Deletes keys, as somebody who tidies up a server would; how many there were."""
    with Store(stack.server.url) as store:
        names = [name for pattern in keys_of(stack, *patterns) for name in store.redis.keys(pattern)]
        return int(store.redis.delete(*names)) if names else 0


def repairs(stack: Harness) -> int:
    return stack.findings().get("repaired", 0)


def wait_for_mend(stack: Harness) -> None:
    wait_until(lambda: repairs(stack) > 0, timeout=FOUND_SECONDS, what="something put right")


def times_texted(stack: Harness) -> Counter[str]:
    return Counter(contact.destination for contact in stack.sandbox.contacts())


@pytest.mark.parametrize(
    "lost",
    [("lane:*", "delayed", "ring:*"), ("lanes", "lane:*")],
    ids=["places and lanes", "places and their count"],
)
def test_waiting_jobs_whose_keys_were_deleted_are_sent_once(stack: Harness, lost: tuple[str, ...]) -> None:
    """Records tell where jobs belong; without a look at them these would wait until they expire."""
    chat = start(stack)
    # Nobody else finds them before their keys are gone, however soon they are due.
    stack.kill(stack.workers[0])
    send_at = datetime.now(UTC) + timedelta(seconds=3)
    jobs = [chat.enqueue(sender="support", to=number(index), text="Hello", send_at=send_at) for index in range(5)]
    rows = [{"to": number(index), "send_at": send_at} for index in range(5, 30)]
    receipt = chat.enqueue_batch(rows, sender="support", text="Hello")
    tomorrow = chat.enqueue(sender="support", to=number(30), text="Hello", send_at=send_at + timedelta(days=1))
    assert delete(stack, *lost) > 0
    stack.start_worker()
    wait_for_mend(stack)

    assert {chat.wait(job.id, timeout=60).state for job in jobs} == {JobState.SENT}
    assert chat.wait_batch(receipt.id, timeout=60).counts[JobState.SENT] == 25
    assert all(
        contact.started_at >= send_at for contact in stack.sandbox.contacts() if contact.destination != number(900)
    )
    assert set(times_texted(stack).values()) == {1}
    assert chat.status(tomorrow.id).state is JobState.SCHEDULED
    assert chat.why(tomorrow.id).until == tomorrow.send_at
    assert "repaired (" in stack.logs()
    kinds = {event.kind for event in chat.events(since=0).events}
    assert "repaired" in kinds
    wait_until(lambda: set(stack.findings()) == {"repaired"}, timeout=FOUND_SECONDS, what="all faults cleared")
    assert stack.counts_add_up()


def test_a_call_whose_lease_was_deleted_is_not_made_twice_at_once(stack: Harness) -> None:
    """Its worker lives, and tells what the call led to."""
    with stack.line() as line:
        chat = begin(stack)
        line.hold("answers")
        job = chat.enqueue(sender="support", to=number(1), text="Hello")
        wait_until(lambda: chat.status(job.id).state is JobState.SENDING, timeout=60, what="the call")
        assert delete(stack, "leases", "calls:*") == 1
        wait_for_mend(stack)
        line.let_pass()

        sent = chat.wait(job.id, timeout=60)
    assert (sent.state, sent.attempts, sent.maybe_sent) == (JobState.SENT, 1, False)
    assert times_texted(stack)[number(1)] == 1


def test_a_call_whose_lease_and_worker_are_gone_is_made_again(stack: Harness) -> None:
    """With the same token: whatever became of the first, the customer is texted once."""
    with stack.line() as line:
        chat = begin(stack)
        line.hold("answers")
        job = chat.enqueue(sender="support", to=number(1), text="Hello")
        wait_until(lambda: stack.sandbox.stats().calls == 2, timeout=60, what="the call")
        stack.kill(stack.workers[0])
        assert chat.status(job.id).state is JobState.SENDING
        assert delete(stack, "leases") == 1
        stack.start_worker()
        wait_for_mend(stack)
        (leases,) = keys_of(stack, "leases")
        with Store(stack.server.url) as store:
            store.redis.zadd(leases, {job.id.partition(".")[2]: 1})  # the time of the new lease passes
        line.let_pass()

        sent = chat.wait(job.id, timeout=60)
    assert (sent.state, sent.maybe_sent) == (JobState.SENT, True)
    assert times_texted(stack)[number(1)] == 1


def test_a_lane_whose_hold_was_deleted_goes_on(stack: Harness) -> None:
    """Only the end of the hold would have opened its gate."""
    chat = start(stack)
    chat.hold(sender="support", reason="number is being ported")
    job = chat.enqueue(sender="support", to=number(1), text="Hello")
    with Store(stack.server.url) as store:
        kept = keys_of(stack, "blocked")[0]
        wait_until(lambda: store.redis.exists(kept), timeout=60, what="the lane behind its gate")
    assert delete(stack, "holds") == 1

    assert chat.wait(job.id, timeout=FOUND_SECONDS).state is JobState.SENT
    assert repairs(stack) > 0


def test_a_leaked_call_gives_its_place_back(stack: Harness) -> None:
    """One of a sender's places would be gone."""
    chat = start(stack)
    sender = {**stack.values["senders"]["support"], "concurrency": 1}
    stack.configure(senders={"support": sender})
    stack.kill(stack.workers[0])
    (calls,) = keys_of(stack, "calls:support")
    with Store(stack.server.url) as store:
        store.redis.zadd(calls, {"gone": 4_000_000_000_000})
        store.redis.expire(calls, 3600)
    stack.start_worker()
    job = chat.enqueue(sender="support", to=number(1), text="Hello")

    assert chat.wait(job.id, timeout=90).state is JobState.SENT
    assert repairs(stack) > 0


def tamper_counts(store: Store) -> None:
    store.redis.hincrby(store.keys("main").counts, "accepted", 3)


def tamper_leases(store: Store) -> None:
    store.redis.zadd(store.keys("main").base + "leases", {"gone": 4_000_000_000_000})


def tamper_open_jobs(store: Store) -> None:
    store.redis.zadd(store.keys("main").base + "expiry", {"gone": 4_000_000_000_000})


@pytest.mark.parametrize(
    ("tamper", "kind"), [(tamper_counts, "counts"), (tamper_leases, "leases"), (tamper_open_jobs, "job")]
)
def test_counts_that_do_not_add_up_are_reported_and_left_alone(
    stack: Harness, tamper: Callable[[Store], None], kind: str
) -> None:
    """In the log, once; as an event; by `doctor`; by `audit`, whose exit code a script can ask for."""
    chat = start(stack)
    assert stack.run("audit").returncode == 0
    with Store(stack.server.url) as store:
        tamper(store)
        counts = inspection.counts(store, store.keys("main"))
    wait_until(lambda: any(name.startswith(kind) for name in stack.findings()), timeout=FOUND_SECONDS, what="the fault")
    later = chat.enqueue(sender="support", to=number(1), text="Hello")
    assert chat.wait(later.id, timeout=60).state is JobState.SENT

    wait_until(lambda: f"inconsistent ({kind})" in stack.logs(), timeout=30, what="the line in the log")
    assert stack.logs().count(f"inconsistent ({kind})") == 1
    assert (event_codes := [event.code for event in chat.events(since=0).events if event.kind == "fault"])
    assert kind in event_codes
    audited = stack.run("audit", "--json")
    assert audited.returncode == 1
    found = data_of(audited.stdout)[0]["findings"]
    assert kind in {one["kind"] for one in found} or kind == "job"
    (line,) = [line for line in stack.run("doctor").stdout.splitlines() if "consistency of main" in line]
    assert line.startswith("error ")
    assert kind in line
    with Store(stack.server.url) as store:
        after = inspection.counts(store, store.keys("main"))
    assert {**after, "accepted": after["accepted"] - 1, "sent": after["sent"] - 1} == counts
