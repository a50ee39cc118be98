"""The client in memory: what production accepts and refuses, and ends that the test decides."""

import asyncio
import re
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import MagicMock, create_autospec

import pytest
import time_machine

from outbound_chat import (
    AsyncOutboundChat,
    ClientClosed,
    IdempotencyConflict,
    InvalidJob,
    JobState,
    OutboundChat,
    StoreUnavailable,
    UnknownJob,
    WaitTimeout,
)
from outbound_chat.store import scripts
from outbound_chat.testing import InMemoryOutboundChat, in_memory, make_job, make_sender
from outbound_chat_config import SettingsError
from tests.docs.pages import DOCS

NUMBER, OTHER = "+12025550123", "+12025550124"
KEYS = {"keys": ["X" * 43 + "="], "number_key": "Y" * 43 + "="}


@pytest.fixture
def chat() -> Iterator[InMemoryOutboundChat]:
    with InMemoryOutboundChat() as client:
        yield client


def enqueue(chat: OutboundChat, **options: Any) -> str:
    return chat.enqueue(**{"sender": "demo", "to": NUMBER, "text": "Hello", **options}).id


# What was enqueued


def test_what_was_enqueued_is_a_list_with_number_text_and_request(chat: InMemoryOutboundChat) -> None:
    job = enqueue(chat, attributes={"order": "17"}, tenant="shop")
    with pytest.raises(InvalidJob):
        enqueue(chat, to="12")

    (noted,) = chat.enqueued
    assert (noted.id, noted.sender, noted.to, noted.text) == (job, "demo", NUMBER, "Hello")
    assert noted.request["Attributes"] == {"order": "17"}
    assert noted.request["SegmentAttributes"] == {"connect:Subtype": {"ValueString": "connect:SMS"}}
    assert (noted.job.state, noted.job.tenant) == ("queued", "shop")
    assert NUMBER not in repr(noted)
    assert "Hello" not in repr(noted)


def test_a_raw_request_is_noted_as_it_was_given(chat: InMemoryOutboundChat) -> None:
    endpoint = {"Type": "TELEPHONE_NUMBER", "Address": NUMBER}
    chat.enqueue_request(sender="demo", DestinationEndpoint=endpoint, ClientToken="mine")

    (noted,) = chat.enqueued
    assert (noted.to, noted.text) == (NUMBER, None)
    assert noted.request["DestinationEndpoint"] == endpoint
    assert noted.request["ClientToken"] == "mine"


def test_rows_of_a_batch_are_noted_with_what_they_share(chat: InMemoryOutboundChat) -> None:
    rows = [{"to": NUMBER}, {"to": "12"}, {"to": OTHER, "text": "Only you"}]
    receipt = chat.enqueue_batch(rows, sender="demo", text="All of you")

    assert [(one.to, one.text) for one in chat.enqueued] == [(NUMBER, "All of you"), (OTHER, "Only you")]
    assert {one.job.batch_id for one in chat.enqueued} == {receipt.id}


def test_a_repeated_call_is_noted_once_and_another_request_with_its_key_is_refused(chat: InMemoryOutboundChat) -> None:
    first, second = (enqueue(chat, idempotency_key="17") for _ in range(2))
    with pytest.raises(IdempotencyConflict):
        enqueue(chat, idempotency_key="17", text="Other")
    many = chat.enqueue_many([{"sender": "demo", "to": NUMBER, "text": "Hello", "idempotency_key": "17"}])

    assert first == second == getattr(many[0], "id", None)
    assert [one.id for one in chat.enqueued] == [first]


def test_a_replay_is_noted_as_another_job(chat: InMemoryOutboundChat) -> None:
    job = chat.finish(enqueue(chat), "failed")
    replay = chat.replay(job.id, to=OTHER)

    assert [(one.id, one.to) for one in chat.enqueued] == [(job.id, NUMBER), (replay.id, OTHER)]
    assert chat.wait(replay.id).state == "sent"


