"""Webhooks in the ledger: who is told of an end, one host at a time, and none lost."""

from typing import Any

import pytest

from outbound_chat.model.jobs import JobState
from outbound_chat.model.lanes import Lane
from outbound_chat.store import scripts
from outbound_chat.store.records import FIELDS_OF_ALL, RECORD_VERSION, Field
from outbound_chat.store.scripts import ClaimedWebhook, ClaimedWebhooks, WebhookResult
from outbound_chat_config import callback_host

from .ledger import DAY_MS, KEEP_MS, LEASE_MS, Ledger, lane, new_job

URL = "https://hooks.example.com/ends?token=secret"
HOST = "hooks.example.com"
OTHER = "https://Other.example.com:8443/ends"
COURIER = "courier-1"


def ask(ledger: Ledger, *, courier: str = COURIER, wanted: int = 100, **given: Any) -> ClaimedWebhooks | None:
    numbers: dict[str, Any] = {"lease_ms": LEASE_MS, "per_host": 4, "give_up_ms": DAY_MS, **given}
    return ledger.run(scripts.claim_webhooks(ledger.keys, courier=courier, wanted=wanted, **numbers))


def claim(ledger: Ledger, **given: Any) -> list[ClaimedWebhook]:
    found = ask(ledger, **given)
    assert found is not None, "another courier is at work"
    return list(found.webhooks)


def settle(ledger: Ledger, webhook: ClaimedWebhook, outcome: Any, **given: Any) -> str:
    result = WebhookResult(name=webhook.name, host=webhook.host, outcome=outcome, **given)
    (word,) = ledger.run(scripts.finish_webhooks(ledger.keys, [result], per_host=4))
    return word


def sent(ledger: Ledger, *, lane_: str = "", count: int = 1, **fields: Any) -> list[str]:
    """Jobs that were sent."""
    ids = ledger.add(count, lane=lane_ or lane(), **fields)
    taken = ledger.take(count)
    for id_ in taken.ids:
        ledger.finish(id_, taken.claim, "sent", contact_id=f"c-{id_}")
    return ids


def test_the_end_of_a_job_with_a_callback_is_told_with_its_url(ledger: Ledger) -> None:
    """The script that ends the job writes it down, so no end is missed."""
    (local_id,) = sent(ledger, callback=URL)

    (webhook,) = claim(ledger)
    assert (webhook.name, webhook.host, webhook.url) == (f"{local_id}.sent", HOST, URL)
    assert (webhook.end, webhook.local_id, webhook.attempts) == ("sent", local_id, 0)
    assert webhook.job is not None
    assert webhook.job.contact_id == f"c-{local_id}"


def test_a_host_has_one_form_whatever_the_spelling(ledger: Ledger) -> None:
    """Else each spelling had limits of its own. What is posted to is the URL as it was given."""
    spellings = ["", ":443", ":0443", ".", ".:443", ":", ":8443", ":08443"]
    urls = [f"https://Hooks.example.com{spelling}/ends" for spelling in spellings]
    urls += [
        "https://[2606:4700::1111]:443/",
        "https://[2606:4700::1111]",
        "http://10.0.0.1:80/",
        "http://10.0.0.1:443/",
    ]
    for url in urls:
        sent(ledger, callback=url)

    found = {webhook.url: webhook.host for webhook in claim(ledger, per_host=100)}
    assert found == {url: callback_host(url) for url in urls}
    assert set(found.values()) == {
        HOST,
        f"{HOST}:8443",
        "[2606:4700::1111]",
        "10.0.0.1",
        "10.0.0.1:443",
    }


def test_jobs_without_a_callback_leave_nothing_behind(ledger: Ledger) -> None:
    """Most installations have no webhooks, and pay nothing for them."""
    (local_id,) = sent(ledger)

    assert not [name for name in ledger.names() if "hook" in name]
    assert len(ledger.head(local_id)) == FIELDS_OF_ALL
    assert claim(ledger) == []


