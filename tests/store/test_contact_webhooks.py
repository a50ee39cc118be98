"""Webhooks about the contact and the delivery of a job: one for each change, and none in the way of the end's."""

import json

import pytest

from outbound_chat.model.contact_events import Change, Outcome
from outbound_chat.model.jobs import WebhookState
from outbound_chat.store import scripts
from outbound_chat.store.records import Field

from .ledger import BUDGET, Ledger
from .test_webhooks import URL, claim, sent, settle

CONTACT = "c-1"


@pytest.fixture
def ledger(bare_ledger: Ledger) -> Ledger:
    """A ledger that records contacts."""
    bare_ledger.configure(contacts=True)
    return bare_ledger


def tell(ledger: Ledger, local_id: str, **facts: object) -> Outcome:
    contact = f"c-{local_id}"
    change = Change(budgets=[BUDGET], contacts=[contact], waits_at=contact, facts=facts)
    (outcome,) = ledger.run(scripts.record_contacts(ledger.keys, [change]))
    return outcome


def ended(local_id: str, at_ms: int = 1000) -> dict[str, list[object]]:
    return {f"c-{local_id}": [at_ms, "EXPIRED"]}


def names(ledger: Ledger) -> list[str]:
    """The webhooks that wait, each of which is posted."""
    found = claim(ledger, per_host=100)
    for webhook in found:
        assert settle(ledger, webhook, "delivered") == "delivered"
    return sorted(webhook.end for webhook in found)


def test_each_change_is_posted_once_and_a_repeat_never(ledger: Ledger) -> None:
    (local_id,) = sent(ledger, callback=URL)
    assert names(ledger) == ["sent"]

    tell(ledger, local_id, legs={f"c-{local_id}": [0, ""]})
    assert names(ledger) == []
    facts = {"legs": ended(local_id), "delivery": ["carrier", 5, "context", ""]}
    assert tell(ledger, local_id, **facts) == "changed"
    assert names(ledger) == ["contact_ended", "delivery.carrier"]
    assert tell(ledger, local_id, **facts) == "same"
    assert names(ledger) == []
    assert tell(ledger, local_id, delivery=["delivered", 6, "context", ""]) == "changed"
    assert tell(ledger, local_id, delivery=["delivered", 4, "context", ""]) == "changed"
    assert names(ledger) == ["delivery.delivered"]
    assert tell(ledger, local_id, delivery=["undelivered", 7, "context", "spam"]) == "changed"
    assert names(ledger) == []


def test_a_contact_that_ended_before_its_call_was_recorded_is_posted_after_the_end_of_the_job(ledger: Ledger) -> None:
    (local_id,) = ledger.add(callback=URL)
    tell(ledger, local_id, legs=ended(local_id))
    taken = ledger.take(1)
    ledger.finish(local_id, taken.claim, "sent", contact_id=f"c-{local_id}")
    assert names(ledger) == ["contact_ended", "sent"]


def test_without_a_callback_nothing_waits(ledger: Ledger) -> None:
    (local_id,) = sent(ledger)
    tell(ledger, local_id, legs=ended(local_id), delivery=["read", 5, "context", ""])
    assert names(ledger) == []


def test_the_record_keeps_the_state_of_the_webhook_about_the_end(ledger: Ledger) -> None:
    """Whoever reads `webhook` of a job asks whether its end was delivered."""
    (local_id,) = sent(ledger, callback=URL)
    tell(ledger, local_id, legs=ended(local_id), delivery=["delivered", 5, "context", ""])
    for webhook in claim(ledger):
        if webhook.end == "sent":
            settle(ledger, webhook, "delivered")
        else:
            settle(ledger, webhook, "dead", code="status_410")
    state = ledger.job(local_id).webhook
    assert state is not None
    assert state.state is WebhookState.DELIVERED
    assert ledger.job(local_id).contact is not None


def test_dead_ones_are_listed_and_replayed_by_their_names(ledger: Ledger) -> None:
    (local_id,) = sent(ledger, callback=URL)
    tell(ledger, local_id, legs=ended(local_id), delivery=["no_receipt", 5, "context", ""])
    for webhook in claim(ledger):
        settle(ledger, webhook, "dead", code="status_410")
    dead = ledger.run(scripts.read_dead_webhooks(ledger.keys, skip=0, count=10))
    ends = {"contact_ended", "delivery.no_receipt", "sent"}
    assert {one.id for one in dead} == {f"{BUDGET}.{local_id}.{end}" for end in ends}
    again = [one.id.removeprefix(f"{BUDGET}.") for one in dead]
    assert ledger.run(scripts.replay_webhooks(ledger.keys, again)) == [True] * 3
    found = {one.end: one for one in claim(ledger)}
    assert found.keys() == ends
    assert all(one.job is not None and one.job.contact is not None and one.url == URL for one in found.values())


def test_a_batch_counts_its_deliveries_and_passes_over_garbage(ledger: Ledger) -> None:
    lane = ledger.open_batch(callback=URL)
    ids = sent(ledger, lane_=lane, count=3)
    batch = ids[0].partition("-")[0]
    for local_id, state in zip(ids, ("carrier", "undelivered", "carrier"), strict=True):
        tell(ledger, local_id, delivery=[state, 5, "context", ""])
    tell(ledger, ids[0], delivery=["answered", 5, "contact", ""])
    assert ledger.batch(lane).deliveries == {"carrier": 1, "undelivered": 1, "answered": 1}
    ledger.redis.hset(ledger.key(f"b:{batch}"), "delivery:carrier", "many")
    assert ledger.batch(lane).sent == 3
    assert "carrier" not in ledger.batch(lane).deliveries


@pytest.mark.parametrize(
    "garbage", ["", 7, [], {}, {"legs": 5, "delivery": ["seen"]}, {"delivery": ["read", 5, "x", ""]}]
)
@pytest.mark.parametrize("contacts", [False, True])
def test_what_another_program_wrote_into_the_place_of_the_facts_stops_no_job(
    ledger: Ledger, garbage: object, contacts: bool
) -> None:
    ledger.configure(contacts=contacts, version="v2")
    (local_id,) = ledger.add(callback=URL)
    head = ledger.head(local_id)
    head += [""] * (int(Field.FACTS) - len(head))
    raw = f"{json.dumps([*head, garbage])}\n{ledger.request(local_id)}"
    ledger.redis.set(ledger.key(f"j:{local_id}"), raw, keepttl=True)
    taken = ledger.take(1)
    assert ledger.finish(local_id, taken.claim, "sent", contact_id=f"c-{local_id}") == "sent"
    assert ledger.job(local_id).contact is None
    if contacts:
        assert tell(ledger, local_id, legs=ended(local_id)) == "changed"
        assert ledger.job(local_id).contact is not None
