"""Cancel: stops a job that was not sent yet."""

import pytest

from outbound_chat.model.jobs import JobState
from outbound_chat.model.lanes import Lane
from outbound_chat.store import scripts
from outbound_chat.store.scripts import NotOpen

from .ledger import HOUR_MS, Ledger, is_empty, lane, new_job


@pytest.mark.parametrize("ahead_ms", [0, HOUR_MS])
def test_a_waiting_job_is_cancelled_at_once(ledger: Ledger, ahead_ms: int) -> None:
    """It is not called any more, whether it was due or scheduled."""
    name = ledger.open_batch()
    (local_id,) = ledger.add(1, lane=name, send_at_ms=ledger.now_ms() + ahead_ms if ahead_ms else 0)

    assert ledger.cancel(local_id) == "cancelled"
    assert ledger.job(local_id).finished_at is not None
    assert ledger.request(local_id) == ""
    assert is_empty(ledger.claim())
    assert ledger.batch(name).cancelled == 1


def test_the_others_of_its_lane_stay(ledger: Ledger) -> None:
    """The lane keeps its place in the ring for them."""
    first, second = ledger.add(2, lane=lane(tenant="acme"))
    ledger.cancel(first)

    assert ledger.take().ids == [second]


def test_a_job_that_waits_for_another_attempt_is_cancelled_at_once(ledger: Ledger) -> None:
    """Its row stands in the lane and among those that were called before."""
    name = ledger.open_batch()
    (local_id,) = ledger.add(1, lane=name)
    ledger.attempt("retry", code="unreachable", delay_ms=HOUR_MS)

    assert ledger.cancel(local_id) == "cancelled"
    assert not [key for key in ledger.names() if key.startswith(("lane:", "timed:", "retry:"))]


def test_of_a_job_that_is_being_called_only_a_flag_is_set(ledger: Ledger) -> None:
    """Nobody can call a request back that is on its way."""
    ledger.add(1)
    local_id, _ = ledger.take_one()

    assert ledger.cancel(local_id) == "sending"
    assert ledger.cancel(local_id) == "sending"
    assert ledger.job(local_id).cancel_requested


@pytest.mark.parametrize("outcome", ["retry", "snooze", "not_called"])
def test_finish_obeys_the_flag(ledger: Ledger, outcome: str) -> None:
    """No further call is made."""
    ledger.add(1)
    local_id, claim = ledger.take_one()
    ledger.cancel(local_id)

    assert ledger.finish(local_id, claim, outcome, code="conflict") == "cancelled"
    assert is_empty(ledger.claim())


@pytest.mark.parametrize("outcome", ["sent", "failed"])
def test_an_end_stands_whatever_was_asked(ledger: Ledger, outcome: str) -> None:
    """What happened is told, not what was wished."""
    ledger.add(1)
    local_id, claim = ledger.take_one()
    ledger.cancel(local_id)

    assert ledger.finish(local_id, claim, outcome, contact_id="contact-1" if outcome == "sent" else "") == outcome


@pytest.mark.parametrize("outcome", ["sent", "failed"])
def test_a_final_job_stays_as_it_is(ledger: Ledger, outcome: str) -> None:
    """Cancelling late, or twice, is no error."""
    ledger.add(1)
    local_id, _ = ledger.attempt(outcome, contact_id="contact-1" if outcome == "sent" else "")
    record = ledger.raw(local_id)

    assert ledger.cancel(local_id) == outcome
    assert ledger.raw(local_id) == record


def test_cancelling_twice_changes_nothing(ledger: Ledger) -> None:
    """The count must be right after a repeated call too."""
    (local_id,) = ledger.add(1)

    assert [ledger.cancel(local_id), ledger.cancel(local_id)] == ["cancelled", "cancelled"]
    assert ledger.counts() == {"accepted": 1, "cancelled": 1}


def test_an_unknown_job_is_gone(ledger: Ledger) -> None:
    """Its record has passed its lifetime, or there never was one."""
    assert ledger.cancel("01JD2Y8Q6ZK4X0B7V5N3M1C9TR") == "gone"
    assert ledger.jobs(["01JD2Y8Q6ZK4X0B7V5N3M1C9TR"]) == {}


