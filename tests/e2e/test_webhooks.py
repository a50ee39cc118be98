"""Webhooks with real workers and real receivers: signed, repeated until they are taken, and in nobody's way."""

import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from outbound_chat import (
    Basis,
    ContactFact,
    Delivery,
    DeliveryState,
    InvalidJob,
    JobState,
    OutboundChat,
)
from outbound_chat.model.times import utc_now
from outbound_chat.store.scripts import ClaimedWebhook
from outbound_chat.testing import make_job
from outbound_chat.webhooks import verify
from outbound_chat_worker.runtime import Runtime
from outbound_chat_worker.webhooks.delivery import Delivery as WebhookDelivery
from outbound_chat_worker.webhooks.posting import Post
from tests.support.contact_events import contact_event
from tests.support.harness import SOURCE, Harness, data_of, number, sender
from tests.support.receiver import Received, Receiver
from tests.support.waiting import wait_until

SECRET = "whsec_" + "A" * 32
NEWER = "whsec_" + "B" * 32
PATIENCE = 60.0


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as one:
        yield one


def configure(stack: Harness, *, secrets: tuple[str, ...] = (SECRET,), callback: str = "", **webhooks: Any) -> None:
    """Settings under which receivers on this machine may be posted to, and come back to soon."""
    quick = {"allow_private": True, "base": 0.1, "cap": 0.3, "timeout": 2.0}
    stack.configure(webhooks={"secrets": list(secrets), **quick, **webhooks})
    if callback:
        of_support = {**stack.values["senders"]["support"], "callback_url": callback}
        senders = {**stack.values["senders"], "support": of_support}
        stack.configure(webhooks=stack.values["webhooks"], senders=senders)


def verified(one: Received, *secrets: str) -> dict[str, Any]:
    return verify(one.headers, one.body, secrets or (SECRET,))


def enqueue(chat: OutboundChat, receiver: Receiver, index: int = 1, **options: Any) -> str:
    options = {"callback_url": receiver.url, "text": "A secret text", **options}
    return chat.enqueue(sender="support", to=number(index), **options).id


def test_the_end_of_a_job_is_posted_signed_and_without_anything_personal(stack: Harness, receiver: Receiver) -> None:
    """The receiver knows that it is ours, and what became of the job, without asking."""
    configure(stack)
    chat = stack.chat()
    stack.start_worker()
    job_id = enqueue(chat, receiver)
    wait_until(lambda: receiver.received, timeout=PATIENCE)

    (came,) = receiver.received
    said = verified(came)
    job = chat.status(job_id)
    assert came.id == f"{job_id}.sent"
    assert said["type"] == "job.sent"
    assert said["timestamp"] == said["data"]["finished_at"]
    assert (said["data"]["id"], said["data"]["contact_id"]) == (job_id, job.contact_id)
    assert {"state", "sender", "attempts", "final", "error"} <= said["data"].keys()
    assert number(1) not in came.body.decode()
    assert "secret text" not in came.body.decode()
    wait_until(lambda: chat.webhook_hosts() == [], timeout=PATIENCE, what="nothing is left to post")
    assert "secret-in-the-url" not in stack.logs()


