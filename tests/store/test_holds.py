"""Holds: a person's stop stays until it is released; the system's ends with a probe that is sent."""

import pytest

from outbound_chat.model.jobs import Priority
from outbound_chat.model.lanes import Lane
from outbound_chat.store.scripts import Claimed, Empty, Held, Released

from .clocked import ClockedLedger
from .ledger import Ledger, lane

WAIT_MS = 5_000


def blocked(ledger: Ledger) -> str:
    """What a claim says that gives no job."""
    answer = ledger.claim()
    if isinstance(answer, Held):
        return answer.reason
    assert isinstance(answer, Empty), answer
    return answer.rule


def hold_by_call(ledger: Ledger, **fields: str) -> tuple[str, str]:
    """One call that shows that the sender can't send; its job and claim."""
    local_id, claim = ledger.take_one()
    given = {"scope": "sender:sms", "code": "access_denied", "message": "not allowed", **fields}
    assert ledger.finish(local_id, claim, "hold", delay_ms=WAIT_MS, **given) == "queued"
    return local_id, claim


def probe_is_due(ledger: Ledger) -> None:
    """Lets the wait of all holds of the system be over."""
    for name, kept in ledger.redis.hgetall(ledger.key("holds")).items():
        if name.startswith("system:"):
            until = f'"until_ms":{int(_hold_until(kept))}'
            ledger.redis.hset(ledger.key("holds"), name, kept.replace(until, '"until_ms":1'))
    for member in ledger.redis.zrange(ledger.key("delayed"), 0, -1):
        if member.startswith("@"):
            ledger.redis.zadd(ledger.key("delayed"), {member: 1})


def _hold_until(kept: str) -> float:
    return float(kept.partition('"until_ms":')[2].split(",")[0].rstrip("}"))


@pytest.mark.parametrize("scope", ["sender:sms", "instance:i-1", "batch", "budget"])
def test_a_persons_hold_stops_its_jobs_and_no_others(ledger: Ledger, scope: str) -> None:
    """The wrong text goes out until somebody can stop just that."""
    ledger.configure(senders={"sms": {}, "two": {"instance": "i-2"}}, version="v2")
    name = ledger.open_batch()
    ids = ledger.add(3, lane=name)
    others = ledger.add(2, lane=lane(sender="two"))
    scope = f"batch:{Lane.parse(name).batch}" if scope == "batch" else scope

    assert ledger.hold(scope, "wrong text") == "ok"
    if scope == "budget":
        assert blocked(ledger) == "wrong text"
        assert not ledger.maintain().wakeup
    else:
        assert ledger.take().ids == others
        assert blocked(ledger) == f"hold {scope}"
    (hold,) = ledger.holds()
    assert (hold.owner, hold.reason, hold.probe_at) == ("person", "wrong text", None)

    assert ledger.release(scope) == Released(True, False)
    assert ledger.release(scope) == Released(False, False)
    assert set(ids) <= set(ledger.take().ids)
    assert ledger.holds() == []


def test_a_hold_of_an_unknown_batch_is_refused(ledger: Ledger) -> None:
    """A hold that stops nothing would be trusted."""
    assert ledger.hold("batch:nothing") == "gone"
    assert ledger.holds() == []


def test_held_jobs_expire_and_can_be_cancelled(ledger: Ledger) -> None:
    """A hold of a week must not send Monday's news on Friday."""
    ids = ledger.add(2)
    ledger.hold("sender:sms")
    blocked(ledger)
    ledger.redis.zadd(ledger.key("expiry"), {ids[0]: 1})
    ledger.maintain()

    assert ledger.state(ids[0]).value == "expired"
    assert ledger.cancel(ids[1]) == "cancelled"


def test_new_jobs_of_a_held_sender_wake_nobody(ledger: Ledger) -> None:
    """A shop that goes on enqueueing must not keep the workers busy for nothing."""
    ledger.add(1)
    ledger.hold("sender:sms")
    blocked(ledger)
    ledger.redis.delete(ledger.key("pumps"), ledger.key("pump_asked"), ledger.key("wake"))
    ledger.add(1)

    assert not ledger.redis.exists(ledger.key("wake"))
    assert not ledger.maintain().wakeup


def test_a_release_brings_a_pump(ledger: Ledger) -> None:
    """Nobody works for a budget that was held for an hour."""
    ledger.add(1)
    ledger.hold("budget")
    blocked(ledger)
    ledger.redis.delete(ledger.key("pumps"), ledger.key("pump_asked"), ledger.key("wake"))
    ledger.release("budget")

    assert ledger.redis.exists(ledger.key("wake"))