def test_a_bulk_action_is_carried_out_when_jobs_end(chat: InMemoryOutboundChat) -> None:
    job = chat.finish(enqueue(chat), "failed")
    chat.start_replay(code="refused")
    chat.finish_all()

    (action,) = chat.actions()
    assert (action.state, action.done) == ("done", 1)
    assert chat.status(chat.status(job.id).replayed_by or "").state == "sent"


def test_encrypted_requests_are_noted_and_suppressed_numbers_found() -> None:
    with InMemoryOutboundChat(encryption=KEYS) as chat:
        job = enqueue(chat)
        assert chat.enqueued[0].to == NUMBER
        chat.suppress([NUMBER], sender="demo")
        ended = chat.wait(job)
        assert ended.error
        assert (ended.state, ended.error.code) == ("failed", "suppressed")


# What is refused


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"to": "12"}, "invalid_number"),
        ({"text": ""}, "too_short"),
        ({"sender": "dmeo"}, "unknown_sender"),
        ({"prio": "high"}, "unknown_field"),
        ({"priority": "high"}, "not_allowed"),
    ],
)
def test_what_production_refuses_is_refused_with_the_same_error(
    chat: InMemoryOutboundChat, options: Any, code: str
) -> None:
    with pytest.raises(InvalidJob) as refused:
        enqueue(chat, **options)
    production = OutboundChat(senders={"demo": make_sender(), "demo-whatsapp": make_sender("whatsapp")})
    with pytest.raises(InvalidJob) as expected:
        enqueue(production, **options)

    assert refused.value.errors == expected.value.errors
    assert refused.value.errors[0].code == code
    assert chat.enqueued == []


def test_settings_are_checked_as_in_production() -> None:
    with pytest.raises(SettingsError, match="channel"):
        InMemoryOutboundChat(senders={"support": make_sender("pigeon")})


def test_without_the_extra_one_sentence_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fakeredis", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'outbound-chat\[testing\]'"):
        InMemoryOutboundChat()


# How jobs end


def test_a_wait_ends_what_is_due_as_sent(chat: InMemoryOutboundChat) -> None:
    first, second = enqueue(chat), enqueue(chat, to=OTHER)
    job = chat.wait(first)

    assert (job.state, job.attempts, job.error) == ("sent", 1, None)
    assert job.contact_id
    assert chat.status(second).state == "sent"
    assert [one.job.state for one in chat.enqueued] == ["queued", "queued"], "as they were accepted"


def test_no_pace_and_no_quota_holds_up_a_batch() -> None:
    limited = make_sender(number_rate=1, max_open_chats=1, concurrency=1)
    budget = {"rate": 0.01, "burst": 1}
    with InMemoryOutboundChat(senders={"support": limited}, budgets={"main": budget}) as chat:
        rows = ({"to": f"+1212{2_000_000 + row}"} for row in range(700))
        receipt = chat.enqueue_batch(rows, sender="support", text="Hello")
        batch = chat.wait_batch(receipt.id)

        slow = chat.enqueue_batch([{"to": NUMBER}] * 3, sender="support", text="Hello", concurrency=1)
        assert chat.wait_batch(slow.id).counts[JobState.SENT] == 3

    assert (batch.final, batch.counts[JobState.SENT]) == (True, 700)


@pytest.mark.parametrize(
    ("state", "given", "code"),
    [("failed", "", "refused"), ("failed", "not_found", "not_found"), ("uncertain", "", "no_answer")],
)
def test_a_job_fails_as_the_test_decides(chat: InMemoryOutboundChat, state: str, given: str, code: str) -> None:
    job, other = enqueue(chat), enqueue(chat)
    ended = chat.finish(job, state, code=given)

    assert (ended.state, ended.attempts) == (state, 1)
    assert ended.error
    assert ended.error.code == code
    assert [one.id for one in chat.dead_letters(code=code).jobs] == [job]
    found = chat.status(other)
    assert (found.state, found.attempts, found.history) == ("queued", 0, ()), "it is left alone"


