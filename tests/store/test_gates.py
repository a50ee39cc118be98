"""Limits below the budget: calls at a time, open chats, message parts a second. Each keeps back its own jobs alone."""

import pytest

from outbound_chat.model.jobs import Priority
from outbound_chat.model.lanes import Lane
from outbound_chat.store import scripts
from outbound_chat.store.scripts import Claimed, Empty

from .clocked import ClockedLedger
from .ledger import HOUR_MS, Ledger, lane

SLOW = 0.001
"""Parts a second so few that none is added while a test runs."""


def taken(ledger: Ledger, wanted: int = 10) -> list[str]:
    """Ids that a claim gives; none when a rule keeps all back."""
    answer = ledger.claim(wanted=wanted)
    return [job.local_id for job in answer.jobs] if isinstance(answer, Claimed) else []


def rule(ledger: Ledger) -> str:
    answer = ledger.claim()
    assert isinstance(answer, Empty), answer
    return answer.rule


def pass_time(ledger: Ledger, number: str = "n-1", *, seconds: float) -> None:
    """Lets a number's bucket be as it would be later, and its gate be tried."""
    parts, at = ledger.redis.hget(ledger.key("numbers"), number).split()
    ledger.redis.hset(ledger.key("numbers"), number, f"{parts} {float(at) - seconds * 1000:.3f}")
    try_gates(ledger)


def try_gates(ledger: Ledger) -> None:
    for member, _ in ledger.redis.zrange(ledger.key("delayed"), 0, -1, withscores=True):
        if member.startswith("@"):
            ledger.redis.zadd(ledger.key("delayed"), {member: 1})


def test_a_number_carries_so_many_parts_a_second(clocked: ClockedLedger) -> None:
    """A long code takes one part a second; what comes faster the carrier drops."""
    clocked.configure(senders={"sms": {"number_rate": 2}}, version="v2")
    ids = clocked.add(5)

    assert taken(clocked) == ids[:2]
    answer = clocked.claim()
    assert isinstance(answer, Empty)
    assert (answer.rule, answer.until_ms) == ("number number:n-1", 500)
    clocked.clock.now_ms += 499
    assert taken(clocked) == []
    clocked.clock.now_ms += 1
    assert taken(clocked) == ids[2:3]


def test_a_message_of_many_parts_goes_into_debt(clocked: ClockedLedger) -> None:
    """Seven parts never fit a bucket of one; they go as one, and the next waits for seven seconds."""
    clocked.configure(senders={"sms": {"number_rate": 1}}, version="v2")
    (long,) = clocked.add(1, parts=7)
    (short,) = clocked.add(1)

    assert taken(clocked) == [long]
    answer = clocked.claim()
    assert isinstance(answer, Empty)
    assert answer.until_ms == 7_000
    clocked.clock.now_ms += 6_999
    assert taken(clocked) == []
    clocked.clock.now_ms += 1
    assert taken(clocked) == [short]


def test_a_number_that_waits_keeps_no_other_back(ledger: Ledger) -> None:
    """A slow long code must not slow the short code beside it."""
    ledger.configure(senders={"sms": {"number_rate": SLOW}, "two": {"number": "n-2"}}, version="v2")
    ledger.add(3)
    others = ledger.add(3, lane=lane(sender="two"))

    assert set(taken(ledger)) > set(others)
    assert rule(ledger) == "number number:n-1"


def test_senders_of_a_number_share_its_pace(ledger: Ledger) -> None:
    """The carrier counts the number, not our names for it."""
    ledger.configure(senders={"sms": {"number_rate": SLOW}, "two": {"number_rate": SLOW}}, version="v2")
    ledger.add(1)
    ledger.add(1, lane=lane(sender="two"))

    assert len(taken(ledger)) == 1
    assert taken(ledger) == []


def test_parts_of_a_call_that_was_not_made_come_back(ledger: Ledger) -> None:
    """Otherwise every hand-back would waste the number's pace."""
    ledger.configure(senders={"sms": {"number_rate": SLOW}}, version="v2")
    ledger.add(1)
    local_id, claim = ledger.take_one()
    ledger.finish(local_id, claim, "not_called")

    assert taken(ledger) == [local_id]


def test_parts_that_come_back_let_another_go_at_once(ledger: Ledger) -> None:
    """What was said of the wait, seven seconds or an hour, is not true any more."""
    ledger.configure(senders={"sms": {"number_rate": SLOW}}, version="v2")
    ledger.add(1, parts=7)
    leased = ledger.take_one()
    (other,) = ledger.add(1)
    assert taken(ledger) == []
    ledger.cancel(leased[0])
    assert ledger.finish(*leased, "not_called") == "cancelled"

    assert taken(ledger) == [other]


