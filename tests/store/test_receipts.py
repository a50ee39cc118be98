"""Receipts count for the number that sent the messages, whether or not a job is known."""

from dataclasses import replace
from random import Random
from typing import Any

import pytest

from outbound_chat.model.contact_events import Change, Outcome, Receipt
from outbound_chat.model.operations import EventKind, NumberReceipts
from outbound_chat.store import scripts

from .clocked import ClockedLedger
from .ledger import BUDGET, HOUR_MS, Ledger

NUMBER = "+12065550100"
DAY_HOURS = 24
KEPT_HOURS = 192


def receipt(kind: str, message: str, hour_ms: int, number: str = NUMBER, **more: Any) -> Receipt:
    return Receipt(kind=kind, message=message, hour_ms=hour_ms, number=number, **more)


def ingest(ledger: Ledger, *receipts: Receipt, value: str = "", state: str = "delivered") -> list[Outcome]:
    """One event for each receipt; `value`: what their contexts name."""
    facts = {"delivery": [state, 5, "context", ""]} if value else {}
    values = (value,) if value else ()
    changes = [Change(budgets=[BUDGET], values=values, facts=facts, receipt=one) for one in receipts]
    return ledger.run(scripts.record_contacts(ledger.keys, changes))


def read(ledger: Ledger) -> list[NumberReceipts]:
    return ledger.run(scripts.read_receipts(ledger.keys, since_ms=0, skip=0))


def this_hour(ledger: ClockedLedger) -> int:
    return ledger.now_ms() - ledger.now_ms() % HOUR_MS


def jumps(ledger: Ledger) -> list[tuple[str, str]]:
    kind = EventKind.RECEIPTS_REFUSED
    return [(event.id, event.code) for event in ledger.events().events if event.kind is kind]


def spread(ledger: ClockedLedger, hour_ms: int, good: int, refused: int) -> None:
    """So many messages of an hour that arrived, and that carriers blocked."""
    name = f"{hour_ms}-"
    ingest(
        ledger,
        *(receipt("TEXT_DELIVERED", f"{name}d{n}", hour_ms=hour_ms) for n in range(good)),
        *(receipt("TEXT_CARRIER_BLOCKED", f"{name}b{n}", hour_ms=hour_ms, refused=True) for n in range(refused)),
    )


def test_a_message_counts_once_by_kind_with_its_parts_and_its_price(clocked: ClockedLedger) -> None:
    """A carrier reports a message several times, and a queue delivers each report several times."""
    hour = this_hour(clocked)
    events = [
        receipt("TEXT_QUEUED", "m-1", hour_ms=hour),
        receipt("TEXT_SUCCESSFUL", "m-1", hour_ms=hour, parts=2, price=15_000),
        receipt("TEXT_DELIVERED", "m-1", hour_ms=hour, parts=2, price=15_000),
        receipt("TEXT_DELIVERED", "m-2", hour_ms=hour, parts=1, price=7_500),
        receipt("TEXT_SPAM", "m-3", hour_ms=hour, parts=1, price=7_500, refused=True),
    ]
    assert ingest(clocked, *events) == [Outcome.CHANGED] * 5
    (first,) = read(clocked)
    assert ingest(clocked, *reversed(events), *events) == [Outcome.SAME] * 10

    assert read(clocked) == [first]
    assert (first.budget, first.number, first.hour.timestamp() * 1000) == (BUDGET, NUMBER, hour)
    assert first.kinds == {"TEXT_DELIVERED": 2, "TEXT_QUEUED": 1, "TEXT_SPAM": 1, "TEXT_SUCCESSFUL": 1}
    assert (first.messages, first.refused, first.matched) == (3, 1, 0)
    assert (first.parts, first.price, first.jumped_at) == (4, 0.03, None)


def test_thousands_of_messages_are_counted_within_a_few_percent_in_little_memory(clocked: ClockedLedger) -> None:
    """Their ids are not kept."""
    hour = this_hour(clocked)
    for first in range(0, 5_000, 100):
        ids = [f"message-{first + n}" for n in range(100)]
        ingest(clocked, *(receipt("TEXT_DELIVERED", id_, hour_ms=hour, parts=3, price=2_000) for id_ in ids))
    (found,) = read(clocked)
    assert found.messages == pytest.approx(5_000, rel=0.04)
    assert found.kinds["TEXT_DELIVERED"] == found.messages
    assert found.parts == pytest.approx(3 * 5_000, rel=0.04)
    assert found.price == pytest.approx(10.0, rel=0.04)
    keys = clocked.redis.keys(clocked.key("receipt*"))
    assert sum(clocked.redis.memory_usage(key, samples=0) for key in keys) < 64_000