def test_what_events_report_later_is_posted_once_for_each_change(stack: Harness, receiver: Receiver) -> None:
    """Signed and named like the end, without disturbing it; a batch says what is known of its deliveries."""
    configure(stack)
    stack.configure(contact_events={}, webhooks=stack.values["webhooks"])
    chat = stack.chat()
    stack.start_worker()
    receipt = chat.enqueue_batch(
        [{"to": number(1)}, {"to": number(2)}], sender="support", text="Hello", callback_url=receiver.url
    )
    job_id = f"{receipt.id}-1"
    wait_until(lambda: len(receiver.received) == 3, timeout=PATIENCE)
    contact = chat.status(job_id).contact_id or ""
    metrics = {"customerMetrics": {"messagesSent": 2}}
    events = [
        contact_event("DISCONNECTED", contact, disconnectReason="CUSTOMER_DISCONNECT"),
        contact_event("COMPLETED", contact, disconnectReason="CUSTOMER_DISCONNECT", chatMetrics=metrics),
    ]
    assert chat.ingest_contact_events([*events, *events]) == ["changed", "changed", "same", "same"]
    wait_until(lambda: len(receiver.received) == 5, timeout=PATIENCE)
    assert chat.ingest_contact_events(events) == ["same", "same"]

    found = {one.id: verified(one) for one in receiver.received}
    ended, answered = found[f"{job_id}.contact_ended"], found[f"{job_id}.delivery.answered"]
    assert (ended["type"], ended["timestamp"]) == ("job.contact_ended", "2026-05-01T09:05:00.000+00:00")
    assert ended["data"]["contact"]["reason"] == "CUSTOMER_DISCONNECT"
    assert (answered["type"], answered["timestamp"]) == ("job.delivery", answered["data"]["delivery"]["at"])
    assert (answered["data"]["state"], answered["data"]["delivery"]["state"]) == ("sent", "answered")
    assert found[f"{receipt.id}.finished"]["data"]["deliveries"]["unknown"] == 2
    webhook = chat.status(job_id).webhook
    assert webhook is not None
    assert webhook.state == "delivered"
    deliveries = chat.batch(receipt.id).deliveries
    assert {state.value: count for state, count in deliveries.items() if count} == {"answered": 1, "unknown": 1}
    assert number(1) not in "".join(one.body.decode() for one in receiver.received)
    assert len(receiver.received) == 5, "a repeat posts nothing"


def test_only_what_is_still_true_is_posted(stack: Harness, receiver: Receiver) -> None:
    """A delivery that changed again has a webhook of its own, and a chat that was transferred is open again."""
    configure(stack)
    known: dict[str, Any] = {"basis": Basis.CONTEXT, "code": "", "at": utc_now(), "contradicted": False}
    job = make_job(
        "sent",
        delivery=Delivery(state=DeliveryState.READ, final=True, **known),
        contact=ContactFact(open=True, ended_at=None, reason=""),
    )
    runtime = Runtime(stack.settings)
    poster, local_id = WebhookDelivery(runtime, "main"), job.id.partition(".")[2]
    for end, posts in (("delivery.delivered", 0), ("contact_ended", 0), ("failed", 0), ("delivery.read", 1)):
        claimed = ClaimedWebhook(
            name=f"{local_id}.{end}", host="127.0.0.1", url=receiver.url, attempts=0, first_ms=0, job=job
        )
        result = poster.deliver(claimed, Post(timedelta(seconds=PATIENCE)))
        assert (result.outcome, len(receiver.received)) == ("delivered", posts)
    timeless = replace(job, contact=ContactFact(open=False, ended_at=None, reason=""))
    claimed = replace(claimed, name=f"{local_id}.contact_ended", job=timeless)
    poster.deliver(claimed, Post(timedelta(seconds=PATIENCE)))
    assert len(receiver.received) == 2, "no event told when it ended"
    runtime.store.close()


def test_a_webhook_about_a_contact_that_was_given_up_is_replayed(stack: Harness, receiver: Receiver) -> None:
    configure(stack)
    stack.configure(contact_events={}, webhooks=stack.values["webhooks"])
    chat = stack.chat()
    stack.start_worker()
    job_id = enqueue(chat, receiver)
    wait_until(lambda: receiver.received, timeout=PATIENCE)
    receiver.respond = lambda _: (410, {})
    contact = chat.status(job_id).contact_id or ""
    chat.ingest_contact_events([contact_event("DISCONNECTED", contact)])
    name = f"{job_id}.contact_ended"
    wait_until(lambda: [one.id for one in chat.dead_webhooks()] == [name], timeout=PATIENCE, what="it is given up")
    assert f"{name}  " in stack.run("webhooks", "dead").stdout
    receiver.respond = lambda _: (200, {})
    assert stack.run("webhooks", "replay", name).returncode == 0
    wait_until(lambda: receiver.ids().count(name) == 2, timeout=PATIENCE)
    assert chat.replay_webhooks([name, f"{job_id}.delivery.no_receipt"]) == {
        name: False,
        f"{job_id}.delivery.no_receipt": False,
    }


