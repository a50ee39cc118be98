"""What events say of a contact reaches its job and frees its place, whatever the order in which they come."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from outbound_chat.model.contact_events import Change, Outcome, Place
from outbound_chat.store import scripts

from .clocked import ClockedLedger
from .ledger import BUDGET, HOUR_MS, Ledger

INSTANCE = "i-1"
CHAT_MS = 20 * HOUR_MS


def ended(contact: str, at_ms: int = 1_000, *, first: str = "", reason: str = "", seconds: int = -1) -> Change:
    place = Place(instance=INSTANCE, contact=contact, has_ended=True, seconds=seconds)
    contacts = [contact, first] if first else [contact]
    facts = {"legs": {contact: [at_ms, reason]}}
    return Change(budgets=[BUDGET], contacts=contacts, waits_at=first or contact, facts=facts, place=place)


def moved(before: str, contact: str, *, first: str, count_all: bool = False) -> Change:
    place = Place(instance=INSTANCE, contact=contact, before=before, until_ms=10**13, count_all=count_all)
    facts = {"legs": {contact: [0, ""], before: [1, ""]}}
    return Change(budgets=[BUDGET], contacts=[contact, first, before], waits_at=first, facts=facts, place=place)


def opened(contact: str, until_ms: int = 10**13) -> Change:
    """A chat that counts although no job started it."""
    place = Place(instance=INSTANCE, contact=contact, until_ms=until_ms, count_all=True)
    return Change(budgets=[BUDGET], contacts=[contact], waits_at=contact, place=place)


def told(contact: str, state: str, at_ms: int = 5, basis: str = "context", code: str = "") -> Change:
    facts = {"delivery": [state, at_ms, basis, code]}
    return Change(budgets=[BUDGET], values=[contact], waits_at=contact, facts=facts)


def ingest(ledger: Ledger, *changes: Change) -> list[Outcome]:
    return ledger.run(scripts.record_contacts(ledger.keys, changes))


def send(ledger: Ledger, contact: str) -> str:
    (local_id,) = ledger.add(1)
    assert ledger.attempt("sent", contact_id=contact, chat_ms=CHAT_MS)[1] == "sent"
    return local_id


def facts_of(ledger: Ledger, local_id: str) -> Any:
    head = json.loads(ledger.redis.get(ledger.key(f"j:{local_id}")).partition("\n")[0])
    return head[22] if len(head) > 22 else None


def chats(ledger: Ledger) -> set[str]:
    return set(ledger.redis.zrange(ledger.key(f"chats:{INSTANCE}"), 0, -1))


@pytest.fixture
def ledger(bare_ledger: Ledger) -> Ledger:
    """A ledger that records contacts, of an instance with room for two chats."""
    bare_ledger.configure(contacts=True, senders={"sms": {"max_chats": 2}})
    return bare_ledger


def test_the_end_of_a_chat_is_kept_and_makes_room_at_once(ledger: Ledger) -> None:
    ledger.add(3)
    first, _ = ledger.attempt("sent", contact_id="c-1", chat_ms=CHAT_MS)
    ledger.attempt("sent", contact_id="c-2", chat_ms=CHAT_MS)
    assert not isinstance(ledger.claim(), scripts.Claimed)

    assert ingest(ledger, ended("c-1", reason="EXPIRED", seconds=42)) == ["changed"]

    assert chats(ledger) == {"c-2"}
    assert facts_of(ledger, first)["legs"] == {"c-1": [1000, "EXPIRED"]}
    assert ledger.redis.lrange(ledger.key(f"lifetimes:{INSTANCE}"), 0, -1) == ["42"]
    assert isinstance(ledger.claim(), scripts.Claimed)
    assert ingest(ledger, ended("c-1", reason="EXPIRED", seconds=42)) == ["same"]
    assert ledger.redis.llen(ledger.key(f"lifetimes:{INSTANCE}")) == 1


def test_an_end_before_the_record_of_the_call_leaves_no_chat_open(ledger: Ledger) -> None:
    """A flow that ends its contact at once may be quicker than the answer to the call."""
    assert ingest(ledger, ended("c-1", reason="EXPIRED")) == ["unmatched"]

    local_id = send(ledger, "c-1")

    assert chats(ledger) == set()
    assert facts_of(ledger, local_id)["legs"] == {"c-1": [1000, "EXPIRED"]}
    assert ingest(ledger, ended("c-1", reason="EXPIRED")) == ["same"]


def test_a_transfer_moves_the_place(ledger: Ledger) -> None:
    local_id = send(ledger, "c-1")
    score = ledger.redis.zscore(ledger.key(f"chats:{INSTANCE}"), "c-1")

    ingest(ledger, moved("c-1", "c-2", first="c-1"))

    assert chats(ledger) == {"c-2"}
    assert ledger.redis.zscore(ledger.key(f"chats:{INSTANCE}"), "c-2") == score
    assert ingest(ledger, ended("c-1", 50, reason="AGENT_DISCONNECT", first="c-1")) == ["changed"]
    assert chats(ledger) == {"c-2"}
    assert ingest(ledger, ended("c-2", 70)) == ["changed"]
    assert chats(ledger) == set()
    assert facts_of(ledger, local_id)["legs"] == {"c-1": [50, "AGENT_DISCONNECT"], "c-2": [70, ""]}


def test_a_foreign_chat_moves_nothing_unless_all_chats_count(ledger: Ledger) -> None:
    assert ingest(ledger, moved("x-1", "x-2", first="x-1"), ended("x-9")) == ["unmatched", "unmatched"]
    assert chats(ledger) == set()

    assert ingest(ledger, opened("y-1"), opened("y-1")) == ["changed", "same"]
    assert chats(ledger) == {"y-1"}
    assert ingest(ledger, ended("y-1"), opened("y-1")) == ["changed", "same"]
    assert chats(ledger) == set()


def test_chats_that_are_over_do_not_pile_up(ledger: Ledger) -> None:
    """Ends are lost, and a queue may bring a beginning after days."""
    ledger.redis.zadd(ledger.key(f"chats:{INSTANCE}"), {"lost": ledger.now_ms() - 1})
    assert ingest(ledger, opened("y-1", until_ms=ledger.now_ms() - 1)) == ["same"]
    assert chats(ledger) == set()


@pytest.mark.parametrize(
    ("first", "then", "state"),
    [
        ("delivered", "undelivered", "delivered"),
        ("undelivered", "delivered", "delivered"),
        ("read", "delivered", "read"),
        ("no_receipt", "pending", "no_receipt"),
        ("no_receipt", "delivered", "delivered"),
        ("carrier", "no_receipt", "no_receipt"),
        ("answered", "undelivered", "answered"),
    ],
)
def test_delivery_never_turns_back(ledger: Ledger, first: str, then: str, state: str) -> None:
    local_id = send(ledger, "c-1")
    ingest(ledger, told("c-1", first), told("c-1", then))
    facts = facts_of(ledger, local_id)
    assert facts["delivery"][0] == state
    assert ("undelivered" in facts) == ("undelivered" in {first, then})


def test_two_candidates_give_nobody_the_receipt(ledger: Ledger) -> None:
    one, two = send(ledger, "c-1"), send(ledger, "c-2")
    facts = {"delivery": ["delivered", 5, "context", ""]}

    both = Change(budgets=[BUDGET], values=["c-1", f"{BUDGET}.{two}"], facts=facts)
    same = Change(budgets=[BUDGET], values=["c-1", f"{BUDGET}.{one}"], facts=facts)

    assert ingest(ledger, both) == ["unmatched"]
    assert facts_of(ledger, one) is None is facts_of(ledger, two)
    assert ingest(ledger, same) == ["changed"]
    assert facts_of(ledger, one)["delivery"][0] == "delivered"


def test_an_event_of_a_record_that_is_gone_is_late(ledger: Ledger) -> None:
    local_id = send(ledger, "c-1")
    name = ledger.key(f"j:{local_id}")
    kept = ledger.redis.dump(name)
    ledger.redis.delete(name)
    assert ingest(ledger, told("c-1", "delivered")) == ["late"]
    ledger.redis.restore(name, HOUR_MS, kept)


def test_nothing_is_recorded_until_somebody_brings_events(bare_ledger: Ledger) -> None:
    bare_ledger.configure(senders={"sms": {"max_chats": 5}})
    before = send(bare_ledger, "c-1")
    assert not bare_ledger.redis.exists(bare_ledger.key("contact:c-1"))

    assert ingest(bare_ledger, ended("c-1")) == ["changed"], "its place was freed, though its job is not known"
    assert facts_of(bare_ledger, before) is None
    after = send(bare_ledger, "c-2")
    assert ingest(bare_ledger, ended("c-2")) == ["changed"]
    assert facts_of(bare_ledger, after)


def test_a_record_with_facts_keeps_its_lifetime(ledger: Ledger) -> None:
    local_id = send(ledger, "c-1")
    lives = ledger.redis.pttl(ledger.key(f"j:{local_id}"))
    ingest(ledger, ended("c-1"))
    assert 0 < ledger.redis.pttl(ledger.key(f"j:{local_id}")) <= lives


@pytest.mark.parametrize(
    "facts",
    [
        {"legs": {"c-1": ["x"], "c-2": 7}, "delivery": ["great"]},
        {"legs": {"c-1": ["7", ""]}, "delivery": ["delivered", "5", "context", ""]},
        {"legs": 7, "delivery": {"1": 1}, "undelivered": []},
        "x",
    ],
)
def test_facts_that_another_program_wrote_are_passed_over(ledger: Ledger, facts: object) -> None:
    local_id = send(ledger, "c-1")
    name = ledger.key(f"j:{local_id}")
    head, _, request = ledger.redis.get(name).partition("\n")
    broken = [*[*json.loads(head), *[""] * 4][:22], facts]
    ledger.redis.set(name, json.dumps(broken) + "\n" + request, keepttl=True)
    ledger.redis.lpush(ledger.key("contact:c-8"), "x")

    outcomes = ingest(ledger, ended("c-8"), ended("c-1"), told("c-1", "delivered"))
    assert outcomes == ["unmatched", "changed", "changed"]
    assert facts_of(ledger, local_id)["legs"] == {"c-1": [1000, ""]}
    ledger.redis.delete(ledger.key("contact:c-8"))


def test_a_lost_index_is_written_again_by_the_next_event(ledger: Ledger) -> None:
    """A Redis that is full may evict it: it has a lifetime."""
    local_id = send(ledger, "c-1")
    ingest(ledger, moved("c-1", "c-2", first="c-1"))
    ledger.redis.delete(ledger.key("contact:c-2"))
    assert ingest(ledger, ended("c-2", first="c-1")) == ["changed"]
    ledger.redis.delete(ledger.key("contact:c-1"))
    assert ingest(ledger, told("c-2", "delivered"), ended("c-1", 50)) == ["changed", "changed"]
    assert facts_of(ledger, local_id)["legs"] == {"c-1": [50, ""], "c-2": [1000, ""]}


def test_counts_that_another_program_wrote_hide_nothing(ledger: Ledger) -> None:
    name, most = ledger.key("contact_events"), "9" * 14
    ingest(ledger, ended("c-1"))
    wrong = {f"last:{INSTANCE}": most, "changed": "x", "matched:context": "-1"}
    ledger.redis.hset(name, mapping=wrong)
    status = ledger.run(scripts.read_contact_events(ledger.keys, [INSTANCE]))
    assert (status.outcomes["unmatched"], status.outcomes["changed"], status.matched) == (1, 0, {})
    ledger.redis.delete(name)


def test_a_repeated_finish_keeps_facts_and_place(ledger: Ledger) -> None:
    ledger.add(1)
    local_id, claim = ledger.take_one()
    ledger.finish(local_id, claim, "sent", contact_id="c-1", chat_ms=CHAT_MS)
    ingest(ledger, ended("c-1"))
    assert ledger.finish(local_id, claim, "sent", contact_id="c-1", chat_ms=CHAT_MS) == "sent"
    assert chats(ledger) == set()
    assert facts_of(ledger, local_id)["legs"] == {"c-1": [1000, ""]}


STORY = (
    moved("c-1", "c-2", first="c-1"),
    moved("c-2", "c-3", first="c-1"),
    ended("c-1", 100, reason="AGENT_DISCONNECT"),
    ended("c-2", 200, first="c-1"),
    ended("c-3", 300, first="c-1", reason="EXPIRED"),
    ended("d-1", 300),
    told("c-1", "pending", 10),
    told("c-1", "undelivered", 20, code="spam"),
    told("c-1", "undelivered", 19, code="blocked"),
    told("c-1", "delivered", 30, "context"),
    told("c-1", "delivered", 30, "carrier"),
    opened("c-1"),
    opened("f-1"),
    moved("f-1", "f-2", first="f-1", count_all=True),
    moved("f-2", "f-3", first="f-1", count_all=True),
    ended("f-2", 200, first="f-1"),
    ended("f-3", 300, first="f-1"),
)
"""Events of one chat that was transferred twice, of one that was not, and of a transferred one that no job started."""


def outcome_of(ledger: ClockedLedger, events: Sequence[Change], at: int) -> Any:
    """What remains after the events; before the event with the number `at`, both calls are recorded."""
    ledger.flush()
    ledger.configure(contacts=True, senders={"sms": {"max_chats": 9}})
    batch = ledger.open_batch()
    sent = ledger.add(2, lane=batch)
    for number, event in enumerate([*events, None]):
        if number == at:
            for contact in ("c-1", "d-1"):
                assert ledger.attempt("sent", contact_id=contact, chat_ms=CHAT_MS)[1] == "sent"
        if event:
            ingest(ledger, event)
    deliveries = {state: count for state, count in ledger.batch(batch).deliveries.items() if count}
    return [facts_of(ledger, local_id) for local_id in sent], chats(ledger), deliveries


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_what_remains_depends_on_the_set_of_events_only(bare_clocked: ClockedLedger, data: st.DataObject) -> None:
    """Events come late, twice and in any order, before and after the record of the call."""
    events = data.draw(st.lists(st.sampled_from(STORY), min_size=1, max_size=8, unique_by=id))
    repeats = data.draw(st.lists(st.sampled_from(events), max_size=3))
    shuffled = data.draw(st.permutations([*events, *repeats]))
    at = data.draw(st.integers(0, len(shuffled)))
    plain = outcome_of(bare_clocked, events, 0)
    assert outcome_of(bare_clocked, shuffled, at) == plain
