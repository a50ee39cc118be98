"""What a job says of its contact and its delivery: what events told, and never more."""

import asyncio
import json
from typing import Any

import fakeredis
import pytest
from hypothesis import given, strategies as st

from outbound_chat import (
    Basis,
    ContactFact,
    Delivery,
    DeliveryState,
    InvalidJob,
    Job,
    JobState,
    WaitTimeout,
)
from outbound_chat.model.json import to_json
from outbound_chat.model.times import from_ms
from outbound_chat.store.contact_facts import read_facts
from outbound_chat.testing import InMemoryOutboundChat
from tests.support.contact_events import contact_event
from tests.support.facts import AT_MS, delivered, ended, match_receipts, write_facts
from tests.support.harness import number, sender

UNKNOWN = Delivery(state=DeliveryState.UNKNOWN, final=False, basis=Basis.NONE, code="", at=None, contradicted=False)


@pytest.fixture
def sent(chat: InMemoryOutboundChat) -> Job:
    """A job that was sent, of which no event has come."""
    return chat.finish(chat.enqueue(sender="support", to=number(1), text="Hello").id)


def facts_of(chat: InMemoryOutboundChat, redis: fakeredis.FakeRedis, job: Job, facts: object) -> Job:
    write_facts(redis, job.id, facts)
    return chat.status(job.id)


def test_without_events_nothing_is_known_and_nothing_is_claimed(sent: Job) -> None:
    assert (sent.state, sent.contact, sent.delivery) == (JobState.SENT, None, UNKNOWN)


def test_a_contact_is_open_or_has_ended(chat: InMemoryOutboundChat, redis: fakeredis.FakeRedis, sent: Job) -> None:
    now = facts_of(chat, redis, sent, {"legs": {"c-1": [0, ""]}})
    assert now.contact == ContactFact(open=True, ended_at=None, reason="")
    now = facts_of(chat, redis, sent, ended())
    assert now.contact == ContactFact(open=False, ended_at=from_ms(AT_MS), reason="CUSTOMER_DISCONNECT")
    assert now.state is JobState.SENT


def test_a_transferred_contact_has_ended_once_all_of_its_legs_have(
    chat: InMemoryOutboundChat, redis: fakeredis.FakeRedis, sent: Job
) -> None:
    legs: dict[str, list[Any]] = {"c-1": [AT_MS, "TRANSFER"], "c-2": [0, ""]}
    now = facts_of(chat, redis, sent, {"legs": legs})
    assert now.contact is not None
    assert now.contact.open
    now = facts_of(chat, redis, sent, {"legs": {**legs, "c-2": [AT_MS + 5000, "AGENT_DISCONNECT"]}})
    assert now.contact == ContactFact(open=False, ended_at=from_ms(AT_MS + 5000), reason="AGENT_DISCONNECT")


@pytest.mark.parametrize("budget", ["main", "other"])
def test_of_two_budgets_the_one_with_the_job_says_what_became_of_an_event(budget: str) -> None:
    """They share the instance, and each is asked."""
    senders = {name: sender(budget=name) for name in ("main", "other")}
    with InMemoryOutboundChat(senders=senders, budgets={"main": {}, "other": {}}) as chat:
        job = chat.finish(chat.enqueue(sender=budget, to=number(1), text="Hello").id)
        end = contact_event("DISCONNECTED", job.contact_id or "")
        assert [chat.ingest_contact_events([end]) for _ in range(2)] == [["changed"], ["same"]]
        chat._memory.redis.delete(f"oc:{{{budget}}}:j:{job.id.partition('.')[2]}")
        assert chat.ingest_contact_events([end]) == ["late"]


def test_events_that_tell_no_time_make_none_up(
    chat: InMemoryOutboundChat, redis: fakeredis.FakeRedis, sent: Job
) -> None:
    """Bare events may have none, and `read_event` writes 1 or 0."""
    now = facts_of(chat, redis, sent, {**ended(at_ms=1), "delivery": ["delivered", 0, "context", ""]})
    assert now.contact == ContactFact(open=False, ended_at=None, reason="CUSTOMER_DISCONNECT")
    assert (now.delivery.state, now.delivery.at) == (DeliveryState.DELIVERED, None)


@pytest.mark.parametrize("state", list(DeliveryState)[1:])
def test_a_delivery_says_what_is_known_and_how(
    chat: InMemoryOutboundChat, redis: fakeredis.FakeRedis, sent: Job, state: DeliveryState
) -> None:
    now = facts_of(chat, redis, sent, delivered(state)).delivery
    assert (now.state, now.basis, now.at, now.contradicted) == (state, Basis.CONTEXT, from_ms(AT_MS), False)
    assert now.final is (state not in {DeliveryState.PENDING, DeliveryState.CARRIER})


def test_a_stronger_receipt_hides_a_failure_and_says_so(
    chat: InMemoryOutboundChat, redis: fakeredis.FakeRedis, sent: Job
) -> None:
    failure = [AT_MS, "context", "carrier_blocked"]
    now = facts_of(chat, redis, sent, {"delivery": ["undelivered", *failure], "undelivered": failure}).delivery
    assert (now.state, now.code, now.contradicted) == (DeliveryState.UNDELIVERED, "carrier_blocked", False)
    now = facts_of(chat, redis, sent, {**delivered("answered", basis="contact"), "undelivered": failure}).delivery
    assert (now.state, now.code, now.contradicted) == (DeliveryState.ANSWERED, "", True)