def test_a_batch_tells_of_its_end_with_its_counts(stack: Harness, receiver: Receiver) -> None:
    configure(stack)
    chat = stack.chat()
    stack.start_worker()
    rows = [{"to": number(index)} for index in range(5)]
    receipt = chat.enqueue_batch(rows, sender="support", text="Hello", callback_url=receiver.url)
    wait_until(lambda: len(receiver.received) == 6, timeout=PATIENCE)

    (end,) = [verified(one) for one in receiver.received if one.id == f"{receipt.id}.finished"]
    assert end["type"] == "batch.finished"
    assert (end["data"]["counts"]["sent"], end["data"]["final"]) == (5, True)
    assert Counter(verified(one)["type"] for one in receiver.received) == {"job.sent": 5, "batch.finished": 1}


def test_the_url_of_a_sender_serves_those_that_name_none(stack: Harness, receiver: Receiver) -> None:
    """An operator has one service that listens for everything."""
    configure(stack, callback=receiver.url)
    chat = stack.chat()
    stack.start_worker()
    job = chat.enqueue(sender="support", to="+12025550140", text="Hello")
    wait_until(lambda: receiver.received, timeout=PATIENCE)

    (came,) = receiver.received
    assert verified(came)["type"] == "job.failed"
    assert verified(came)["data"]["error"]["code"] == chat.status(job.id).history[-1].code


def test_a_receiver_that_fails_and_hangs_gets_the_same_webhook_until_it_takes_it(
    stack: Harness, receiver: Receiver
) -> None:
    """The same id each time, so that it can drop what it has; signed anew, so that none is too old."""
    configure(stack)

    def respond(one: Received) -> tuple[int, dict[str, str]]:
        match len(receiver.received):
            case 1:
                return 500, {}
            case 2:
                return receiver.hang(one)
            case _:
                return 200, {}

    receiver.respond = respond
    chat = stack.chat()
    stack.start_worker()
    job_id = enqueue(chat, receiver)
    wait_until(lambda: len(receiver.received) == 3 and chat.webhook_hosts() == [], timeout=PATIENCE)

    assert set(receiver.ids()) == {f"{job_id}.sent"}
    assert all(verified(one)["type"] == "job.sent" for one in receiver.received)


def test_a_courier_that_is_killed_loses_no_webhook(stack: Harness, receiver: Receiver) -> None:
    """kill -9 in the middle of a post; another worker posts it again once the lease is over."""
    configure(stack, timeout=0.5)
    receiver.respond = receiver.hang
    chat = stack.chat()
    first = stack.start_worker("-n", "first@%h")
    ids = [enqueue(chat, receiver, index) for index in range(3)]
    wait_until(lambda: receiver.received, timeout=PATIENCE)
    stack.kill(first)
    receiver.respond = lambda _: (204, {})
    receiver.let_go.set()
    for job_id in ids:
        chat.cancel(job_id)
    before = len(receiver.received)
    stack.start_worker("-n", "second@%h")
    wait_until(lambda: chat.webhook_hosts() == [], timeout=PATIENCE, what="all are posted")

    assert {id_.rpartition(".")[0] for id_ in receiver.ids()} == set(ids)
    assert len(receiver.received) > before


def test_a_worker_that_is_stopped_ends_its_posts_first(stack: Harness, receiver: Receiver) -> None:
    """A deployment posts nothing twice."""
    configure(stack)
    chat = stack.chat()
    worker = stack.start_worker()
    enqueue(chat, receiver)
    wait_until(lambda: receiver.received, timeout=PATIENCE)
    worker.send_signal(signal.SIGTERM)

    assert worker.wait(40) == 0
    assert chat.webhook_hosts() == []
    assert len(receiver.received) == 1