def test_a_hold_of_the_system_keeps_attempts_and_names_its_reason(ledger: Ledger) -> None:
    """A permission that somebody took away must not burn a campaign."""
    ids = ledger.add(3)
    local_id, _ = hold_by_call(ledger)

    assert blocked(ledger) == "hold sender:sms"
    (hold,) = ledger.holds()
    assert (hold.owner, hold.scope, hold.name, hold.code) == ("system", "sender", "sms", "access_denied")
    assert hold.reason == "not allowed"
    assert hold.probe_at
    job = ledger.job(local_id)
    assert (job.attempts, job.state.value) == (0, "queued")
    assert job.error
    assert (job.error.outcome, job.error.code) == ("hold", "access_denied")
    assert {ledger.state(id_).value for id_ in ids} == {"queued"}


def test_one_other_job_probes_and_a_contact_ends_the_hold(ledger: Ledger) -> None:
    """Half open: not a burst of calls that all fail again."""
    ids = ledger.add(5)
    first, _ = hold_by_call(ledger)
    probe_is_due(ledger)

    probe = ledger.take()
    assert len(probe.ids) == 1
    assert probe.ids != [first]
    assert blocked(ledger) == "hold sender:sms"
    ledger.finish(probe.ids[0], probe.claim, "sent", contact_id="c-1")
    assert ledger.holds() == []
    assert set(ledger.take().ids) == {*ids} - {*probe.ids}


def test_a_probe_that_fails_doubles_the_wait_up_to_five_minutes(clocked: ClockedLedger) -> None:
    """Whoever repairs it at noon waits no more than five minutes."""
    clocked.add(20)
    hold_by_call(clocked)
    waits = []
    for _ in range(8):
        probe_is_due(clocked)
        hold_by_call(clocked)
        (hold,) = clocked.holds()
        assert hold.probe_at
        waits.append(round(hold.probe_at.timestamp() - clocked.now_ms() / 1000))
    assert waits == [10, 20, 40, 80, 160, 300, 300, 300]


def test_calls_claimed_before_the_hold_change_nothing(ledger: Ledger) -> None:
    """Sixteen threads that fail at once are one piece of news."""
    ledger.add(4)
    taken = ledger.take(3)
    for local_id in taken.ids:
        ledger.finish(local_id, taken.claim, "hold", delay_ms=WAIT_MS, scope="sender:sms", code="credentials")

    (hold,) = ledger.holds()
    assert hold.probe_at
    assert hold.probe_at.timestamp() * 1000 <= ledger.now_ms() + WAIT_MS
    assert {ledger.job(id_).attempts for id_ in taken.ids} == {0}


@pytest.mark.parametrize("outcome", ["retry", "snooze", "failed", "not_called"])
def test_a_probe_that_tells_nothing_is_followed_by_another(ledger: Ledger, outcome: str) -> None:
    """A 500 says nothing of permissions."""
    ledger.add(4)
    hold_by_call(ledger)
    probe_is_due(ledger)
    local_id, claim = ledger.take_one()
    ledger.finish(local_id, claim, outcome, delay_ms=60_000)

    (hold,) = ledger.holds()
    assert hold.probe_at
    assert hold.probe_at.timestamp() * 1000 <= ledger.now_ms() + 1_000
    probe_is_due(ledger)
    assert len(ledger.take().ids) == 1


def test_one_job_probes_all_holds_that_wait_for_it(ledger: Ledger) -> None:
    """An instance that is full and two senders of it: one call, and not one of each sender."""
    ledger.configure(senders={"sms": {}, "two": {}}, version="v2")
    ledger.add(3)
    ledger.add(3, lane=lane(sender="two"))
    taken = ledger.take(2)
    for local_id, scope in zip(taken.ids, ("sender:sms", "instance:i-1"), strict=True):
        ledger.finish(local_id, taken.claim, "hold", delay_ms=WAIT_MS, scope=scope)
    probe_is_due(ledger)
    probe = ledger.take()
    assert len(probe.ids) == 1

    ledger.finish(probe.ids[0], probe.claim, "sent", contact_id="c-1")
    assert {hold.name for hold in ledger.holds()} <= {"sms"}
    while ledger.holds():
        ledger.attempt("sent", contact_id="c-2")


def test_a_probe_that_is_lost_is_followed_by_another(ledger: Ledger) -> None:
    """A worker that dies with the probe must not leave the sender stopped."""
    ledger.add(3)
    hold_by_call(ledger)
    probe_is_due(ledger)
    ledger.take()
    ledger.lose_leases()
    probe_is_due(ledger)

    assert len(ledger.take().ids) == 1


