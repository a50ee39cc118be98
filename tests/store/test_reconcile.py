"""What a person, an eviction or a bug may break in a ledger is found, and put right where no information is lost."""

from collections.abc import Callable

import pytest

from outbound_chat.model.consistency import REPAIRED, REPORTED, FindingKind
from outbound_chat.model.jobs import JobState, Priority
from outbound_chat.model.lanes import Lane
from outbound_chat.model.operations import EventKind
from outbound_chat.store import inspection, scripts
from outbound_chat.store.records import Field
from outbound_chat.store.scripts import Finding

from .ledger import HOUR_MS, LANE, LEASE_MS, Ledger, lane

KEPT_LANE = lane(tenant="acme")


def words(found: list[Finding]) -> list[tuple[str, str, str]]:
    return [(one.word, one.kind.value, one.of) for one in found]


def audit(ledger: Ledger) -> set[tuple[str, str]]:
    """Kind and subject of all that an audit of the open jobs and lanes finds."""
    jobs = [name.removeprefix("j:") for name in ledger.names() if name.startswith("j:")]
    lanes = sorted(
        {name.partition(":")[2] for name in ledger.names() if name.startswith(("lane:", "timed:", "retry:"))}
    )
    lanes = sorted({*lanes, *ledger.redis.hkeys(ledger.key("lanes"))})
    asked = [scripts.audit(ledger.keys, what="budget", names=[])]
    asked += [
        scripts.audit(ledger.keys, what="jobs", names=jobs),
        scripts.audit(ledger.keys, what="lanes", names=lanes),
    ]
    return {(one.kind.value, one.of) for call in asked for one in ledger.run(call)}


def test_every_finding_is_either_mended_or_told() -> None:
    """A kind without a sentence would stop the waker's log."""
    assert REPAIRED.keys() | REPORTED.keys() == set(FindingKind)
    assert not REPAIRED.keys() & REPORTED.keys()


def test_a_healthy_ledger_gives_no_finding(ledger: Ledger) -> None:
    """A false alarm is what teaches people to ignore the true one."""
    ledger.add(5)
    ledger.add(5, lane=KEPT_LANE)
    ledger.add(5, lane=ledger.open_batch())
    ledger.add(1, lane=lane(tenant="later"), send_at_ms=ledger.now_ms() + HOUR_MS)
    ledger.hold("tenant:acme")
    ledger.take(3)
    ledger.attempt("retry", delay_ms=HOUR_MS, code="unreachable")
    ledger.attempt("sent", contact_id="contact-1")

    assert ledger.reconcile() == []
    assert audit(ledger) == set()
    assert "repaired" not in ledger.counts()


@pytest.mark.parametrize("due_ms", [0, HOUR_MS])
@pytest.mark.parametrize("of_batch", [False, True])
def test_a_job_missing_from_its_lane_gets_its_place_back(ledger: Ledger, *, of_batch: bool, due_ms: int) -> None:
    """Its record tells when it is due; without a place no claim would ever give it."""
    name = ledger.open_batch() if of_batch else LANE
    send_at = ledger.now_ms() + due_ms if due_ms else 0
    ids = ledger.add(3, lane=name, send_at_ms=send_at)
    part = ledger.key(f"timed:{name}" if send_at else f"lane:{name}")
    places = ledger.redis.zrange(part, 0, -1, withscores=True)
    ledger.redis.zrem(part, places[1][0])
    assert audit(ledger) == {("no_place", ids[1]), ("lane", name)}

    found = words(ledger.reconcile())
    assert found == [("fault", "lane", name), ("repaired", "no_place", ids[1]), ("cleared", "lane", name)]
    assert ledger.redis.zrange(part, 0, -1, withscores=True) == places
    assert ledger.counts() == {"accepted": 3, "waiting": 3, "repaired": 1}
    assert audit(ledger) == set()


def test_a_job_that_waits_for_another_call_gets_its_place_back(ledger: Ledger) -> None:
    """Its backoff still counts."""
    ledger.add(1)
    local_id, _ = ledger.attempt("retry", delay_ms=HOUR_MS, code="unreachable")
    places = ledger.redis.zrange(ledger.key(f"retry:{LANE}"), 0, -1, withscores=True)
    ledger.redis.delete(ledger.key(f"retry:{LANE}"))

    assert ("repaired", "no_place", local_id) in words(ledger.reconcile())
    assert ledger.redis.zrange(ledger.key(f"retry:{LANE}"), 0, -1, withscores=True) == places


