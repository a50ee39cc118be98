"""Encryption with real workers: nothing in Redis tells whom is written to or what, and nothing is lost by keys."""

from typing import Any

import pytest
from pydantic import SecretStr

from outbound_chat import IdempotencyConflict, Job, JobState, MissingEncryptionKey, OutboundChat, WaitReason
from outbound_chat.children import end
from outbound_chat.encryption import RequestCipher, new_key
from outbound_chat_config import EncryptionSettings
from outbound_chat_worker.sandbox import Fault, FaultKind
from tests.support.harness import Harness, data_of, number
from tests.support.privacy import content_of
from tests.support.waiting import wait_until

KEY, NEXT, NUMBER_KEY = new_key(), new_key(), new_key()
ON: dict[str, Any] = {"keys": [KEY], "number_key": NUMBER_KEY}
TEXT = "Your parcel has left us"
ROWS = [{"to": number(index), "attributes": {"parcel": f"parcel-{index}"}} for index in range(20)]


def outcome(job: Job | None) -> tuple[JobState, str]:
    assert job
    return job.state, job.error.code if job.error else ""


def switch(stack: Harness, **encryption: Any) -> OutboundChat:
    """A client with these keys; workers that start from now on have them, too."""
    stack.configure(encryption=encryption)
    return stack.chat()


def test_what_is_encrypted_is_sent_and_never_seen(stack: Harness) -> None:
    """Single jobs, rows of a batch with what they share, suppressed numbers, and the replay of one that failed."""
    chat = switch(stack, **ON)
    stack.sandbox.configure(faults=(Fault(FaultKind.INVALID, destination=number(30)),))
    assert chat.suppress([number(7)], sender="support", reason="asked at the counter") == 1
    single = chat.enqueue(sender="support", to=number(30), text=TEXT, idempotency_key="order-1")
    batch = chat.enqueue_batch(ROWS, sender="support", text=TEXT)

    before = content_of(stack.server.url)
    for hidden in (*(number(index) for index in range(31)), number(3)[2:], TEXT, "parcel-3", "counter"):
        assert hidden not in before
    stack.start_worker()
    counts = chat.wait_batch(batch.id, timeout=60).counts
    assert (counts[JobState.SENT], counts[JobState.FAILED]) == (19, 1)
    assert outcome(chat.status(f"{batch.id}-8")) == (JobState.FAILED, "suppressed")
    assert outcome(chat.wait(single.id, timeout=60)) == (JobState.FAILED, "refused")

    stack.sandbox.configure(faults=())
    replay = chat.replay(single.id, text=TEXT + " again")
    assert TEXT not in content_of(stack.server.url)
    assert chat.wait(replay.id, timeout=60).state is JobState.SENT
    sent = {contact.destination for contact in stack.sandbox.contacts()}
    assert sent == {number(index) for index in (*range(20), 30)} - {number(7)}
    assert chat.enqueue(sender="support", to=number(30), text=TEXT, idempotency_key="order-1").id == single.id
    (listed,) = chat.suppressed(sender="support")
    assert (listed.number, listed.reason) == (number(7), "asked at the counter")


@pytest.mark.parametrize(("first", "then"), [({}, ON), (ON, {**ON, "write_plain": True})], ids=["on", "off"])
def test_encryption_is_switched_on_and_off_while_jobs_wait(stack: Harness, first: Any, then: Any) -> None:
    """Jobs, lists and idempotency keys of before hold on, and new ones beside them."""
    chat = switch(stack, **first)
    earlier = chat.enqueue_batch(ROWS[:10], sender="support", text=TEXT)
    known = chat.enqueue(sender="support", to=number(40), text=TEXT, idempotency_key="order-1")
    chat.suppress([number(3), number(13)], sender="support", reason="before")

    chat = switch(stack, **then)
    later = chat.enqueue_batch(ROWS[10:], sender="support", text=TEXT)
    chat.suppress([number(4), number(14)], sender="support", reason="after")
    assert chat.enqueue(sender="support", to=number(40), text=TEXT, idempotency_key="order-1").id == known.id
    with pytest.raises(IdempotencyConflict):
        chat.enqueue(sender="support", to=number(40), text="other", idempotency_key="order-1")
    stack.start_worker()

    for batch in (earlier, later):
        assert chat.wait_batch(batch.id, timeout=60).counts[JobState.FAILED] == 2
    assert chat.wait(known.id, timeout=60).state is JobState.SENT
    opted_out = {number(index): "before" if index in (3, 13) else "after" for index in (3, 4, 13, 14)}
    sent = [contact.destination or "" for contact in stack.sandbox.contacts()]
    assert sorted(sent) == sorted({number(index) for index in (*range(20), 40)} - {*opted_out})
    assert {entry.number: entry.reason for entry in chat.suppressed(sender="support")} == opted_out
    some = [number(3), number(14)]
    assert [entry.number for entry in chat.suppressed([*some, number(5)], sender="support")] == some

    mixed = "some of its numbers are not encrypted"
    assert (mixed in stack.run("doctor").stdout) is (then == ON)
    done = stack.run("rewrite-suppressed", "--json")
    assert done.returncode == 0, done.stderr
    assert {"sender": "chat", "written": 0} in data_of(done.stdout)
    stored = content_of(stack.server.url)
    assert mixed not in stack.run("doctor").stdout
    assert ("}:suppressed_enc:support " in stored) is (then == ON)
    assert ("}:suppressed:support " in stored) is (then != ON)
    assert {entry.number: entry.reason for entry in chat.suppressed(sender="support")} == opted_out
    assert chat.unsuppress([*some, number(5)], sender="support") == 2