@pytest.mark.parametrize("end", ["failed", "cancelled", "expired"])
def test_every_kind_of_end_is_told(ledger: Ledger, end: str) -> None:
    """Each goes through another script."""
    (local_id,) = ledger.add(1, callback=URL)
    if end == "failed":
        ledger.attempt("failed", code="refused")
    elif end == "cancelled":
        ledger.cancel(local_id)
    else:
        ledger.run_out("expiry")
        ledger.maintain()

    assert [webhook.name for webhook in claim(ledger)] == [f"{local_id}.{end}"]


def test_a_late_contact_is_told_as_a_second_end(ledger: Ledger) -> None:
    """Whoever was told `uncertain` must hear that it was sent after all."""
    (local_id,) = ledger.add(1, callback=URL)
    taken = ledger.take(1)
    ledger.finish(local_id, taken.claim, "failed", code="no_answer", maybe_sent=True)
    ledger.finish(local_id, taken.claim, "sent", contact_id="late")

    assert {webhook.name for webhook in claim(ledger)} == {f"{local_id}.uncertain", f"{local_id}.sent"}


def test_a_batch_tells_of_its_jobs_and_of_its_end(ledger: Ledger) -> None:
    """Its URL is stored once; a row of it costs no byte more while it waits."""
    name = ledger.open_batch(callback=URL)
    batch = Lane.parse(name).batch
    ledger.submit(new_job(f"{batch}-1"), new_job(f"{batch}-2", callback=OTHER), lane=name)
    assert len(ledger.head(f"{batch}-1")) == FIELDS_OF_ALL
    taken = ledger.take(2)
    for id_ in taken.ids:
        ledger.finish(id_, taken.claim, "sent", contact_id=id_)
    ledger.close_batch(name)

    found = {webhook.name: (webhook.host, webhook.url) for webhook in claim(ledger)}
    assert found == {
        f"{batch}-1.sent": (HOST, URL),
        f"{batch}-2.sent": ("other.example.com:8443", OTHER),
        f"{batch}.finished": (HOST, URL),
    }


def test_a_sender_tells_of_all_that_has_no_url_of_its_own(ledger: Ledger) -> None:
    """The URL is in the workers' settings alone; the ledger knows the host."""
    ledger.configure(senders={"sms": {"hooks": HOST}})
    (own,) = sent(ledger, callback=OTHER)
    (plain,) = sent(ledger)
    name = ledger.open_batch()
    ledger.close_batch(name)

    found = {webhook.name: (webhook.host, webhook.url) for webhook in claim(ledger)}
    assert found == {
        f"{own}.sent": ("other.example.com:8443", OTHER),
        f"{plain}.sent": (HOST, ""),
        f"{Lane.parse(name).batch}.finished": (HOST, ""),
    }


@pytest.mark.parametrize("of_batch", [False, True])
def test_a_replay_keeps_the_callback(ledger: Ledger, of_batch: bool) -> None:
    """Whoever waits for the end of a message waits for that of its replay."""
    name = ledger.open_batch(callback=URL) if of_batch else lane()
    (old,) = ledger.add(1, lane=name, callback="" if of_batch else URL)
    ledger.attempt("failed", code="refused")
    new = ledger.replay(old).detail
    local_id, _ = ledger.attempt("sent", contact_id="c")

    assert local_id == new
    assert {webhook.name: webhook.url for webhook in claim(ledger)}[f"{new}.sent"] == URL
    assert ledger.job(new).replay_of == f"main.{old}"


def test_a_job_with_a_callback_can_be_replayed_although_it_was_not_yet(ledger: Ledger) -> None:
    """The place of its replay is there, and empty."""
    (old,) = ledger.add(1, callback=URL)
    ledger.attempt("failed", code="refused")

    assert ledger.job(old).replayed_by is None
    assert ledger.replay(old).outcome == "ok"
    assert ledger.replay(old).outcome == "replayed"