def test_a_call_without_a_lease_gets_one_that_its_worker_can_renew(ledger: Ledger) -> None:
    """The worker may be in the middle of the call: giving the job to another would call it twice at once."""
    ledger.configure(senders={"sms": {"concurrency": 5}}, version="v2")
    ledger.add(1)
    local_id, claim = ledger.take_one()
    ledger.redis.delete(ledger.key("leases"), ledger.key("calls:sms"))
    assert audit(ledger) == {("no_lease", local_id), ("leases", "")}

    found = words(ledger.reconcile())
    assert found == [("fault", "leases", ""), ("repaired", "no_lease", local_id), ("cleared", "leases", "")]
    assert ledger.renew((local_id, claim)).leases == 1
    assert ledger.redis.zscore(ledger.key("calls:sms"), local_id) == ledger.redis.zscore(ledger.key("leases"), local_id)
    assert ledger.finish(local_id, claim, "sent", contact_id="contact-1") == "sent"


def test_a_call_without_a_lease_whose_worker_died_is_lost_like_any_other(ledger: Ledger) -> None:
    """Nobody renews it: it waits again, marked as perhaps sent."""
    ledger.add(1)
    local_id, _ = ledger.take_one()
    ledger.redis.delete(ledger.key("leases"))
    ledger.reconcile()

    assert 0 < ledger.redis.zscore(ledger.key("leases"), local_id) - ledger.now_ms() <= LEASE_MS
    ledger.lose_leases()
    assert ledger.take().ids == [local_id]
    assert ledger.head(local_id)[Field.MAYBE_SENT] > 0


@pytest.mark.parametrize("lost", ["ring:2", "ring:2:acme", "both", "held in two"])
def test_a_lane_that_stands_nowhere_is_enrolled_again(ledger: Ledger, lost: str) -> None:
    """Nobody would ever look at it."""
    ids = ledger.add(2, lane=KEPT_LANE)
    names = {"both": ["ring:2", "ring:2:acme"], "held in two": ["ring:2", "ring:2:acme", "lanes:acme"]}.get(
        lost, [lost]
    )
    ledger.redis.delete(*map(ledger.key, names))
    assert ("nowhere", KEPT_LANE) in audit(ledger)

    assert ("repaired", "nowhere", KEPT_LANE) in words(ledger.reconcile())
    assert sorted(ledger.take().ids) == sorted(ids)


def test_a_tenant_without_lanes_does_not_stop_the_ring(ledger: Ledger) -> None:
    """When its turn came, a claim would find no lane, and give nothing to anybody."""
    ledger.add(1, lane=KEPT_LANE)
    ledger.redis.delete(ledger.key("ring:2:acme"), ledger.key(f"lane:{KEPT_LANE}"), ledger.key("lanes"))
    (other,) = ledger.add(1, lane=lane(tenant="zeta"))
    assert ledger.claim().until_ms == 0  # type: ignore[union-attr]

    assert ("repaired", "no_lanes", "acme") in words(ledger.look())
    assert other in ledger.take().ids
    ledger.reconcile()


@pytest.mark.parametrize("wrong", [None, 7 * 24 * HOUR_MS])
def test_a_lane_for_later_is_looked_at_in_time(ledger: Ledger, wrong: int | None) -> None:
    """It stands in `later` with a wrong time, or not at all."""
    due = ledger.now_ms() + HOUR_MS
    ledger.add(1, send_at_ms=due)
    if wrong is None:
        ledger.redis.delete(ledger.key("delayed"))
    else:
        ledger.redis.zadd(ledger.key("delayed"), {LANE: due + wrong})

    assert words(ledger.reconcile()) == [("repaired", "wrong_time" if wrong else "nowhere", LANE)]
    assert ledger.redis.zscore(ledger.key("delayed"), LANE) == due


def hold_gone(ledger: Ledger) -> None:
    """Somebody deleted the hold: nothing will open its gate."""
    ledger.redis.delete(ledger.key("holds"))


def rings_gone(ledger: Ledger) -> None:
    """The gate has lost its lanes."""
    ledger.redis.delete(
        *(ledger.key(name) for name in ledger.names() if name.startswith("blocked:")), ledger.key("holds")
    )


def tenants_part_gone(ledger: Ledger) -> None:
    """The gate has a tenant whose lanes are gone: trying it must not stop the waker."""
    ledger.redis.delete(ledger.key("blocked:tenant:acme:2:acme"), ledger.key("holds"))


@pytest.mark.parametrize("break_", [hold_gone, rings_gone, tenants_part_gone])
def test_a_lane_behind_a_gate_that_nobody_tries_comes_back(ledger: Ledger, break_: Callable[[Ledger], None]) -> None:
    """It would be kept for ever."""
    (local_id,) = ledger.add(1, lane=KEPT_LANE)
    ledger.hold("tenant:acme")
    ledger.claim()
    assert ledger.redis.hget(ledger.key("blocked"), KEPT_LANE) == "tenant:acme"
    assert ledger.reconcile() == []
    break_(ledger)

    (one,) = ledger.reconcile()
    assert (one.word, one.of) == ("repaired", KEPT_LANE)
    assert ledger.take().ids == [local_id]