def test_each_number_and_hour_counts_by_itself(clocked: ClockedLedger) -> None:
    hour = this_hour(clocked)
    ingest(
        clocked,
        receipt("TEXT_DELIVERED", "m-1", hour_ms=hour),
        receipt("TEXT_DELIVERED", "m-1", hour_ms=hour - HOUR_MS),
        receipt("WHATSAPP_READ", "m-1", hour_ms=hour, number="unknown"),
    )
    found = [(one.number, int(one.hour.timestamp() * 1000), dict(one.kinds)) for one in read(clocked)]
    assert sorted(found) == [
        (NUMBER, hour - HOUR_MS, {"TEXT_DELIVERED": 1}),
        (NUMBER, hour, {"TEXT_DELIVERED": 1}),
        ("unknown", hour, {"WHATSAPP_READ": 1}),
    ]
    skipped = clocked.run(scripts.read_receipts(clocked.keys, since_ms=hour, skip=1))
    assert len(skipped) == 1


@pytest.mark.parametrize("hour_ms", [0, 1, 10**15, -HOUR_MS])
def test_a_time_that_can_not_be_is_now(clocked: ClockedLedger, hour_ms: int) -> None:
    """A forged time makes no key that lives for years, or that is never read."""
    ingest(clocked, receipt("TEXT_DELIVERED", "m-1", hour_ms=hour_ms))
    assert [one.hour.timestamp() * 1000 for one in read(clocked)] == [this_hour(clocked)]
    hour = this_hour(clocked) + 2 * HOUR_MS
    ingest(clocked, receipt("TEXT_DELIVERED", "m-1", hour_ms=hour))
    assert len(read(clocked)) == 1


def test_a_receipt_that_names_a_job_is_told_to_it_and_counts_as_matched(ledger: Ledger) -> None:
    """It may come before the record of the call, and again after it."""
    ledger.configure(contacts=True)
    hour = ledger.now_ms() - ledger.now_ms() % HOUR_MS
    one = receipt("TEXT_DELIVERED", "m-1", hour_ms=hour)
    contact = "11111111-2222-4333-8444-555555555555"
    assert ingest(ledger, one, value=contact) == [Outcome.UNMATCHED]
    assert [(found.messages, found.matched) for found in read(ledger)] == [(1, 0)]

    (local_id,) = ledger.add(1)
    ledger.attempt("sent", contact_id=contact)
    assert ingest(ledger, one, value=contact) == [Outcome.CHANGED]
    assert ingest(ledger, one, value=f"{BUDGET}.{local_id}") == [Outcome.SAME]
    assert [(found.messages, found.matched) for found in read(ledger)] == [(1, 1)]


def test_two_candidates_give_nobody_the_receipt(ledger: Ledger) -> None:
    """Whose it is can't be known, so it counts for the number alone."""
    ledger.configure(contacts=True)
    hour = ledger.now_ms() - ledger.now_ms() % HOUR_MS
    ids = ledger.add(2)
    for contact in ("c-1", "c-2"):
        ledger.attempt("sent", contact_id=contact)
    before = [ledger.redis.get(ledger.key(f"j:{id_}")) for id_ in ids]
    both = Change(
        budgets=[BUDGET],
        values=[f"{BUDGET}.{id_}" for id_ in ids],
        facts={"delivery": ["delivered", 5, "context", ""]},
        receipt=receipt("TEXT_DELIVERED", "m-1", hour_ms=hour),
    )
    assert ledger.run(scripts.record_contacts(ledger.keys, [both])) == [Outcome.UNMATCHED]
    assert [ledger.redis.get(ledger.key(f"j:{id_}")) for id_ in ids] == before
    assert [(found.messages, found.matched) for found in read(ledger)] == [(1, 0)]


def test_a_jump_of_refused_messages_is_reported_once_an_hour(clocked: ClockedLedger) -> None:
    """A number that carriers begin to block is found within minutes."""
    hour = this_hour(clocked)
    for back in range(1, DAY_HOURS):
        spread(clocked, hour - back * HOUR_MS, good=19, refused=1)
    assert jumps(clocked) == []
    spread(clocked, hour, good=30, refused=7)
    assert jumps(clocked) == []
    spread(clocked, hour, good=30, refused=9)

    assert jumps(clocked) == [(f"{BUDGET}.{NUMBER}", "TEXT_CARRIER_BLOCKED")]
    assert [one.jumped_at is not None for one in read(clocked)] == [False] * 23 + [True]
    clocked.clock.now_ms += HOUR_MS
    spread(clocked, hour + HOUR_MS, good=10, refused=30)
    assert len(jumps(clocked)) == 2