def test_one_courier_works_at_a_time(ledger: Ledger) -> None:
    """Two would post to a host twice as much as it may be."""
    sent(ledger, count=2, callback=URL)
    assert len(claim(ledger, wanted=1)) == 1
    assert ask(ledger, courier="courier-2") is None

    assert claim(ledger, wanted=0, leaving=True) == []
    assert len(claim(ledger, courier="courier-2")) == 1


def test_a_host_has_no_more_posts_than_it_may_and_others_go_on(ledger: Ledger) -> None:
    """A receiver that hangs delays nobody else's."""
    sent(ledger, count=10, callback=URL)
    sent(ledger, callback=OTHER)

    first = claim(ledger)
    assert sorted(webhook.host for webhook in first) == [*[HOST] * 4, "other.example.com:8443"]
    assert claim(ledger) == []
    assert settle(ledger, first[0], "delivered", host_is="up") == "delivered"
    assert len(claim(ledger)) == 1


def test_what_a_lost_courier_was_posting_is_posted_again(ledger: Ledger) -> None:
    """kill -9 in the middle of a post loses no webhook."""
    sent(ledger, callback=URL)
    (webhook,) = claim(ledger)
    ledger.run_out(f"hooks_leased:{HOST}")
    ledger.run_out("hooks")
    ledger.redis.delete(ledger.key("courier"))

    (again,) = claim(ledger, courier="courier-2")
    assert again == webhook
    assert settle(ledger, again, "delivered", host_is="up") == "delivered"
    assert settle(ledger, webhook, "retry", delay_ms=1) == "stale"
    assert not [name for name in ledger.names() if name.startswith("hooks")]


def test_a_lease_is_renewed_while_its_post_runs(ledger: Ledger) -> None:
    """A slow receiver is not posted to twice at a time."""
    sent(ledger, callback=URL)
    (webhook,) = claim(ledger)
    ledger.redis.zadd(ledger.key(f"hooks_leased:{HOST}"), {webhook.name: 1})
    ledger.run_out("hooks")

    assert claim(ledger, posting=[(HOST, webhook.name)]) == []


def test_a_retry_waits_and_counts(ledger: Ledger) -> None:
    """Its courier knows how often it was posted, and since when."""
    sent(ledger, callback=URL)
    (webhook,) = claim(ledger)
    settle(ledger, webhook, "retry", delay_ms=DAY_MS, code="status_500", host_is="up")
    assert claim(ledger) == []
    ledger.run_out(f"hooks:{HOST}")
    ledger.run_out("hooks")

    (again,) = claim(ledger)
    assert again.attempts == 1
    assert 0 < again.first_ms <= ledger.now_ms()


def test_a_webhook_that_was_not_posted_costs_no_attempt(ledger: Ledger) -> None:
    sent(ledger, callback=URL)
    (webhook,) = claim(ledger)
    assert settle(ledger, webhook, "back") == "waiting"

    (again,) = claim(ledger)
    assert again.attempts == 0


def test_a_host_that_does_not_answer_is_left_alone_and_then_tried_with_one(ledger: Ledger) -> None:
    """Thousands of webhooks for a dead host must not keep the courier busy."""
    sent(ledger, count=10, callback=URL)
    for _ in range(2):
        for webhook in claim(ledger):
            settle(ledger, webhook, "retry", delay_ms=DAY_MS, code="unreachable", host_is="down")
    assert claim(ledger) == []
    (host,) = ledger.run(scripts.read_webhook_hosts(ledger.keys))
    assert (host.host, host.waiting, host.posting, host.failures) == (HOST, 10, 0, 8)
    assert host.paused_until is not None

    ledger.run_out("hooks")
    (probe,) = claim(ledger)
    settle(ledger, probe, "delivered", host_is="up")
    assert len(claim(ledger)) == 1, "the one that was never posted"
    assert ledger.run(scripts.read_webhook_hosts(ledger.keys))[0].failures == 0