def test_a_second_hold_over_a_kept_lane_is_no_finding(ledger: Ledger) -> None:
    """The end of the first lets the lane out, to the gate of the second."""
    ledger.configure(senders={"sms": {}}, version="v2")
    ledger.add(1)
    ledger.hold("instance:i-1")
    ledger.claim()
    ledger.hold("sender:sms")
    assert ledger.reconcile() == []
    ledger.release("instance:i-1")
    assert ledger.reconcile() == []


def test_a_gate_that_time_opens_is_tried_again(ledger: Ledger) -> None:
    """Its entry in `later` was all that would have opened it."""
    ledger.configure(senders={"sms": {"number_rate": 0.001}}, version="v2")
    ledger.add(2)
    ledger.take(1)
    ledger.claim()
    assert ledger.reconcile() == []
    ledger.redis.delete(ledger.key("delayed"))

    assert words(ledger.reconcile()) == [("repaired", "gate", LANE)]
    assert ledger.redis.zscore(ledger.key("delayed"), "@number:n-1") > ledger.now_ms()


def test_a_running_call_without_a_lease_gives_its_place_back(ledger: Ledger) -> None:
    """A sender with two places would have one for as long as the entry stands."""
    ledger.configure(senders={"sms": {"concurrency": 1}}, version="v2")
    (local_id,) = ledger.add(1)
    ledger.redis.zadd(ledger.key("calls:sms"), {"gone": ledger.now_ms() + HOUR_MS})
    ledger.redis.expire(ledger.key("calls:sms"), 3600)
    ledger.claim()

    assert words(ledger.look()) == [("repaired", "call", "gone")]
    assert ledger.take().ids == [local_id]


def test_a_final_job_leaves_the_index_of_open_ones(ledger: Ledger) -> None:
    """And a place that it was given in its lane leads to no second call."""
    ledger.add(1)
    local_id, _ = ledger.attempt("sent", contact_id="contact-1")
    ledger.redis.zadd(ledger.key("expiry"), {local_id: ledger.now_ms() + HOUR_MS})
    ledger.redis.zadd(ledger.key(f"lane:{LANE}"), {local_id: 1})

    assert ("repaired", "ended", local_id) in words(ledger.reconcile())
    (other,) = ledger.add(1)
    assert ledger.take().ids == [other]
    assert ledger.state(local_id) is JobState.SENT


def test_lanes_are_counted_anew_where_their_counts_are_gone(ledger: Ledger) -> None:
    """An eviction may take them, and a store of an older version has none."""
    ledger.add(3)
    ledger.add(2, lane=KEPT_LANE)
    ledger.redis.delete(ledger.key("lanes"))

    found = words(ledger.reconcile())
    assert found[0] == ("fault", "lanes", "")
    assert {("repaired", "count", LANE), ("repaired", "count", KEPT_LANE), ("cleared", "lanes", "")} <= set(found)
    assert ledger.redis.hgetall(ledger.key("lanes")) == {LANE: "3", KEPT_LANE: "2"}


TAMPERED: dict[str, tuple[Callable[[Ledger, str], object], Callable[[Ledger, str], object], str, bool]] = {
    "accepted": (
        lambda ledger, _: ledger.redis.hincrby(ledger.keys.counts, "accepted", 1),
        lambda ledger, _: ledger.redis.hincrby(ledger.keys.counts, "accepted", -1),
        "counts",
        False,
    ),
    "leases": (
        lambda ledger, _: ledger.redis.zadd(ledger.key("leases"), {"gone": ledger.now_ms() + HOUR_MS}),
        lambda ledger, _: ledger.redis.zrem(ledger.key("leases"), "gone"),
        "leases",
        False,
    ),
    "open jobs": (
        lambda ledger, name: ledger.redis.zrem(ledger.key("expiry"), f"{Lane.parse(name).batch}-1"),
        lambda ledger, name: ledger.redis.zadd(
            ledger.key("expiry"), {f"{Lane.parse(name).batch}-1": ledger.now_ms() + HOUR_MS}
        ),
        "expiry",
        False,
    ),
    "a batch's accepted": (
        lambda ledger, name: ledger.redis.hincrby(ledger.keys.batch(Lane.parse(name).batch), "accepted", -1),
        lambda ledger, name: ledger.redis.hincrby(ledger.keys.batch(Lane.parse(name).batch), "accepted", 1),
        "batch",
        True,
    ),
}