def test_a_job_expires_and_what_is_not_due_stays(chat: InMemoryOutboundChat) -> None:
    later = enqueue(chat, send_at=chat.clock.now() + timedelta(days=9))
    job = enqueue(chat, expires_at=chat.clock.now() + timedelta(hours=1))

    assert chat.finish(job, "expired").state == "expired"
    assert chat.status(later).state == "scheduled"


@pytest.mark.parametrize("state", ["failed", "uncertain", "expired"])
def test_how_a_wait_ends_is_decided_before_it(chat: InMemoryOutboundChat, state: str) -> None:
    chat.finish_as(state, to=NUMBER)
    job, other = enqueue(chat), enqueue(chat, to=OTHER)

    assert chat.wait(job).state == state
    assert chat.status(other).state == "sent"
    chat.finish_as("sent", to=NUMBER)
    assert chat.wait(enqueue(chat)).state == "sent"


def test_what_can_not_be_sent_now_says_why_at_once(chat: InMemoryOutboundChat) -> None:
    chat.hold(sender="demo", reason="porting")
    held, scheduled = enqueue(chat), enqueue(chat, to=OTHER, send_at=chat.clock.now() + timedelta(hours=1))

    with pytest.raises(ValueError, match=r"can't end sent now: it is queued\. .*porting"):
        chat.finish(held)
    with pytest.raises(ValueError, match="it is scheduled"):
        chat.finish(scheduled, "failed")
    with pytest.raises(WaitTimeout):
        chat.wait(held, timeout=3600)
    chat.release(sender="demo")
    assert chat.wait(held).state == "sent"


def test_a_final_job_stays_as_it_is(chat: InMemoryOutboundChat) -> None:
    job = chat.finish(enqueue(chat))
    for state in ("sent", "failed", "expired"):
        with pytest.raises(ValueError, match="it is sent"):
            chat.finish(job, state)
    with pytest.raises(ValueError, match="sent, failed, uncertain, expired, not cancelled"):
        chat.finish(job, "cancelled")
    with pytest.raises(UnknownJob):
        chat.finish("main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR")


def test_whatever_the_test_decides_the_counts_add_up(chat: InMemoryOutboundChat) -> None:
    receipt = chat.enqueue_batch([{"to": NUMBER}] * 8, sender="demo", text="Hello")
    for row, state in enumerate(("sent", "failed", "uncertain"), start=1):
        chat.finish(f"{receipt.id}-{row}", state)
    chat.cancel(f"{receipt.id}-4")
    chat.suppress([OTHER], sender="demo")
    chat.finish_as("expired")
    chat.wait(enqueue(chat, to=OTHER))
    chat.clock.move(timedelta(days=1))
    keys = chat._context.keys("main")

    assert chat.batch(receipt.id).counts == {
        **dict.fromkeys(JobState, 0),
        **dict.fromkeys((JobState.SENT, JobState.FAILED, JobState.UNCERTAIN, JobState.CANCELLED), 1),
        JobState.EXPIRED: 4,
    }
    for what in ("budget", "lanes", "jobs"):
        assert chat._memory.run(scripts.audit(keys, what=what, names=[])) == []


def test_a_job_is_on_disk_if_that_was_asked_for(chat: InMemoryOutboundChat) -> None:
    assert chat.status(enqueue(chat, durability="fsync")).state == "queued"
    with InMemoryOutboundChat(durability={"default": "fsync", "replicas": 2}) as strict:
        strict.enqueue_batch([{"to": NUMBER}], sender="demo", text="Hello")
        (job,) = strict.enqueue_many([{"sender": "demo", "to": NUMBER, "text": "Hello"}])
        assert getattr(job, "state", job) == "queued"


# The clock