@pytest.mark.parametrize(
    "garbage",
    [
        "text",
        7,
        True,
        [1, 2],
        {"legs": 5, "delivery": 5, "undelivered": 5},
        {"legs": {"c-1": 5, "c-2": [], "c-3": ["0", ""], "c-4": [-1, ""], "c-5": [True, ""], "c-6": [0, 7]}},
        {"legs": [[0, ""]], "delivery": ["seen", AT_MS, "context", ""]},
        {"delivery": ["unknown", AT_MS, "context", ""]},
        {"delivery": ["delivered", 1e300, "context", ""]},
        {"delivery": ["delivered", AT_MS, "magic", ""]},
        {"delivery": ["delivered", AT_MS, "context", {}], "undelivered": [AT_MS]},
        {"delivery": [["delivered"], AT_MS, "context", ""]},
        {"delivery": {"a": 1, "b": 2, "c": 3, "d": 4}, "undelivered": ["x", "context", ""]},
    ],
)
def test_what_another_program_wrote_counts_as_nothing_known(
    chat: InMemoryOutboundChat, redis: fakeredis.FakeRedis, sent: Job, garbage: object
) -> None:
    now = facts_of(chat, redis, sent, garbage)
    assert (now.state, now.contact, now.delivery) == (JobState.SENT, None, UNKNOWN)


_ODD = st.recursive(
    st.sampled_from([None, True, *DeliveryState, *Basis]) | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=20,
)


_NUMBERS = st.integers() | st.floats() | st.integers(0, 2 * AT_MS)
_NEARLY = {
    "legs": st.dictionaries(st.text(max_size=3), st.tuples(_NUMBERS, st.text(max_size=3)).map(list)) | _ODD,
    "delivery": st.tuples(st.sampled_from(DeliveryState), _NUMBERS, st.sampled_from(Basis), st.just("")).map(list)
    | _ODD,
    "undelivered": _ODD,
}


@given(st.fixed_dictionaries({}, optional=_NEARLY) | _ODD)
def test_whatever_stands_there_a_job_can_be_read(facts: object) -> None:
    """With what is known of it, or with nothing."""
    contact, delivery = read_facts(facts)
    assert contact is None or contact.ended_at is None or not contact.open
    assert delivery == UNKNOWN or delivery.state is not DeliveryState.UNKNOWN


def test_json_has_no_delivery_before_the_job_is_sent(chat: InMemoryOutboundChat, sent: Job) -> None:
    waiting = json.loads(to_json(chat.enqueue(sender="support", to=number(2), text="Hello")))
    assert (waiting["contact"], waiting["delivery"]) == (None, None)
    unknown = {"state": "unknown", "final": False, "basis": "none", "code": "", "at": None, "contradicted": False}
    assert json.loads(to_json(sent))["delivery"] == unknown


def test_a_wait_for_more_ends_with_a_job_that_is_not_sent(
    chat: InMemoryOutboundChat, redis: fakeredis.FakeRedis
) -> None:
    match_receipts(redis)
    job = chat.enqueue(sender="support", to=number(2), text="Hello")
    chat.finish_as("failed")
    assert chat.wait(job.id, until="delivered").state is JobState.FAILED


def test_a_wait_for_the_contact_lasts_until_it_has_ended(
    chat: InMemoryOutboundChat, redis: fakeredis.FakeRedis, sent: Job
) -> None:
    with pytest.raises(WaitTimeout, match="no event of its contact has come"):
        chat.wait(sent.id, until="ended")
    write_facts(redis, sent.id, {"legs": {"c-1": [0, ""]}})
    with pytest.raises(WaitTimeout, match=r"the contact of .* has not ended yet: .*its contact is open"):
        chat.wait(sent.id, until="ended")
    write_facts(redis, sent.id, ended())
    assert chat.wait(sent.id, until="ended").contact


def test_a_wait_for_the_delivery_lasts_while_a_receipt_may_come(
    chat: InMemoryOutboundChat, redis: fakeredis.FakeRedis, sent: Job
) -> None:
    """A receipt may come after the contact has ended, but not where none ever named a contact."""
    with pytest.raises(WaitTimeout, match="no receipt names this contact"):
        chat.wait(sent.id, until="delivered")
    write_facts(redis, sent.id, ended())
    assert chat.wait(sent.id, until="delivered").delivery == UNKNOWN

    match_receipts(redis)
    with pytest.raises(WaitTimeout):
        chat.wait(sent.id, until="delivered")
    write_facts(redis, sent.id, {**ended(), **delivered("carrier")})
    with pytest.raises(WaitTimeout, match="the last receipt says: carrier"):
        chat.wait(sent.id, until="delivered")
    write_facts(redis, sent.id, {**ended(), **delivered("undelivered", code="spam")})
    assert chat.wait(sent.id, until="delivered").delivery.code == "spam"


def test_nobody_can_wait_for_anything_else(chat: InMemoryOutboundChat, sent: Job) -> None:
    later: Any = "read"
    with pytest.raises(InvalidJob, match="final, ended, delivered"):
        chat.wait(sent.id, until=later)


def test_the_client_for_asyncio_waits_for_the_same(
    chat: InMemoryOutboundChat, redis: fakeredis.FakeRedis, sent: Job
) -> None:
    client = chat.asynchronous()
    with pytest.raises(WaitTimeout, match="has not ended yet"):
        asyncio.run(client.wait(sent.id, until="ended"))
    write_facts(redis, sent.id, ended())
    assert asyncio.run(client.wait(sent.id, until="ended")).contact