@pytest.mark.parametrize(("break_", "restore", "kind", "of_lane"), TAMPERED.values(), ids=TAMPERED.keys())
def test_a_count_that_is_off_is_told_once_and_never_changed(
    ledger: Ledger,
    break_: Callable[[Ledger, str], object],
    restore: Callable[[Ledger, str], object],
    kind: str,
    *,
    of_lane: bool,
) -> None:
    """Nobody knows which side is right; to change one would hide what happened."""
    name = ledger.open_batch()
    ledger.add(2, lane=name)
    break_(ledger, name)
    counts, of = ledger.counts(), name if of_lane else ""
    assert (kind, of) in audit(ledger)

    assert words(ledger.reconcile()) == [("fault", kind, of)]
    assert ledger.reconcile() == []
    assert ledger.counts() == counts
    assert list(inspection.faults(ledger.store, ledger.keys)) == [f"{kind}:{of}"]
    event = ledger.events().events[-1]
    assert (event.kind, event.code) == (EventKind.FAULT, kind)
    restore(ledger, name)
    assert words(ledger.reconcile()) == [("cleared", kind, of)]
    assert ledger.events().events[-1].kind is EventKind.CLEARED


def test_a_batch_whose_book_is_gone_is_told(ledger: Ledger) -> None:
    """What its rows share is gone with it."""
    name = ledger.open_batch(priority=Priority.NORMAL)
    ledger.add(2, lane=name)
    held = ledger.redis.hgetall(ledger.keys.batch(Lane.parse(name).batch))
    ledger.redis.delete(ledger.keys.batch(Lane.parse(name).batch))

    assert words(ledger.reconcile()) == [("fault", "batch_record", name)]
    ledger.redis.hset(ledger.keys.batch(Lane.parse(name).batch), mapping=held)
    ledger.reconcile()


def test_a_job_that_nothing_leads_to_is_told_by_its_count_and_named_by_the_audit(ledger: Ledger) -> None:
    """Without lane, lease and index only a look at every key finds it."""
    ids = ledger.add(2)
    ledger.redis.zrem(ledger.key(f"lane:{LANE}"), ids[0])
    ledger.redis.zrem(ledger.key("expiry"), ids[0])

    assert set(words(ledger.reconcile())) == {("fault", "expiry", ""), ("fault", "lane", LANE)}
    assert audit(ledger) == {("no_place", ids[0]), ("expiry", ""), ("lane", LANE)}
    ledger.redis.zadd(ledger.key(f"lane:{LANE}"), {ids[0]: 1})
    ledger.redis.zadd(ledger.key("expiry"), {ids[0]: ledger.now_ms() + HOUR_MS})
    ledger.reconcile()


def test_a_lost_record_is_told_until_it_is_set_aside(ledger: Ledger) -> None:
    """It can't be put back; whoever comes to its place sets it aside."""
    (local_id,) = ledger.add(1, watched=False)
    raw = ledger.raw(local_id)
    ledger.redis.delete(ledger.key(f"j:{local_id}"))

    assert words(ledger.reconcile()) == [("fault", "job", local_id)]
    ledger.redis.set(ledger.key(f"j:{local_id}"), raw)
    assert words(ledger.reconcile()) == [("cleared", "job", local_id)]
    ledger.redis.delete(ledger.key(f"j:{local_id}"))
    ledger.look()
    ledger.claim()
    assert ledger.counts() == {"accepted": 1, "unreadable": 1}
    assert words(ledger.reconcile()) == [("cleared", "job", local_id)]


def test_many_missing_jobs_are_put_back_and_the_first_are_named(ledger: Ledger) -> None:
    """A deleted lane of thousands must flood neither the log nor the events."""
    ledger.add(900, watched=False)
    ledger.redis.delete(ledger.key(f"lane:{LANE}"))

    found = ledger.reconcile()
    assert len(found) < 100
    assert ledger.counts() == {"accepted": 900, "waiting": 900, "repaired": 900}
    assert ledger.redis.zcard(ledger.key(f"lane:{LANE}")) == 900


def test_of_many_wakers_one_looks_at_a_time(ledger: Ledger) -> None:
    """Twenty processes must not cost the server twenty looks."""
    ledger.add(1)
    call = scripts.reconcile(ledger.keys, lease_ms=LEASE_MS)
    first = ledger.run(call)
    looked = ledger.redis.hgetall(ledger.key("scan"))
    second = ledger.run(call)

    assert 0 < second.next_ms <= first.next_ms
    assert ledger.redis.hgetall(ledger.key("scan")) == looked


def test_a_lane_that_somebody_put_into_two_places_is_left_in_the_ring(ledger: Ledger) -> None:
    """The wakers would find it due at every look, and never rest."""
    ledger.add(1)
    ledger.redis.zadd(ledger.key("delayed"), {lane(): 1})
    ledger.maintain()

    assert ledger.redis.zrange(ledger.key("delayed"), 0, -1) == []