def test_many_jobs_are_cancelled_at_once_each_by_itself(ledger: Ledger) -> None:
    """Waiting, scheduled, being called, final, and unknown: what is wrong with one does not stop the others."""
    name = ledger.open_batch()
    sent, called, *waiting = ledger.add(5, lane=name)
    local_id, claim = ledger.take_one()
    ledger.finish(local_id, claim, "sent", contact_id="c-1")
    assert (local_id, ledger.take_one()[0]) == (sent, called)
    waiting += ledger.add(1, send_at_ms=ledger.now_ms() + HOUR_MS)
    ids = [sent, "nobody", called, *waiting]

    for _ in range(2):
        words = ledger.run(scripts.cancel(ledger.keys, ids))
        assert words == ["sent", "gone", "sending", *["cancelled"] * 4]
    assert ledger.job(called).cancel_requested
    assert (ledger.batch(name).cancelled, ledger.batch(name).leased) == (3, 1)
    assert is_empty(ledger.claim())


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("scheduled", ["cancelled", "other", "other", "other"]),
        ("queued", ["other", "cancelled", "other", "other"]),
        ("sending", ["other", "other", "sending", "other"]),
    ],
)
def test_only_jobs_of_the_state_are_touched(ledger: Ledger, state: str, expected: list[str]) -> None:
    """A job that has just become due is no longer one of those for tomorrow."""
    sent, called = ledger.add(2)
    local_id, claim = ledger.take_one()
    ledger.finish(local_id, claim, "sent", contact_id="c-1")
    assert ledger.take_one()[0] == called
    (queued,) = ledger.add(1)
    (later,) = ledger.add(1, send_at_ms=ledger.now_ms() + HOUR_MS)
    before = [ledger.raw(one) for one in (later, queued, called, sent)]

    assert ledger.run(scripts.cancel(ledger.keys, [later, queued, called, sent], state)) == expected
    after = [ledger.raw(one) for one in (later, queued, called, sent)]
    assert [old == new for old, new in zip(before, after, strict=True)] == [word == "other" for word in expected]


def test_cancelling_the_last_waiting_job_makes_a_closed_batch_final(ledger: Ledger) -> None:
    """Otherwise a batch that was cancelled would never end."""
    name = ledger.open_batch()
    ids = ledger.add(2, lane=name)
    ledger.close_batch(name)
    for local_id in ids:
        assert ledger.batch(name).final_at == 0
        ledger.cancel(local_id)

    assert ledger.batch(name).final_at != 0
    assert {ledger.state(local_id) for local_id in ids} == {JobState.CANCELLED}


def test_a_batch_is_cancelled_some_jobs_at_a_time(ledger: Ledger) -> None:
    """No script may hold the server for long; meanwhile none of the others is claimed."""
    name = ledger.open_batch()
    batch = Lane.parse(name).batch
    ledger.add(1_200, lane=name, watched=False)
    (other,) = ledger.add(1)
    answer = ledger.run(scripts.cancel_many(ledger.keys, scope=f"batch:{batch}", first=True))
    assert answer == scripts.Cancelled(200, True)
    assert ledger.take().ids == [other]
    assert is_empty(ledger.claim())

    assert ledger.cancel_many(f"batch:{batch}")[-1] <= 200
    book = ledger.batch(name)
    assert (book.accepted, book.cancelled, book.waiting) == (1200, 1200, 0)
    assert book.final_at, "nobody adds to it any more"
    assert isinstance(ledger.submit(new_job(f"{batch}-1201"), lane=name), NotOpen)
    assert ledger.holds() == []


def test_rows_rejected_after_a_batch_was_cancelled_are_counted(ledger: Ledger) -> None:
    """The producer learns of it with its next chunk, and the counters go on saying what became of every row."""
    name = ledger.open_batch()
    ledger.submit(new_job(f"{Lane.parse(name).batch}-1"), lane=name, rejected=1)
    ledger.cancel_many(f"batch:{Lane.parse(name).batch}")
    assert isinstance(ledger.submit(new_job(f"{Lane.parse(name).batch}-5"), lane=name, rejected=3), NotOpen)
    assert ledger.batch(name).rejected == 3

    ledger.close_batch(name, rejected=4)
    assert (ledger.batch(name).accepted, ledger.batch(name).rejected) == (1, 4)


def test_calls_of_a_cancelled_batch_decide_for_themselves(ledger: Ledger) -> None:
    """One was sent, one is not called again."""
    name = ledger.open_batch()
    ids = ledger.add(5, lane=name)
    taken = ledger.take(2)
    ledger.cancel_many(f"batch:{Lane.parse(name).batch}")
    assert ledger.batch(name).leased == 2

    assert ledger.finish(ids[0], taken.claim, "sent", contact_id="c-1") == "sent"
    assert ledger.finish(ids[1], taken.claim, "retry", code="unreachable") == "cancelled"
    book = ledger.batch(name)
    assert (book.sent, book.cancelled) == (1, 4)
    assert book.final_at


