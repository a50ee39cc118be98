"""What a prediction goes by: read in one look, and bounded however much waits."""

import pytest

from outbound_chat.forecast import Pace, forecast
from outbound_chat.model.jobs import Priority
from outbound_chat.model.lanes import Lane
from outbound_chat.store import scripts

from .clocked import ClockedLedger
from .ledger import HOUR_MS, Ledger, lane, new_job

NEW = lane(Priority.BULK, tenant="new", batch="01JD2Y8Q6ZK4X0B7V5N3M1C9TR")


@pytest.fixture
def ledger(clocked: ClockedLedger) -> ClockedLedger:
    """A ledger whose clock stands still, so that times ahead are exact."""
    return clocked


def pace_of(ledger: Ledger, name: str = NEW) -> Pace:
    _, pace = ledger.run(scripts.read_pace(ledger.keys, Lane.parse(name)))
    assert pace
    return pace


def test_a_budget_that_nobody_configured_has_no_pace(bare_ledger: Ledger) -> None:
    """The settings of whoever asks count then."""
    assert bare_ledger.run(scripts.read_pace(bare_ledger.keys, Lane.parse(NEW)))[1] is None


def test_the_pace_tells_rate_savings_workers_and_holds(ledger: Ledger) -> None:
    """The rate that was learned, not the one that was configured."""
    ledger.configure(rate=100, burst=50)
    ledger.add(1)
    ledger.attempt("sent", contact_id="contact-1")
    ledger.redis.hset(ledger.key("bucket"), mapping={"rate": "7.5", "known": "7.5"})
    ledger.maintain()
    ledger.hold("sender:sms", "number is being ported")
    pace = pace_of(ledger)

    assert (pace.rate, pace.workers) == (7.5, 1)
    assert 0 < pace.tokens <= pace.burst
    assert pace.held_by == "a person holds sender sms: number is being ported"
    assert (pace.rivals, list(pace.due), pace.chats) == ([], [(0.0, 0)], None)


def test_an_order_to_cancel_is_told_as_what_stops_a_lane(ledger: Ledger) -> None:
    """While it is carried out no end can be told: the jobs that the batch has left are called no more."""
    name = ledger.open_batch()
    ledger.add(300, lane=name, watched=False)
    scope = f"batch:{Lane.parse(name).batch}"
    assert ledger.run(scripts.cancel_many(ledger.keys, scope=scope, first=True)) == scripts.Cancelled(200, True)
    assert pace_of(ledger, name).held_by == "the batch is being cancelled"

    ledger.cancel_many(scope)
    assert pace_of(ledger, name).held_by == ""


def test_lanes_with_due_jobs_are_rivals_with_their_weights(ledger: Ledger) -> None:
    """Jobs that are not due yet take no turns."""
    ledger.configure(weights={"acme": 3})
    ledger.add(5, lane=lane(Priority.URGENT))
    batch = ledger.open_batch(tenant="acme", weight=2.5)
    ledger.add(7, lane=batch)
    ledger.submit(new_job(f"{Lane.parse(batch).batch}-8", send_at_ms=ledger.now_ms() + HOUR_MS), lane=batch)
    ledger.add(2, lane=lane(tenant="later"), send_at_ms=ledger.now_ms() + HOUR_MS)

    found = [(one.priority, one.tenant, one.jobs, one.tenant_weight, one.weight) for one in pace_of(ledger).rivals]
    assert found == [(1, "", 5, 1, 1), (3, "acme", 7, 3, 2.5)]
    unpaced = ledger.run(scripts.read_batch(ledger.keys, Lane.parse(batch).batch, with_pace=False))
    assert unpaced
    assert unpaced.pace is None
    own = pace_of(ledger, batch)
    assert [one.priority for one in own.rivals] == [1]
    assert [jobs for _, jobs in own.due] == [7, 1]
    assert own.due[1][0] == pytest.approx(3_600)
    assert (own.own.tenant_weight, own.own.weight) == (3, 2.5)


def test_of_many_lanes_some_stand_for_all(ledger: Ledger) -> None:
    """A look must not cost more with a thousand tenants; what waits still counts as a whole."""
    for tenant in range(40):
        ledger.add(3, lane=lane(Priority.BULK, tenant=f"t{tenant}"), watched=False)
    for _ in range(10):
        ledger.add(2, lane=ledger.open_batch(tenant="new"), watched=False)
    rivals = pace_of(ledger).rivals

    assert len(rivals) <= 12
    assert sum(one.jobs for one in rivals) == pytest.approx(40 * 3 + 10 * 2)
    assert sum({one.tenant: one.tenant_weight for one in rivals}.values()) == pytest.approx(41)


def test_jobs_of_a_schedule_come_in_groups_that_end_with_the_last(ledger: Ledger) -> None:
    """100,000 rows over a day are told in a few numbers."""
    name, start = ledger.open_batch(), ledger.now_ms() + HOUR_MS
    batch = Lane.parse(name).batch
    jobs = [new_job(f"{batch}-{row}", send_at_ms=start + 1_000 * row) for row in range(1, 301)]
    ledger.submit(*jobs, lane=name, watched=False)
    due = pace_of(ledger, name).due

    assert len(due) <= 20
    assert sum(jobs for _, jobs in due) == 300
    assert due[-1][0] == pytest.approx(3_900)
    assert due[-1][1] == 1
    assert forecast(pace_of(ledger, name)).time_of(300) == pytest.approx(3_900)


def test_a_number_and_its_parts_and_open_chats_are_told(ledger: Ledger) -> None:
    """What limits below the budget; lanes that wait for the number are rivals too."""
    ledger.configure(senders={"sms": {"number_rate": 2, "max_chats": 5}})
    name = ledger.open_batch()
    ledger.add(6, lane=name, parts=4)
    other = lane(Priority.BULK, tenant="other")
    ledger.add(3, lane=other)
    taken = ledger.take(1)
    ledger.finish(taken.ids[0], taken.claim, "sent", contact_id="contact-1", chat_ms=HOUR_MS)
    ledger.claim()
    pace = pace_of(ledger, name)

    assert ledger.redis.hlen(ledger.key("blocked")) > 0
    assert (pace.own.number, pace.own.number_rate) == ("n-1", 0.5)
    assert [(one.tenant, one.number) for one in pace.rivals] == [("other", "n-1")]
    assert pace.chats
    assert (pace.chats.most, pace.chats.open) == (5, 1)
    assert pace.chats.ends.time_of(1) == pytest.approx(3_600)


def test_a_batch_notes_its_progress_every_few_seconds(ledger: ClockedLedger) -> None:
    """Its rate is measured by these; a write for each job would cost more than it tells."""
    name = ledger.open_batch()
    book = ledger.key(f"b:{Lane.parse(name).batch}")
    ledger.add(4, lane=name)
    ledger.attempt("sent", contact_id="contact-1")
    first = ledger.redis.hget(book, "last_ms")
    ledger.attempt("failed", code="refused")
    assert ledger.redis.hmget(book, "mark_done", "last_done", "last_ms") == ["1", "1", first]

    ledger.clock.now_ms += 6_000
    ledger.attempt("sent", contact_id="contact-2")
    assert ledger.redis.hmget(book, "mark_ms", "mark_done", "last_done") == [first, "1", "3"]

    ledger.clock.now_ms += 60_000
    ledger.attempt("sent", contact_id="contact-3")
    assert ledger.redis.hmget(book, "mark_done", "last_done") == ["4", "4"]