def test_webhooks_that_wait_too_long_for_a_dead_host_are_given_up(ledger: Ledger) -> None:
    """With one try in five minutes, thousands of them would be tried for weeks."""
    sent(ledger, count=10, callback=URL)
    for _ in range(2):
        for webhook in claim(ledger):
            settle(ledger, webhook, "retry", delay_ms=DAY_MS, code="unreachable", host_is="down")
    ledger.run_out(f"hooks:{HOST}")
    ledger.run_out("hooks")

    assert claim(ledger) == []
    dead = ledger.run(scripts.read_dead_webhooks(ledger.keys, skip=0, count=100))
    assert len(dead) == 10
    assert {one.code for one in dead} == {"host_down"}
    assert {one.host for one in dead} == {HOST}


def test_a_dead_webhook_is_listed_and_can_be_posted_once_more(ledger: Ledger) -> None:
    (local_id,) = sent(ledger, callback=URL)
    (webhook,) = claim(ledger)
    settle(ledger, webhook, "dead", code="status_410", host_is="up")

    (dead,) = ledger.run(scripts.read_dead_webhooks(ledger.keys, skip=0, count=100))
    assert (dead.id, dead.host, dead.code, dead.attempts) == (f"main.{local_id}.sent", HOST, "status_410", 1)
    assert 0 < ledger.ttl_ms("hooks_dead") <= KEEP_MS
    assert claim(ledger) == []
    assert ledger.run(scripts.replay_webhooks(ledger.keys, [webhook.name, "NOSUCH.sent"])) == [True, False]
    assert ledger.run(scripts.read_dead_webhooks(ledger.keys, skip=0, count=100)) == []
    (again,) = claim(ledger)
    assert (again.name, again.url, again.attempts) == (webhook.name, URL, 0)


def test_a_host_that_asks_for_a_pause_gets_one(ledger: Ledger) -> None:
    """`Retry-After` speaks for all webhooks of the host, not for one."""
    sent(ledger, count=2, callback=URL)
    (webhook,) = claim(ledger, wanted=1)
    settle(ledger, webhook, "retry", delay_ms=1, code="status_429", host_is="up", pause_ms=60_000)

    assert claim(ledger) == []
    sent(ledger, callback=URL)
    assert claim(ledger) == []


def test_the_first_webhook_wakes_a_waker_once_and_then_the_courier(ledger: Ledger) -> None:
    """A webhook leaves at once, and a stream of them costs no message each."""
    sent(ledger, callback=URL)
    sent(ledger, callback=URL)
    assert ledger.redis.llen(ledger.key("hook_wake")) == 1
    ledger.redis.delete(ledger.key("hook_wake"))
    claim(ledger)
    sent(ledger, callback=URL)

    assert ledger.redis.llen(ledger.key("hook_poke")) == 1
    assert ledger.redis.llen(ledger.key("hook_wake")) == 0


def test_a_waker_finds_webhooks_without_a_courier(ledger: Ledger) -> None:
    """The signal, or the message to the broker, may be lost."""
    posts = scripts.maintain(ledger.keys, worker="w", version="v1", posts=True)
    sent(ledger, callback=URL)
    ledger.redis.delete(ledger.key("hook_asked"))

    assert not ledger.maintain().courier, "a worker that posts none brings nobody"
    assert ledger.run(posts).courier
    assert not ledger.run(posts).courier, "one is on its way"


def test_webhooks_that_nobody_posts_go_with_what_they_tell_of(ledger: Ledger) -> None:
    """Where no worker has a secret they must not pile up for ever."""
    sent(ledger, callback=URL)
    ledger.run_out(f"hooks:{HOST}")
    ledger.run_out("hooks")
    ledger.maintain()

    assert not [name for name in ledger.names() if name.startswith("hooks")]