def test_more_chats_take_effect_at_once(ledger: Ledger) -> None:
    """AWS raised the quota and the operator said so; the first open chat ends in an hour."""
    ledger.configure(senders={"sms": {"max_chats": 1}}, version="v2")
    ids = ledger.add(2)
    ledger.attempt("sent", contact_id="c-1", chat_ms=HOUR_MS)
    assert taken(ledger) == []
    ledger.configure(senders={"sms": {"max_chats": 2}}, version="v3")

    assert taken(ledger) == ids[1:]


def test_a_limit_that_is_gone_keeps_nothing_back(ledger: Ledger) -> None:
    """Nor does one of the number that a sender had before."""
    ledger.configure(senders={"sms": {"number_rate": SLOW}}, version="v2")
    ids = ledger.add(2)
    assert taken(ledger) == ids[:1]
    ledger.configure(senders={"sms": {"number": "n-2"}}, version="v3")

    assert taken(ledger) == ids[1:]


def test_parts_of_a_job_that_ends_before_a_call_come_back(ledger: Ledger) -> None:
    """The number carried nothing."""
    ledger.configure(senders={"sms": {"number_rate": SLOW}}, version="v2")
    _, second = ledger.add(2)
    assert ledger.finish(*ledger.take_one(), "failed", code="invalid_request", called=False) == "failed"

    try_gates(ledger)
    assert taken(ledger) == [second]


def test_tenants_behind_a_number_take_turns(ledger: Ledger) -> None:
    """A slow number is where fairness counts most: one tenant's hundred lanes must not keep another's away."""
    ledger.configure(senders={"sms": {"number_rate": SLOW}}, version="v2")
    for _ in range(25):
        ledger.add(4, lane=ledger.open_batch(tenant="big"), watched=False)
    ledger.add(30, lane=lane(Priority.BULK, tenant="small"), watched=False)
    tenants: list[str] = []
    for _ in range(40):
        ids = taken(ledger, wanted=1)
        tenants += [ledger.job(id_).tenant or "" for id_ in ids]
        pass_time(ledger, seconds=1_000)

    assert len(tenants) >= 38
    assert abs(tenants.count("big") - tenants.count("small")) <= 4


@pytest.mark.parametrize(("limits", "room"), [({"number_rate": 40}, 40), ({"concurrency": 30}, 30)])
def test_many_batches_take_the_room_that_there_is_with_one_claim(
    ledger: Ledger, limits: dict[str, float], room: int
) -> None:
    """Of a batch a customer, each a lane of its own, one a claim would leave most of a limit unused."""
    ledger.configure(senders={"sms": {"concurrency": 0}}, version="v2")
    for _ in range(100):
        ledger.add(1, lane=ledger.open_batch(tenant="shop"), watched=False)
    assert taken(ledger, wanted=500) == []
    ledger.configure(senders={"sms": limits}, version="v3")

    assert room <= len(taken(ledger, wanted=500)) < 100


def test_many_batches_of_the_same_time_are_due_at_once(ledger: Ledger) -> None:
    """Nine o'clock is when everybody sends."""
    for _ in range(250):
        ledger.add(1, lane=ledger.open_batch(), watched=False, send_at_ms=ledger.now_ms() + HOUR_MS)
    for part in ledger.names():
        if part == "delayed" or part.startswith("timed:"):
            ledger.run_out(part)

    assert len(taken(ledger, wanted=500)) >= 200


def test_a_sender_has_so_many_calls_at_a_time(ledger: Ledger) -> None:
    """A limit for a flow that calls a slow service."""
    ledger.configure(senders={"sms": {"concurrency": 2}}, version="v2")
    ids = ledger.add(4)
    first = ledger.take()
    assert first.ids == ids[:2]
    assert rule(ledger) == "concurrency sender:sms"

    ledger.finish(ids[0], first.claim, "sent", contact_id="c-1")
    second = ledger.take()
    assert second.ids == ids[2:3]
    ledger.finish(ids[1], first.claim, "retry", delay_ms=HOUR_MS)
    assert taken(ledger) == ids[3:]


def test_a_pump_that_waits_is_told_when_a_gate_opens(ledger: Ledger) -> None:
    """It would sleep for a second after each answer, and make four calls a second where ten could be made."""
    ledger.configure(senders={"sms": {"concurrency": 1}}, version="v2")
    ledger.add(2)
    local_id, claim = ledger.take_one()
    answer = ledger.claim(linger_ms=1_000)
    assert isinstance(answer, Empty)
    assert answer.waiting
    ledger.finish(local_id, claim, "sent", contact_id="c-1")

    assert ledger.redis.exists(ledger.key("poke"))


def test_a_lost_call_gives_its_place_back(ledger: Ledger) -> None:
    """Else a killed worker would narrow the sender for good."""
    ledger.configure(senders={"sms": {"concurrency": 1}}, version="v2")
    ids = ledger.add(2)
    ledger.take()
    assert taken(ledger) == []

    ledger.lose_leases()
    assert len(taken(ledger)) == 1
    assert ledger.state(ids[0]).value == "sending"