def test_the_waiting_jobs_of_a_tenant_are_cancelled_wherever_they_are(ledger: Ledger) -> None:
    """A customer has left: due, scheduled, held and waiting for another attempt, in batches and alone."""
    ledger.configure(senders={"sms": {}, "two": {"concurrency": 1}}, version="v2")
    batch = ledger.open_batch(tenant="gone")
    ledger.add(700, lane=batch, watched=False)
    ids = ledger.add(2, lane=lane(tenant="gone", sender="two"))
    ids += ledger.add(1, lane=lane(tenant="gone"), send_at_ms=ledger.now_ms() + HOUR_MS)
    stays = ledger.add(2, lane=lane(tenant="stays"))
    (alone,) = ledger.add(1)
    ledger.hold(f"batch:{Lane.parse(batch).batch}")

    assert sum(ledger.cancel_many("tenant:gone")) == 703
    assert {ledger.state(id_).value for id_ in ids} == {"cancelled"}
    assert set(ledger.take().ids) == {*stays, alone}
    assert not ledger.redis.exists(ledger.key("lanes:gone"))
    later = ledger.add(1, lane=lane(tenant="gone"))
    assert ledger.take().ids == later, "the tenant may come back"


def test_a_tenant_with_many_batches_is_cancelled_some_at_a_time(ledger: Ledger) -> None:
    """A batch a customer is a lane a job: no script may look at all of them."""
    for _ in range(450):
        ledger.add(1, lane=ledger.open_batch(tenant="gone"), watched=False)

    ended = ledger.cancel_many("tenant:gone")
    assert (sum(ended), max(ended)) == (450, 200)
    assert not ledger.redis.exists(ledger.key("lanes:gone"))
    assert ledger.holds() == []


def test_the_waiting_jobs_of_a_sender_are_cancelled_wherever_they_are(ledger: Ledger) -> None:
    """A program sends nonsense in the name of one sender: in lanes of many tenants, some at a time."""
    tenants = [f"t{place}" for place in range(450)]
    for tenant in tenants:
        ledger.add(1, lane=lane(tenant=tenant), watched=False)
    batch = ledger.open_batch()
    ledger.add(300, lane=batch, watched=False)
    called = ledger.take_one()[0]
    later = ledger.add(1, lane=lane(), send_at_ms=ledger.now_ms() + HOUR_MS)
    stays = [ledger.add(1, lane=lane(tenant=tenant, sender="two"))[0] for tenant in tenants[:300]]

    answer = ledger.run(scripts.cancel_many(ledger.keys, scope="sender:sms", first=True))
    assert answer
    assert ledger.job(called).cancel_requested
    ended = [answer.jobs]
    while answer.left:
        assert set(ledger.take().ids) <= set(stays), "none of the others is claimed meanwhile"
        answer = ledger.run(scripts.cancel_many(ledger.keys, scope="sender:sms", first=False))
        assert answer
        ended.append(answer.jobs)
    assert (sum(ended), max(ended)) == (750, 200)
    assert {ledger.state(id_) for id_ in later} == {JobState.CANCELLED}
    assert ledger.holds() == []
    again = ledger.add(1, lane=lane())
    assert ledger.state(again[0]) is JobState.QUEUED


def test_a_waker_goes_on_with_an_order_for_a_sender(ledger: Ledger) -> None:
    """Its place among the lanes is kept with it."""
    for place in range(700):
        ledger.add(1, lane=lane(tenant=f"t{place}", sender="two" if place % 2 else "sms"), watched=False)
    ledger.run(scripts.cancel_many(ledger.keys, scope="sender:two", first=True))
    for _ in range(20):
        ledger.maintain()

    assert ledger.holds() == []
    assert ledger.counts()["cancelled"] == 350


def test_a_waker_goes_on_with_an_order_whose_giver_died(ledger: Ledger) -> None:
    """Half a cancelled batch must not stand still for ever."""
    name = ledger.open_batch()
    ledger.add(1_200, lane=name, watched=False)
    ledger.run(scripts.cancel_many(ledger.keys, scope=f"batch:{Lane.parse(name).batch}", first=True))
    assert 0 <= ledger.maintain().next_ms < 1_000, "it looks again soon"
    for _ in range(5):
        ledger.maintain()

    assert ledger.batch(name).cancelled == 1200
    assert ledger.holds() == []


def test_cancelling_an_unknown_batch_says_so(ledger: Ledger) -> None:
    """An order that reached nothing would be trusted."""
    assert ledger.run(scripts.cancel_many(ledger.keys, scope="batch:nothing", first=True)) is None
    assert ledger.cancel_many("tenant:nobody") == [0]