def test_no_probe_runs_under_a_persons_hold(ledger: Ledger) -> None:
    """Stopped is stopped."""
    ledger.add(3)
    hold_by_call(ledger)
    ledger.hold("sender:sms", "wait for legal")
    probe_is_due(ledger)
    assert blocked(ledger) == "hold sender:sms"

    assert ledger.release("sender:sms") == Released(True, True)
    assert len(ledger.take().ids) == 1, "the probe of the system's hold"


def test_an_instance_that_is_full_stops_all_its_senders(ledger: Ledger) -> None:
    """Open chats are counted by instance."""
    ledger.configure(senders={"sms": {}, "two": {}, "three": {"instance": "i-2"}}, version="v2")
    ledger.add(2)
    ledger.add(2, lane=lane(sender="two"))
    others = ledger.add(2, lane=lane(sender="three"))
    hold_by_call(ledger, scope="instance:i-1", code="chats_full")

    answer = ledger.claim()
    assert isinstance(answer, Claimed)
    assert [job.local_id for job in answer.jobs] == others
    assert blocked(ledger) == "hold instance:i-1"


def test_the_holds_of_a_batch_end_with_it(ledger: Ledger) -> None:
    """Nobody would release them."""
    name = ledger.open_batch()
    (local_id,) = ledger.add(1, lane=name)
    ledger.close_batch(name)
    ledger.hold(f"batch:{Lane.parse(name).batch}")
    ledger.cancel(local_id)

    assert ledger.holds() == []
    assert ledger.hold(f"batch:{Lane.parse(name).batch}") == "final"
    assert ledger.holds() == []


def test_a_persons_hold_of_a_batch_ends_when_the_batch_is_cancelled(ledger: Ledger) -> None:
    """Also while one of its calls still runs, whose end nobody may report for long."""
    name = ledger.open_batch()
    ledger.add(2, lane=name)
    assert isinstance(ledger.claim(wanted=1), Claimed)
    scope = f"batch:{Lane.parse(name).batch}"
    ledger.hold(scope)
    ledger.cancel_many(scope)

    assert ledger.holds() == []
    assert ledger.batch(name).leased == 1


def test_the_hold_of_a_batch_that_was_never_closed_ends_when_the_batch_is_forgotten(ledger: Ledger) -> None:
    """Its producer died a month ago; the list of holds is read by people."""
    name = ledger.open_batch()
    batch = Lane.parse(name).batch
    ledger.hold(f"batch:{batch}")
    ledger.hold("sender:sms")
    ledger.redis.delete(ledger.key(f"b:{batch}"))

    assert [hold.scope for hold in ledger.holds()] == ["sender"], "also while no worker runs"
    ledger.maintain()
    assert ledger.redis.hlen(ledger.key("holds")) == 1


def test_a_hold_that_does_not_reach_the_job_makes_it_wait(ledger: Ledger) -> None:
    """A worker with other settings names another instance: without a wait the job is called again at once, for ever."""
    ledger.add(1)
    hold_by_call(ledger, scope="instance:elsewhere", code="chats_full")

    answer = ledger.claim()
    assert isinstance(answer, Empty)
    assert answer.until_ms > 3_000


def test_a_batch_is_read_while_a_probe_is_due(ledger: Ledger) -> None:
    """Its prediction looks at the hold too."""
    name = ledger.open_batch()
    ledger.add(2, lane=name)
    hold_by_call(ledger)
    probe_is_due(ledger)

    assert ledger.batch(name).waiting == 2


@pytest.mark.parametrize("scope", ["tenant:shop", "sender:sms", "instance:i-1"])
def test_many_batches_of_one_tenant_go_on_at_once_after_a_release(ledger: Ledger, scope: str) -> None:
    """A batch a customer is a lane a job: let out one by one, five thousand would take an hour of claims."""
    ledger.configure(senders={"sms": {}}, version="v2")
    for _ in range(300):
        ledger.add(1, lane=ledger.open_batch(tenant="shop"), watched=False)
    ledger.hold(scope)
    assert isinstance(ledger.claim(wanted=500), Empty)
    ledger.release(scope)

    assert len(ledger.take(200).ids) == 200
    assert len(ledger.take(500).ids) == 100


def test_a_release_lets_tenants_with_many_and_with_few_batches_go_on_side_by_side(ledger: Ledger) -> None:
    """One tenant's hundreds of lanes must not come before another's only one."""
    ledger.configure(senders={"sms": {}}, version="v2")
    for _ in range(60):
        ledger.add(1, lane=ledger.open_batch(tenant="many"), watched=False)
    ledger.add(60, lane=lane(Priority.BULK, tenant="few"), watched=False)
    ledger.hold("sender:sms")
    blocked(ledger)
    ledger.release("sender:sms")

    tenants = [ledger.job(local_id).tenant for local_id in ledger.take(40).ids]
    assert tenants.count("many") == tenants.count("few") == 20