def test_dead_webhooks_are_listed_and_posted_once_more(stack: Harness, receiver: Receiver) -> None:
    """After a receiver was repaired, nothing it missed is lost."""
    configure(stack)
    receiver.respond = lambda _: (404, {})
    chat = stack.chat()
    stack.start_worker()
    ids = [enqueue(chat, receiver, index) for index in range(3)]
    wait_until(lambda: len(chat.dead_webhooks()) == 3, timeout=PATIENCE)

    dead = chat.dead_webhooks()
    assert {one.id for one in dead} == {f"{job_id}.sent" for job_id in ids}
    assert {(one.code, one.attempts, one.host) for one in dead} == {
        ("status_404", 5, f"127.0.0.1:{receiver.server_port}")
    }
    assert "secret-in-the-url" not in str(dead)
    listed = stack.run("webhooks", "dead", "--json").stdout
    assert ids[0] in listed
    receiver.received.clear()
    receiver.respond = lambda _: (200, {})
    assert stack.run("webhooks", "replay", dead[0].id, "main.01J.sent").returncode == 5
    assert chat.replay_all_webhooks() == 2
    wait_until(lambda: len(receiver.received) == 3, timeout=PATIENCE)
    assert {verified(one)["data"]["id"] for one in receiver.received} == set(ids)
    assert chat.dead_webhooks() == []


def test_during_a_change_of_secrets_both_fit(stack: Harness, receiver: Receiver) -> None:
    """Receivers change when it suits them."""
    configure(stack, secrets=(NEWER, SECRET))
    chat = stack.chat()
    stack.start_worker()
    enqueue(chat, receiver)
    wait_until(lambda: receiver.received, timeout=PATIENCE)

    (came,) = receiver.received
    assert verified(came, NEWER) == verified(came, SECRET)
    assert [part.partition(",")[0] for part in came.headers["webhook-signature"].split()] == ["v1", "v1"]


def test_without_a_secret_jobs_are_sent_and_webhooks_wait(stack: Harness, receiver: Receiver) -> None:
    """A producer need not know whether workers have one, and nothing leaves unsigned."""
    configure(stack, secrets=())
    chat = stack.chat()
    worker = stack.start_worker()
    job_id = enqueue(chat, receiver)
    assert chat.wait(job_id, timeout=PATIENCE).state is JobState.SENT
    (host,) = chat.webhook_hosts()
    assert host.waiting == 1
    worker.send_signal(signal.SIGTERM)
    worker.wait(40)
    assert "webhooks.secrets" in stack.run("doctor").stdout
    configure(stack)
    stack.start_worker()

    wait_until(lambda: receiver.received, timeout=PATIENCE)
    assert verified(receiver.received[0])["data"]["id"] == job_id


@pytest.mark.parametrize("pool", ["processes", "solo"])
def test_other_pools_post_too_and_go_on_sending(stack: Harness, receiver: Receiver, pool: str) -> None:
    """There a courier has the place of a pump, and leaves it after its slice."""
    configure(stack)
    stack.configure(webhooks=stack.values["webhooks"], worker={"slice": 0.5})
    chat = stack.chat()
    stack.start_worker("--pool", pool)
    ids = [enqueue(chat, receiver, index) for index in range(20)]
    wait_until(lambda: len(receiver.received) >= 20, timeout=PATIENCE)

    assert set(receiver.ids()) == {f"{job_id}.sent" for job_id in ids}
    later = enqueue(chat, receiver, 21)
    assert chat.wait(later, timeout=PATIENCE).state is JobState.SENT


def test_a_private_address_gets_nothing(stack: Harness, receiver: Receiver) -> None:
    """A name that anybody may register, and that leads inside."""
    configure(stack)
    producer = stack.chat()
    # The producer allows what the worker does not: a caller's word is never enough.
    stack.configure(webhooks={**stack.values["webhooks"], "allow_private": False})
    stack.start_worker()
    enqueue(producer, receiver)
    (dead,) = wait_until(producer.dead_webhooks, timeout=PATIENCE)

    assert dead.code == "invalid_url"
    assert receiver.received == []