def test_jobs_become_due_when_the_clock_is_moved(chat: InMemoryOutboundChat) -> None:
    job = enqueue(chat, send_at=chat.clock.now() + timedelta(days=1))
    with pytest.raises(WaitTimeout):
        chat.wait(job)
    chat.clock.move(timedelta(days=1))

    assert chat.status(job).state == "queued"
    assert chat.wait(job).state == "sent"


def test_jobs_and_records_go_when_their_time_is_over(chat: InMemoryOutboundChat) -> None:
    job = enqueue(chat)
    chat.clock.move(timedelta(days=3))
    assert chat.status(job).state == "expired"
    chat.clock.move(timedelta(days=8))

    with pytest.raises(UnknownJob):
        chat.status(job)
    assert [one.id for one in chat.enqueued] == [job], "what was enqueued stays known"


def test_times_are_checked_by_the_clock(chat: InMemoryOutboundChat) -> None:
    chat.clock.set(datetime(2031, 5, 1, 12, tzinfo=UTC))
    now = chat.clock.now()
    job = chat.enqueue(sender="demo", to=NUMBER, text="Hello", expires_at=now + timedelta(hours=1))
    assert timedelta(milliseconds=-1) < job.created_at - now < timedelta(minutes=1)
    with pytest.raises(InvalidJob, match="expires_at: must be in the future"):
        enqueue(chat, expires_at=now - timedelta(seconds=1))
    (rejected,) = chat.enqueue_batch(
        [{"to": NUMBER, "send_at": now - timedelta(days=1)}], sender="demo", text="Hi"
    ).rejections
    assert rejected.errors[0].field == "send_at"


@pytest.mark.parametrize("as_batch", [False, True])
def test_quiet_hours_go_by_the_clock(*, as_batch: bool) -> None:
    with InMemoryOutboundChat(senders={"support": make_sender(quiet_hours="21:00-08:00")}) as chat:
        chat.clock.set(datetime(2031, 5, 1, 2, tzinfo=UTC))  # 22:00 in Washington
        if as_batch:
            chat.enqueue_batch([{"to": NUMBER}], sender="support", text="Hello")
        else:
            enqueue(chat, sender="support")
        (noted,) = chat.enqueued
        assert noted.job.send_at == datetime(2031, 5, 1, 12, tzinfo=UTC)
        with pytest.raises(WaitTimeout):
            chat.wait(noted.id)
        chat.clock.move(timedelta(hours=10))
        assert chat.wait(noted.id).state == "sent"


def test_a_job_that_waited_into_quiet_hours_is_not_sent_in_them() -> None:
    with InMemoryOutboundChat(senders={"support": make_sender(quiet_hours="21:00-08:00")}) as chat:
        chat.clock.set(datetime(2031, 5, 1, 20, tzinfo=UTC))
        job = enqueue(chat, sender="support")
        chat.clock.set(datetime(2031, 5, 2, 2, tzinfo=UTC))
        with pytest.raises(WaitTimeout):
            chat.wait(job)
        chat.clock.set(datetime(2031, 5, 2, 12, tzinfo=UTC))
        assert chat.wait(job).state == "sent"


def test_a_library_that_sets_the_time_moves_the_clock(chat: InMemoryOutboundChat) -> None:
    job = enqueue(chat)
    with time_machine.travel(datetime.now(UTC) + timedelta(days=4)):
        with pytest.raises(WaitTimeout):
            chat.wait(enqueue(chat, send_at=datetime.now(UTC) + timedelta(days=1)))
        assert chat.status(job).state == "expired"


# asyncio