def test_the_end_of_a_newer_versions_job_is_left_to_its_couriers(ledger: Ledger) -> None:
    """In a rolling upgrade an old courier must not drop what it can't read."""
    (local_id,) = sent(ledger, callback=URL)
    ledger.rewrite(local_id, {Field.VERSION: RECORD_VERSION + 1})
    assert claim(ledger) == []
    ledger.run_out(f"hooks:{HOST}")
    ledger.run_out("hooks")
    ledger.rewrite(local_id, {Field.VERSION: RECORD_VERSION})

    assert [webhook.name for webhook in claim(ledger)] == [f"{local_id}.sent"]


@pytest.mark.parametrize("name", ["hooks", f"hooks:{HOST}", f"hook_host:{HOST}", "hook_tries", "hook_wake"])
def test_what_another_program_wrote_stops_no_job(ledger: Ledger, name: str) -> None:
    """It is never the news that stops the jobs."""
    ledger.redis.set(ledger.key(name), "theirs")
    (local_id,) = sent(ledger, callback=URL)

    assert ledger.state(local_id) is JobState.SENT
    assert ledger.counts()["sent"] == 1
    ledger.redis.delete(ledger.key(name))


def test_the_result_of_a_webhook_whose_record_is_gone_is_harmless(ledger: Ledger) -> None:
    """Its record may pass its lifetime while a receiver is down for days."""
    (local_id,) = sent(ledger, callback=URL)
    raw = ledger.raw(local_id)
    ledger.redis.delete(ledger.key(f"j:{local_id}"))
    (webhook,) = claim(ledger)

    assert (webhook.job, webhook.url) == (None, "")
    assert settle(ledger, webhook, "delivered") == "delivered"
    ledger.redis.set(ledger.key(f"j:{local_id}"), raw, px=DAY_MS)


def told(ledger: Ledger, local_id: str) -> tuple[str, str] | None:
    """State and code of the webhook, as whoever reads the job sees them."""
    (job,) = ledger.run(scripts.read_jobs(ledger.keys, [local_id])).values()
    return (job.webhook.state, job.webhook.code) if job.webhook else None


def test_whoever_reads_a_job_sees_what_became_of_its_webhook(ledger: Ledger) -> None:
    """From the record alone, so that asking costs nothing more."""
    (local_id,) = ledger.add(1, callback=URL)
    assert told(ledger, local_id) is None
    ledger.cancel(local_id)
    assert told(ledger, local_id) == ("pending", "")

    (webhook,) = claim(ledger)
    settle(ledger, webhook, "dead", code="status_410", host_is="up")
    assert told(ledger, local_id) == ("dead", "status_410")
    ledger.run(scripts.replay_webhooks(ledger.keys, [webhook.name]))
    assert told(ledger, local_id) == ("pending", "")

    left_ms = ledger.store.redis.pttl(f"{ledger.keys.base}j:{local_id}")
    (webhook,) = claim(ledger)
    settle(ledger, webhook, "delivered", host_is="up")
    assert told(ledger, local_id) == ("delivered", "")
    assert 0 < ledger.store.redis.pttl(f"{ledger.keys.base}j:{local_id}") <= left_ms, "it lives no longer by it"
    assert ledger.head(local_id)[Field.CALLBACK] == URL


def test_the_webhook_that_a_job_shows_is_that_of_its_last_end(ledger: Ledger) -> None:
    """A late ContactId is news: that the doubt was told says nothing of it."""
    (local_id,) = ledger.add(1, callback=URL)
    taken = ledger.take()
    ledger.finish(local_id, taken.claim, "failed", code="no_answer", maybe_sent=True)
    (doubt,) = claim(ledger)
    ledger.finish(local_id, taken.claim, "sent", contact_id="late")
    assert told(ledger, local_id) == ("pending", "")
    settle(ledger, doubt, "delivered", host_is="up")
    assert told(ledger, local_id) == ("pending", "")
    (news,) = claim(ledger)
    assert news.name == f"{local_id}.sent"
    settle(ledger, news, "delivered", host_is="up")
    assert told(ledger, local_id) == ("delivered", "")