def test_a_worker_without_keys_holds_the_sender_and_fails_nothing(stack: Harness) -> None:
    """Its settings were forgotten; the jobs are as good as ever, and another worker sends them."""
    chat = switch(stack, **ON)
    batch = chat.enqueue_batch(ROWS, sender="support", text=TEXT)
    switch(stack)
    blind = stack.start_worker()
    (hold,) = wait_until(chat.holds, timeout=60, what="the hold")
    assert (hold.scope, hold.name, hold.code) == ("sender", "support", "no_key")
    assert "encryption.keys" in hold.reason

    end(blind)
    switch(stack, **ON)
    stack.start_worker()
    assert chat.wait_batch(batch.id, timeout=90).counts[JobState.SENT] == 20
    jobs = chat.statuses(f"{batch.id}-{row}" for row in range(1, 21))
    assert {job.attempts for job in jobs.values() if job} == {1}, "what was not called cost no attempt"
    assert not chat.holds()


def test_jobs_of_a_key_that_is_gone_keep_nobody_waiting(stack: Harness) -> None:
    """The old key was taken away too early: its jobs wait for it, and all others go."""
    chat = switch(stack, **ON)
    lost = chat.enqueue(sender="support", to=number(1), text=TEXT)
    chat = switch(stack, keys=[NEXT], number_key=NUMBER_KEY)
    batch = chat.enqueue_batch(ROWS, sender="support", text=TEXT)
    stack.start_worker()
    assert chat.wait_batch(batch.id, timeout=60).counts[JobState.SENT] == 20

    job = chat.status(lost.id)
    assert (job.state, job.attempts, job.error and job.error.code) == (JobState.QUEUED, 0, "no_key")
    assert job.next_attempt_at
    assert not chat.holds()
    assert WaitReason.NO_KEY in {(found := chat.why(lost.id)).reason, found.then}
    assert found.expected_at is None
    old, new = (
        RequestCipher(EncryptionSettings(keys=[SecretStr(key)], number_key=SecretStr(NUMBER_KEY))).decrypting_key_ids[0]
        for key in (KEY, NEXT)
    )
    assert f"1 open job of budget main can't be read: no worker has the key {old}" in stack.run("doctor").stdout
    known = {"budget": "main", "ended": 0}
    assert data_of(stack.run("encryption-keys", "--json").stdout) == [
        {**known, "key": new, "open": 0, "workers": 1, "here": True},
        {**known, "key": old, "open": 1, "workers": 0, "here": False},
    ]
    chat.cancel(lost.id)
    assert f"{old}  " not in stack.run("encryption-keys").stdout


def test_whoever_lacks_a_key_is_told_which(stack: Harness) -> None:
    """A list that can't be read is not an empty one."""
    chat = switch(stack, **ON)
    chat.suppress([number(1)], sender="support")
    cases: list[tuple[dict[str, Any], str]] = [
        ({}, "add encryption.number_key"),
        ({**ON, "number_key": NEXT}, "another"),
    ]
    for settings, words in cases:
        other = switch(stack, **settings)
        with pytest.raises(MissingEncryptionKey, match=words):
            list(other.suppressed([number(1)], sender="support"))
        with pytest.raises(MissingEncryptionKey, match=words):
            list(other.suppressed(sender="support"))
        with pytest.raises(MissingEncryptionKey, match=words):
            other.unsuppress([number(1)], sender="support")
    assert [entry.number for entry in chat.suppressed(sender="support")] == [number(1)]
    switch(stack, keys=[NEXT], number_key=NUMBER_KEY)
    done = stack.run("suppressed", "--sender", "support")
    assert done.returncode == 2
    assert "missing in encryption.keys" in done.stderr


def test_a_worker_that_can_not_read_a_list_calls_nobody(stack: Harness) -> None:
    """Another number_key would let everybody through who opted out."""
    chat = switch(stack, **ON)
    chat.suppress([number(1)], sender="support")
    other = switch(stack, keys=[KEY], number_key=NEXT)
    job = other.enqueue(sender="support", to=number(1), text=TEXT)
    stack.start_worker()
    (hold,) = wait_until(chat.holds, timeout=60, what="the hold")

    assert (hold.name, hold.code) == ("support", "no_key")
    assert "number_key" in hold.reason
    assert stack.sandbox.stats().calls == 0
    assert "another encryption.number_key" in stack.run("doctor").stdout
    assert chat.cancel(job.id).state is JobState.CANCELLED


def test_new_key_prints_a_key_that_the_settings_take(stack: Harness) -> None:
    """The first step of whoever switches it on."""
    keys = [stack.run("new-key").stdout.strip() for _ in range(2)]

    assert switch(stack, keys=keys[:1], number_key=keys[1]).enqueue(sender="support", to=number(1)).id