def test_the_client_for_asyncio_has_the_same_jobs(chat: InMemoryOutboundChat) -> None:
    client = chat.asynchronous()

    async def send() -> str:
        await client.ping()
        job = await client.enqueue(sender="demo", to=NUMBER, text="Hello")
        receipt = await client.enqueue_batch([{"to": OTHER}], sender="demo", text="Hello")
        batch = await client.wait_batch(receipt.id)
        assert batch.final
        with pytest.raises(InvalidJob):
            await client.enqueue(sender="demo", to="12", text="Hello")
        later = await client.enqueue(sender="demo", to=NUMBER, send_at=chat.clock.now() + timedelta(days=1))
        with pytest.raises(WaitTimeout):
            await client.wait(later.id)
        return (await client.wait(job.id)).id

    for turn in (1, 2):
        assert asyncio.run(send()) == chat.enqueued[3 * (turn - 1)].id
    asyncio.run(client.close())
    assert [one.to for one in chat.enqueued[:2]] == [NUMBER, OTHER]


# Clients of the application

BEFORE = OutboundChat()
"""As an application makes it where a module is imported; its Redis is not there, and it has no settings."""
APPLICATION = OutboundChat(senders={"support": make_sender(budget="own")}, budgets={"own": {}})
ASYNC_BEFORE = AsyncOutboundChat(redis_url="redis://127.0.0.1:1/0", senders={"support": make_sender()})


def test_clients_of_the_application_keep_their_jobs_in_memory_whenever_they_were_made() -> None:
    for _ in range(2):
        with in_memory() as chat:
            first = enqueue(BEFORE)
            with OutboundChat.from_settings() as made:
                made.ping()
                second = enqueue(made)
                assert made.wait(first).state == "sent"
            third = asyncio.run(_use_asyncio())
            assert [one.id for one in chat.enqueued] == [first, second, third]
            assert [one.sender for one in chat.enqueued] == ["demo", "demo", "support"]
            with pytest.raises(InvalidJob, match="unknown_sender"):
                enqueue(BEFORE, sender="support")


async def _use_asyncio() -> str:
    await ASYNC_BEFORE.ping()
    job = await ASYNC_BEFORE.enqueue(sender="support", to=NUMBER, text="Hello")
    assert (await ASYNC_BEFORE.wait(job.id)).state == "sent"
    return job.id


SHOP = {"shop": make_sender(quiet_hours="21:00-08:00", quiet_spares_urgent=True)}


@pytest.mark.parametrize("others", [{"key_prefix": "shop"}, {"encryption": KEYS}])
def test_clients_with_other_settings_share_the_jobs(others: Any) -> None:
    client, plain = OutboundChat(senders=SHOP, **others), OutboundChat(senders={"alerts": make_sender(), **SHOP})
    with in_memory() as chat:
        chat.clock.set(datetime(2031, 5, 1, 2, tzinfo=UTC))  # 22:00 in Washington
        client.suppress([OTHER], sender="shop")
        jobs = [
            enqueue(one, sender="shop", to=to, priority="urgent") for one in (client, plain) for to in (NUMBER, OTHER)
        ]
        jobs.append(enqueue(plain, sender="alerts"))
        assert chat.finish(jobs[0], "failed").state == "failed"
        assert client.wait(jobs[1]).state == "failed"
        assert [plain.status(job).state for job in jobs[2:]] == ["sent", "failed", "sent"]
        assert [one.to for one in chat.enqueued] == [NUMBER, OTHER] * 2 + [NUMBER]
        with pytest.raises(WaitTimeout, match="quiet hours"):
            client.wait(enqueue(client, sender="shop"))
        with in_memory(key_prefix="inner"):
            assert asyncio.run(chat.asynchronous().status(jobs[0])).state == "failed"


def test_a_worker_is_there_from_the_beginning_and_stays() -> None:
    with in_memory(budgets={"main": {}, "eu": {}}) as chat:
        assert [budget.workers for budget in BEFORE.budgets()] == [1, 1]
        job = enqueue(APPLICATION, sender="support")
        for days in range(2):
            with time_machine.travel(datetime.now(UTC) + timedelta(days=days)):
                assert APPLICATION.why(job).reason == chat.why(job).reason == "next"


