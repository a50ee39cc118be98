"""What operators do with a campaign that runs: stop it, follow it, send again what failed. Real workers, real calls."""

from collections import Counter

import pytest
import redis

from outbound_chat import BatchClosed, DuplicateRisk, EventKind, JobState, NotReplayable, OutboundChat
from outbound_chat_worker.sandbox import Fault, FaultKind
from tests.support.harness import Harness, number
from tests.support.waiting import wait_until


def _rows(total: int, start: int = 0) -> list[dict[str, str]]:
    return [{"to": number(start + index)} for index in range(total)]


def _at_rest(stack: Harness, chat: OutboundChat, batch_id: str) -> int:
    """The batch's calls once none of them is in flight; other jobs are sent meanwhile, and none of the batch."""
    wait_until(lambda: not chat.batch(batch_id).counts[JobState.SENDING], timeout=60, what="calls to end")
    calls = stack.sandbox.stats().calls
    assert chat.wait(chat.enqueue(sender="chat", to=number(0), text="Hello").id).state is JobState.SENT
    assert stack.sandbox.stats().calls == calls + 1
    return calls


def test_a_batch_is_held_released_and_cancelled_in_the_middle_and_the_counts_add_up_throughout(stack: Harness) -> None:
    """The order of a person reaches every worker at once, and no job is ever in two places or in none."""
    stack.configure(budgets={"main": {"rate": 50.0, "burst": 50}})
    stack.sandbox.configure(rate=50.0, burst=50)
    stack.start_worker("-n", "w1@%h")
    stack.start_worker("-n", "w2@%h")
    chat = stack.chat()
    receipt = chat.enqueue_batch(_rows(20_000), sender="support", text="Hello")

    def counts_add_up() -> bool:
        batch = chat.batch(receipt.id)
        assert sum(batch.counts.values()) == batch.accepted == 20_000
        return True

    wait_until(lambda: counts_add_up() and stack.sandbox.stats().accepted > 100, timeout=60, what="sending")
    chat.hold(batch=receipt.id, reason="look at it")
    assert counts_add_up()
    assert _at_rest(stack, chat, receipt.id) == chat.batch(receipt.id).counts[JobState.SENT]
    chat.release(batch=receipt.id)
    sent = stack.sandbox.stats().accepted
    wait_until(lambda: counts_add_up() and stack.sandbox.stats().accepted > sent + 50, timeout=60, what="sending again")

    batch = chat.cancel_batch(receipt.id)
    assert batch.counts[JobState.QUEUED] == 0
    _at_rest(stack, chat, receipt.id)
    batch = chat.wait_batch(receipt.id, timeout=30)
    assert batch.counts[JobState.CANCELLED] + batch.counts[JobState.SENT] == 20_000
    # Two calls were those of the other jobs.
    assert batch.counts[JobState.SENT] + 2 == stack.sandbox.stats().accepted
    assert stack.sandbox.stats().throttled == 0


def test_a_tenant_is_cancelled_and_the_others_go_on(stack: Harness) -> None:
    """A customer of ours has left in the middle of a campaign."""
    stack.configure(budgets={"main": {"rate": 50.0, "burst": 50}})
    stack.start_worker()
    chat = stack.chat()
    gone = chat.enqueue_batch(_rows(500), sender="support", text="Hello", tenant="gone")
    stays = chat.enqueue_batch(_rows(100, 1_000), sender="support", text="Hello", tenant="stays")
    wait_until(lambda: stack.sandbox.stats().accepted > 60, timeout=60, what="sending")

    cancelled = chat.cancel_tenant("gone")
    assert chat.wait_batch(stays.id, timeout=60).counts[JobState.SENT] == 100
    batch = chat.wait_batch(gone.id, timeout=30)
    assert batch.counts[JobState.CANCELLED] >= cancelled > 300
    assert stack.sandbox.stats().accepted == 100 + batch.counts[JobState.SENT]


def test_a_producer_of_a_cancelled_batch_is_told(stack: Harness) -> None:
    """It would go on reading a file of a million rows."""
    chat = stack.chat()
    cancelled = False

    def cancel(accepted: int, _: int) -> None:
        nonlocal cancelled
        if not cancelled:
            cancelled = True
            stack.chat().cancel_batch(next(iter(_open_batches(stack))))
        assert accepted

    with pytest.raises(BatchClosed):
        chat.enqueue_batch(_rows(2_000), sender="support", text="Hello", on_progress=cancel)


def _open_batches(stack: Harness) -> list[str]:
    with redis.Redis(port=stack.server.port, decode_responses=True) as client:
        return [f"main.{name.rpartition(':')[2]}" for name in client.scan_iter("oc:{main}:b:*")]