def test_a_slow_receiver_slows_no_sending(stack: Harness, receiver: Receiver) -> None:
    """Jobs are sent, and another receiver hears, while the posts to one that hangs are open for as long as may be."""
    configure(stack, timeout=60.0)
    receiver.respond = receiver.hang
    chat = stack.chat()
    stack.start_worker()
    with Receiver() as quick:
        enqueue(chat, receiver)
        wait_until(lambda: receiver.received, timeout=60, what="a post that hangs")
        rows = [{"to": number(index)} for index in range(500)]
        receipt = chat.enqueue_batch(rows, sender="support", text="Hello", callback_url=receiver.url)
        assert chat.wait_batch(receipt.id, timeout=120).counts[JobState.SENT] == 500
        enqueue(chat, quick)
        wait_until(lambda: quick.received, timeout=60, what="a post to the other receiver")
        assert receiver.open == len(receiver.received), "no post had to end first"

    assert receiver.most_open <= stack.settings.webhooks.per_host


def test_what_is_no_url_for_webhooks_is_refused_at_once(stack: Harness) -> None:
    """Each refusal says what to write, and never the URL: it may hold a secret."""
    stack.configure()
    chat = stack.chat()
    for url in ("http://example.com/", "https://user:pass@example.com/", "https://10.0.0.1/tok3n", "nonsense"):
        with pytest.raises(InvalidJob) as refused:
            chat.enqueue(sender="support", to=number(1), text="Hello", callback_url=url)
        (error,) = refused.value.errors
        assert (error.field, error.code) == ("callback_url", "invalid_url")
        assert "tok3n" not in str(refused.value)


def test_rows_files_and_raw_requests_name_urls_as_jobs_do(stack: Harness, receiver: Receiver) -> None:
    """A URL that is wrong rejects its row alone."""
    configure(stack)
    chat = stack.chat()
    file = stack.folder / "rows.csv"
    file.write_text(
        f"to,callback_url\n{number(1)},{receiver.url}\n{number(2)},https://user@example.com/\n{number(3)},\n",
        encoding="utf-8",
    )
    sent = stack.run("send-batch", str(file), "--sender", "support", "--text", "Hello", "--json")
    raw = chat.enqueue_request(
        sender="support", DestinationEndpoint={"Type": "TELEPHONE_NUMBER", "Address": number(4)},
        callback_url=receiver.url,
    )  # fmt: skip
    one = stack.run("send", "--sender", "support", "--to", number(5), "--callback-url", receiver.url, "--json")
    stack.start_worker()
    wait_until(lambda: len(receiver.received) == 3, timeout=PATIENCE)

    assert sent.returncode == 1
    receipt = data_of(sent.stdout)["receipt"]
    assert (receipt["accepted"], receipt["rejected"]) == (2, 1)
    assert "callback_url: must not contain a user or password" in (stack.folder / "rows.rejects.csv").read_text()
    assert set(receiver.ids()) == {
        f"{receipt['id']}-1.sent",
        f"{raw.id}.sent",
        f"{data_of(one.stdout)['id']}.sent",
    }


def test_the_same_key_with_another_callback_is_another_job(stack: Harness, receiver: Receiver) -> None:
    """Whoever asks for another receiver asks for something else."""
    configure(stack)
    chat = stack.chat()
    first = enqueue(chat, receiver, idempotency_key="one")
    assert enqueue(chat, receiver, idempotency_key="one") == first
    with pytest.raises(Exception, match="has other content"):
        enqueue(chat, receiver, idempotency_key="one", callback_url=f"{receiver.url}-other")
    chat.cancel(first)


def test_a_sender_with_a_url_that_is_not_allowed_is_a_clear_fault() -> None:
    with pytest.raises(ValueError, match=r"senders\.support\.callback_url must begin with https") as refused:
        OutboundChat(senders={"support": sender(source=SOURCE, callback_url="ftp://example.com/tok3n")})
    assert "tok3n" not in str(refused.value)