def test_a_batch_has_so_many_calls_at_a_time(ledger: Ledger) -> None:
    """A campaign that must not take all threads."""
    name = ledger.open_batch(concurrency=3)
    ids = ledger.add(5, lane=name)
    first = ledger.take()
    assert first.ids == ids[:3]
    assert rule(ledger) == f"concurrency batch:{Lane.parse(name).batch}"

    ledger.finish(ids[0], first.claim, "sent", contact_id="c-1")
    assert taken(ledger) == ids[3:4]


def test_an_instance_has_so_many_open_chats(ledger: Ledger) -> None:
    """Running calls count as well: each may open one."""
    ledger.configure(senders={"sms": {"max_chats": 2}, "two": {"max_chats": 2}}, version="v2")
    ids = ledger.add(4)
    others = ledger.add(1, lane=lane(sender="two"))
    first = ledger.take()
    assert len(first.ids) == 2
    assert rule(ledger) == "chats instance:i-1"

    for number, local_id in enumerate(first.ids):
        ledger.finish(local_id, first.claim, "sent", contact_id=f"c-{number}", chat_ms=HOUR_MS)
    answer = ledger.claim()
    assert isinstance(answer, Empty)
    assert HOUR_MS - 5_000 < answer.until_ms <= HOUR_MS
    assert ledger.run(scripts.close_chat(ledger.keys, contact="c-0", instances=["i-0", "i-1"]))
    assert not ledger.run(scripts.close_chat(ledger.keys, contact="c-0", instances=["i-0", "i-1"]))
    assert len(taken(ledger)) == 1
    ledger.redis.zadd(ledger.key("chats:i-1"), {"c-1": 1})
    try_gates(ledger)
    assert len(taken(ledger)) == 1
    assert {*ids, *others}


def test_a_call_without_a_contact_leaves_its_room_to_the_next(ledger: Ledger) -> None:
    """Only a contact opens a chat."""
    ledger.configure(senders={"sms": {"max_chats": 1}}, version="v2")
    ids = ledger.add(2)
    local_id, claim = ledger.take_one()
    assert taken(ledger) == []

    ledger.finish(local_id, claim, "failed", code="refused")
    assert taken(ledger) == ids[1:]


def test_chats_of_an_instance_without_a_limit_are_not_counted(ledger: Ledger) -> None:
    """A key that nobody reads would only grow."""
    ledger.add(1)
    ledger.attempt("sent", contact_id="c-1", chat_ms=HOUR_MS)

    assert not [name for name in ledger.names() if name.startswith(("chats:", "calls:"))]


@pytest.mark.parametrize("limit", [{"concurrency": 1}, {"number_rate": SLOW}, {"max_chats": 1}])
def test_jobs_behind_a_gate_expire_and_are_cancelled(ledger: Ledger, limit: dict[str, float]) -> None:
    """A gate that stays closed must not keep a job open for ever."""
    ledger.configure(senders={"sms": limit}, version="v2")
    ledger.add(1)
    ledger.take()
    (expires,) = ledger.add(1, expires_ms=ledger.now_ms() + HOUR_MS)
    cancelled = ledger.add(2)
    assert taken(ledger) == []

    ledger.redis.zadd(ledger.key("expiry"), {expires: 1})
    ledger.maintain()
    assert ledger.state(expires).value == "expired"
    assert [ledger.cancel(id_) for id_ in cancelled] == ["cancelled", "cancelled"]
    assert not ledger.redis.exists(ledger.key("blocked"))


def test_a_weight_gives_a_tenant_more_turns(ledger: Ledger) -> None:
    """Weight 3 beside weight 1: three of four jobs."""
    ledger.configure(weights={"gold": 3.0}, version="v2")
    for tenant in ("gold", "plain"):
        ledger.add(100, lane=lane(tenant=tenant), watched=False)

    tenants = [ledger.job(id_).tenant for id_ in ledger.take(80).ids]
    assert 58 <= tenants.count("gold") <= 62


def test_a_weight_gives_a_batch_more_turns(ledger: Ledger) -> None:
    """Inside a tenant as well."""
    heavy, light = ledger.open_batch(weight=4.0), ledger.open_batch()
    for name in (heavy, light):
        ledger.add(100, lane=name, watched=False)

    ids = ledger.take(50).ids
    assert 38 <= sum(id_.startswith(Lane.parse(heavy).batch) for id_ in ids) <= 42


def test_many_lanes_behind_a_gate_come_back_when_it_opens(ledger: Ledger) -> None:
    """A few with each script, until all are there."""
    for tenant in range(40):
        ledger.add(1, lane=lane(tenant=f"t{tenant}"), watched=False)
    ledger.hold("sender:sms")
    assert taken(ledger) == []
    assert len(ledger.redis.hkeys(ledger.key("blocked"))) == 40

    ledger.release("sender:sms")
    ids: list[str] = []
    for _ in range(10):
        ids += taken(ledger, wanted=100)
    assert len(set(ids)) == 40