@pytest.mark.parametrize(
    ("before", "good", "refused"),
    [
        ((0, 0), 10, 9),  # too few
        ((0, 0), 81, 19),  # below a fifth
        ((80, 20), 45, 55),  # less than three times as many as ever
    ],
)
def test_other_shares_are_no_jump(clocked: ClockedLedger, before: tuple[int, int], good: int, refused: int) -> None:
    hour = this_hour(clocked)
    spread(clocked, hour - 3 * HOUR_MS, *before)
    spread(clocked, hour, good, refused)
    assert jumps(clocked) == []


def test_what_a_file_reports_of_long_ago_is_no_jump(clocked: ClockedLedger) -> None:
    """Somebody brings the events of last week after the fact."""
    spread(clocked, this_hour(clocked) - 30 * HOUR_MS, good=0, refused=30)
    assert jumps(clocked) == []
    assert [one.refused for one in read(clocked)] == [30]


def test_what_is_counted_ends_after_eight_days(ledger: Ledger) -> None:
    """And is found no more."""
    hour = ledger.now_ms() - ledger.now_ms() % HOUR_MS
    ingest(ledger, receipt("TEXT_DELIVERED", "m-1", hour_ms=hour, parts=1, price=1, refused=True))
    for key in ledger.redis.keys(ledger.key("receipt*")):
        assert 0 < ledger.redis.pttl(key) <= KEPT_HOURS * HOUR_MS
    old = hour - KEPT_HOURS * HOUR_MS
    ledger.redis.zadd(ledger.key("receipts"), {f"{old}:{NUMBER}": old})
    ingest(ledger, receipt("TEXT_DELIVERED", "m-1", hour_ms=hour - HOUR_MS))
    assert ledger.redis.zcard(ledger.key("receipts")) == 2


def test_forged_numbers_do_not_fill_the_server(clocked: ClockedLedger) -> None:
    """What is beyond any real number of sources counts together."""
    hour = this_hour(clocked)
    clocked.redis.zadd(clocked.key("receipts"), {f"{hour}:n{n}": hour for n in range(20_000)})
    for n in range(3):
        ingest(clocked, receipt("TEXT_DELIVERED", f"m-{n}", hour_ms=hour, number=f"forged{n}"))
    assert clocked.redis.zcard(clocked.key("receipts")) == 20_001
    assert clocked.redis.hget(clocked.key(f"receipts:{hour}:other"), "messages") == "3"


@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_receipts_does_not_matter(clocked: ClockedLedger, seed: int) -> None:
    """EventBridge and SQS promise none."""
    hour = this_hour(clocked)
    kinds = ("TEXT_QUEUED", "TEXT_DELIVERED", "TEXT_CARRIER_BLOCKED")
    made = [
        receipt(kind, f"m-{n % 7}", hour_ms=hour, refused="BLOCKED" in kind, parts=2, price=10)
        for n, kind in enumerate(kinds * 4)
    ]
    ingest(clocked, *made)
    shuffled = [replace(one, number="n") for one in made + made[:5]]
    Random(seed).shuffle(shuffled)  # noqa: S311  # repeatable, nothing secret
    ingest(clocked, *shuffled)
    first, second = read(clocked)
    assert replace(first, number="n") == second or replace(second, number=NUMBER) == first


@pytest.mark.parametrize("kind", ["text", "list"])
def test_keys_that_another_program_wrote_stop_no_event(ledger: Ledger, kind: str) -> None:
    """What they told is lost; the next receipts count."""
    hour = ledger.now_ms() - ledger.now_ms() % HOUR_MS
    one = receipt("TEXT_DELIVERED", "m-1", hour_ms=hour, parts=1, price=1, refused=True)
    ingest(ledger, one)
    for key in ledger.redis.keys(ledger.key("receipt*")):
        ledger.redis.delete(key)
        if kind == "list":
            ledger.redis.rpush(key, "a", "b")
        else:
            ledger.redis.set(key, "HYLL\x00\x00", px=HOUR_MS)
        ledger.redis.pexpire(key, HOUR_MS)
    ingest(ledger, one)
    assert read(ledger) == []
    ledger.redis.delete(*ledger.redis.keys(ledger.key("receipt*")))
    ledger.redis.zadd(ledger.key("receipts"), {"x": 1, f"{hour}:": 2, "٣:y": 3, "9" * 14 + ":z": 4})
    ledger.redis.hset(ledger.key("receipts:" + "9" * 14 + ":z"), mapping={"messages": "x", "": "1", "jumped": "9" * 14})
    ledger.redis.pexpire(ledger.key("receipts"), HOUR_MS)
    ledger.redis.pexpire(ledger.key("receipts:" + "9" * 14 + ":z"), HOUR_MS)
    ingest(ledger, one)
    assert [(found.number, found.messages) for found in read(ledger) if found.number != "z"] == [(NUMBER, 1)]