def test_a_closed_client_raises_that_in_memory_too() -> None:
    client, for_asyncio = OutboundChat(), AsyncOutboundChat()
    with in_memory() as chat:
        job = enqueue(client)
        client.close()
        asyncio.run(for_asyncio.close())
        for call in (client.ping, client.budgets, lambda: client.wait(job), lambda: asyncio.run(for_asyncio.ping())):
            with pytest.raises(ClientClosed):
                call()
        assert chat.status(job).state == "queued", "no call was made"


def test_a_client_can_be_mocked_meanwhile() -> None:
    with in_memory():
        for kind in (OutboundChat, AsyncOutboundChat):
            assert not hasattr(kind, "_context")
            for mock in (create_autospec(kind, instance=True), MagicMock(spec=kind)):
                assert callable(mock.enqueue)


def test_threads_may_use_it_at_the_same_time() -> None:
    with in_memory() as chat, ThreadPoolExecutor(8) as pool:
        jobs = list(pool.map(lambda _: BEFORE.wait(enqueue(BEFORE)), range(64)))

    assert {job.state for job in jobs} == {JobState.SENT}
    assert {one.id for one in chat.enqueued} == {job.id for job in jobs}


def test_afterwards_a_client_that_a_thread_made_in_between_is_one_of_production() -> None:
    with in_memory(), ThreadPoolExecutor(1) as pool:
        made = pool.submit(
            lambda: OutboundChat(redis_url="redis://127.0.0.1:1/0", redis_timeout=1, senders={"support": make_sender()})
        ).result()
        assert made.wait(enqueue(made, sender="support")).state == "sent"
    with pytest.raises(StoreUnavailable):
        enqueue(made, sender="support")


def test_afterwards_clients_are_what_they_were() -> None:
    names = ("_run", "_wait", "ping")
    before = [getattr(kind, name) for kind in (OutboundChat, AsyncOutboundChat) for name in names]
    with pytest.raises(RuntimeError, match="of the test"), in_memory(), in_memory():
        raise RuntimeError("of the test")
    assert [getattr(kind, name) for kind in (OutboundChat, AsyncOutboundChat) for name in names] == before
    assert not hasattr(OutboundChat, "_context")
    with pytest.raises(InvalidJob, match="none is configured"):
        enqueue(BEFORE)


def test_the_clock_is_that_of_all_clients() -> None:
    with in_memory(senders={"support": make_sender()}) as chat:
        chat.clock.move(timedelta(days=100))
        job = enqueue(BEFORE, sender="support", expires_at=chat.clock.now() + timedelta(hours=1))
        with pytest.raises(InvalidJob, match="expires_at"):
            enqueue(BEFORE, sender="support", expires_at=chat.clock.now() - timedelta(hours=1))
        assert chat.wait(job).state == "sent"