def test_dead_letters_are_replayed_one_and_many_and_nobody_is_texted_twice(stack: Harness) -> None:
    """An outage at AWS ended jobs of which some had been sent."""
    stack.configure(retry={"max_attempts": 1, "base": 0.05, "cap": 0.1})
    stack.sandbox.configure(
        faults=(
            Fault(FaultKind.INTERNAL_ERROR_AFTER_ACCEPTING, times=20),
            Fault(FaultKind.HANG_UP, times=20),
            Fault(FaultKind.INVALID, times=10),
        )
    )
    stack.start_worker()
    chat = stack.chat()
    receipt = chat.enqueue_batch(_rows(60), sender="support", text="Hello")
    batch = chat.wait_batch(receipt.id, timeout=60)
    assert (batch.counts[JobState.UNCERTAIN], batch.counts[JobState.FAILED]) == (40, 10)
    assert chat.count_dead() == {
        (JobState.UNCERTAIN, "service_error"): 20,
        (JobState.UNCERTAIN, "no_answer"): 20,
        (JobState.FAILED, "refused"): 10,
    }

    one = chat.dead_letters(code="refused", limit=1).jobs[0]
    new = chat.replay(one.id)
    assert chat.replay(one.id).id == new.id
    assert (new.replay_of, chat.status(one.id).replayed_by) == (one.id, new.id)
    assert chat.wait(new.id).state is JobState.SENT
    rest = list(chat.replay_all(batch=receipt.id))
    assert len(rest) == 49
    wait_until(lambda: all(job and job.final for job in chat.statuses(job.id for job in rest).values()))
    assert {job.state for job in chat.statuses(job.id for job in rest).values() if job} == {JobState.SENT}
    assert chat.dead_letters().jobs == ()
    texted = Counter(contact.destination for contact in stack.sandbox.contacts())
    assert (len(texted), set(texted.values())) == (60, {1})


def test_an_edited_replay_of_what_may_have_been_sent_needs_force(stack: Harness) -> None:
    """The customer may have the first text."""
    stack.configure(retry={"max_attempts": 1, "base": 0.05, "cap": 0.1})
    stack.sandbox.configure(faults=(Fault(FaultKind.HANG_UP, times=1),))
    stack.start_worker()
    chat = stack.chat()
    old = chat.wait(chat.enqueue(sender="support", to=number(1), text="Hello").id)
    assert old.state is JobState.UNCERTAIN
    with pytest.raises(DuplicateRisk, match=old.id):
        chat.replay(old.id, text="Hello again")
    new = chat.wait(chat.replay(old.id, text="Hello again", force=True).id)
    assert new.state is JobState.SENT
    with pytest.raises(NotReplayable, match="sent"):
        chat.replay(new.id)


def test_a_follower_sees_every_end_once(stack: Harness) -> None:
    """Webhooks are made of it."""
    stack.start_worker()
    chat = stack.chat()
    receipt = chat.enqueue_batch(_rows(700), sender="support", text="Hello")
    since, ends, kinds = 0, [], []
    while EventKind.BATCH_FINAL not in kinds:
        found = chat.events(since=since, wait=30)
        assert found.events, "nothing came"
        assert found.missed == 0
        since = found.next
        kinds += [event.kind for event in found.events]
        ends += [event.id for event in found.events if event.kind is EventKind.JOB_FINAL]
    assert sorted(ends) == sorted(f"{receipt.id}-{row}" for row in range(1, 701))
    assert kinds.count(EventKind.BATCH_ACCEPTED) == 1


def test_the_command_line_cancels_lists_replays_and_follows(stack: Harness) -> None:
    """All of it without Python."""
    stack.configure(retry={"max_attempts": 1, "base": 0.05, "cap": 0.1})
    stack.sandbox.configure(faults=(Fault(FaultKind.INVALID, times=2),))
    chat = stack.chat()
    receipt = chat.enqueue_batch(_rows(3), sender="support", text="Hello")
    assert stack.run("cancel", receipt.id).returncode == 0
    assert chat.batch(receipt.id).counts[JobState.CANCELLED] == 3
    assert "0 jobs of acme" in stack.run("cancel", "--tenant", "acme").stderr
    assert stack.run("cancel").returncode == 2

    stack.start_worker()
    jobs = [chat.wait(chat.enqueue(sender="support", to=number(index), text="Hello").id) for index in range(2)]
    listed = stack.run("dead", "--code", "refused")
    assert all(job.id in listed.stdout for job in jobs)
    assert "refused" in stack.run("dead", "--counts").stdout
    replayed = stack.run("replay", "--all", "--code", "refused", "--json")
    assert (replayed.returncode, replayed.stdout.count('"replay_of"')) == (0, 2)
    assert stack.run("replay", jobs[0].id).returncode == 0, "twice: the same new job"
    told = stack.run("events")
    assert told.stdout.count("cancelled") == 3
    assert "batch final" in told.stdout