def test_settings_are_loaded_as_in_production(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    values = make_sender()
    (tmp_path / "outbound-chat.toml").write_text(
        "[senders.alerts]\n" + "".join(f'{name} = "{value}"\n' for name, value in values.items())
    )
    with in_memory() as chat:
        assert chat.status(enqueue(BEFORE, sender="alerts")).sender == "alerts"
        with pytest.raises(InvalidJob, match="known senders: alerts"):
            enqueue(chat, sender="demo")


# Records


@pytest.mark.parametrize("channel", ["sms", "whatsapp"])
def test_settings_of_a_sender_fit_together(channel: str) -> None:
    abroad = make_sender(channel, region="eu-west-1", budget="eu")
    by_number = make_sender(channel, source=abroad["source"], budget="eu")
    limited = [make_sender(channel, number_rate=rate, max_open_chats=chats) for rate in (1, 3) for chats in (None, 9)]
    senders = {f"sender-{at}": one for at, one in enumerate([abroad, by_number, make_sender(channel), *limited])}

    with InMemoryOutboundChat(senders=senders, budgets={"main": {}, "eu": {}}) as chat:
        for name in senders:
            assert chat.wait(enqueue(chat, sender=name)).state == "sent"
    assert by_number["region"] == "eu-west-1"


@pytest.mark.parametrize("state", JobState)
def test_a_record_of_each_state_is_made(state: JobState) -> None:
    job = make_job(state, tenant="shop")

    assert (job.state, job.tenant, job.sender) == (state, "shop", "demo")
    assert job.final == (job.finished_at is not None)
    assert (job.contact_id is not None) == (state == "sent")
    assert (job.error is not None) == (state in {"failed", "uncertain"})


def test_a_record_has_the_values_that_were_given() -> None:
    job = make_job("failed", code="suppressed", id="main.1", attempts=3)

    assert job.error
    assert (job.id, job.attempts, job.error.code) == ("main.1", 3, "suppressed")
    with pytest.raises(TypeError, match="colour"):
        make_job(colour="red")
    with pytest.raises(ValueError, match="lost"):
        make_job("lost")


def test_a_test_ends_a_contact_and_sets_a_delivery(chat: InMemoryOutboundChat) -> None:
    """As events do in production: the state stays, and weaker evidence changes nothing."""
    job = chat.finish(enqueue(chat))
    assert (job.contact, job.delivery.state) == (None, "unknown")
    with pytest.raises(WaitTimeout):
        chat.wait(job.id, until="ended")

    ended = chat.end_contact(job, "EXPIRED").contact
    assert ended is not None
    assert (ended.open, ended.reason) == (False, "EXPIRED")
    assert chat.wait(job.id, until="ended").contact == ended
    failed = chat.deliver(job, "undelivered", code="spam")
    assert (failed.state, failed.delivery.code) == (JobState.SENT, "spam")
    assert chat.deliver(job).delivery.contradicted
    assert chat.deliver(job, "carrier").delivery.state == "delivered"
    assert chat.wait(job.id, until="delivered").delivery.state == "delivered"
    assert chat.deliver(job, "answered").delivery.basis == "contact"


def test_batches_count_deliveries_that_a_test_sets(chat: InMemoryOutboundChat) -> None:
    batch = chat.enqueue_batch([{"to": NUMBER}, {"to": OTHER}], sender="demo", text="Hello").id
    chat.finish_all()
    chat.deliver(f"{batch}-1", "undelivered")
    found = {state.value: number for state, number in chat.batch(batch).deliveries.items() if number}
    assert found == {"undelivered": 1, "unknown": 1}


def test_slips_of_a_test_are_refused_with_what_was_meant(chat: InMemoryOutboundChat) -> None:
    """A test that passes with a code that production never gives proves nothing."""
    with pytest.raises(ValueError, match=r"code 'refusd' is not a known name; did you mean .refused."):
        chat.finish(enqueue(chat), "failed", code="refusd")
    with pytest.raises(ValueError, match=r"code .typo. is not a known name; use one of: access_denied, "):
        chat.finish_as("failed", code="typo")
    with pytest.raises(ValueError, match=r'code .* did you mean "no_answer"'):
        make_job("uncertain", code="no_anwser")
    with pytest.raises(ValueError, match=r'state .* did you mean "failed"'):
        make_job("faild")
    with pytest.raises(ValueError, match=r'state .* did you mean "delivered"'):
        chat.deliver(chat.finish(enqueue(chat)), "deliverd")
    with pytest.raises(ValueError, match="has no contact: it is queued; end it as sent first"):
        chat.end_contact(enqueue(chat))
    with pytest.raises(TypeError, match="by must be a timedelta"):
        chat.clock.move(60)  # type: ignore[arg-type]


def test_the_codes_are_those_of_the_docs() -> None:
    table = (DOCS / "errors.md").read_text(encoding="utf-8").partition("| code | outcome |")[2].partition("\n\n")[0]
    for code in (codes := re.findall(r"^\| `(\w+)`", table, re.MULTILINE)):
        assert make_job("failed", code=code).history[0].code == code
    assert len(codes) > 20
