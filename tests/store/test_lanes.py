"""What operators see of the lanes: the longest, and what stops each."""

from outbound_chat.model.jobs import Priority
from outbound_chat.model.lanes import Lane
from outbound_chat.model.operations import LaneStatus
from outbound_chat.model.why import WaitReason
from outbound_chat.store import scripts

from .ledger import HOUR_MS, Ledger, lane


def lanes(ledger: Ledger, count: int = 50) -> tuple[LaneStatus, ...]:
    return ledger.run(scripts.read_lanes(ledger.keys, count)).lanes


def test_the_longest_lanes_come_first_with_what_is_due(ledger: Ledger) -> None:
    campaign = ledger.open_batch(tenant="acme")
    ledger.add(5, lane=campaign)
    ledger.add(2, lane=lane(Priority.URGENT, tenant="zzz"))
    later = ledger.now_ms() + HOUR_MS
    ledger.add(3, lane=lane(tenant="later"), send_at_ms=later)

    first, second, third = lanes(ledger)
    assert (first.batch_id, first.tenant, first.waiting, first.due) == (
        f"main.{Lane.parse(campaign).batch}",
        "acme",
        5,
        5,
    )
    assert (second.tenant, second.waiting, second.due, second.stopped_by) == ("later", 3, 0, None)
    assert second.next_due
    assert abs(second.next_due.timestamp() * 1000 - later) < 10
    assert (third.priority, third.batch_id, third.stopped_by, third.stop_reason) == (Priority.URGENT, None, None, "")
    assert len(lanes(ledger, 1)) == 1


def test_a_lane_says_which_rule_stops_it(ledger: Ledger) -> None:
    """The same rules as those of `why`, seen from above."""
    ledger.configure(version="v2", senders={"one": {"concurrency": 1}, "sms": {}, "held": {}})
    one, held, free = lane(sender="one"), lane(sender="held", tenant="acme"), lane()
    for name in (one, held, free):
        ledger.add(3, lane=name)
    ledger.hold("tenant:acme", "wrong text")
    ledger.take(9)

    found = {(found.sender, found.tenant): found for found in lanes(ledger)}
    assert found["one", None].stopped_by is WaitReason.SENDER_CALLS
    assert found["one", None].until
    stopped = found["held", "acme"]
    assert (stopped.stopped_by, stopped.stop_reason, stopped.until) == (WaitReason.HELD_BY_PERSON, "wrong text", None)

    ledger.hold("budget", "all wrong")
    assert {(found.stopped_by, found.stop_reason) for found in lanes(ledger)} == {(WaitReason.BUDGET_HELD, "all wrong")}


def test_a_hold_of_the_system_says_what_aws_answered(ledger: Ledger) -> None:
    ledger.add(3)
    local_id, claim = ledger.take_one()
    ledger.finish(local_id, claim, "hold", code="access_denied", message="no", scope="sender:sms", delay_ms=HOUR_MS)
    (found,) = lanes(ledger)
    assert (found.stopped_by, found.stop_reason) == (WaitReason.HELD_BY_SYSTEM, "access_denied: no")
    assert found.until


def test_of_very_many_lanes_those_in_turn_are_looked_at(ledger: Ledger) -> None:
    """What a look costs may not grow with the number of tenants."""
    for tenant in range(700):
        ledger.add(1, lane=lane(tenant=f"t{tenant}"), watched=False)
    ledger.add(2, lane=lane(Priority.URGENT, tenant="longest"))
    found = ledger.run(scripts.read_lanes(ledger.keys, 5))
    assert found.total == 701
    assert 500 <= found.looked < 701
    assert (found.lanes[0].tenant, found.lanes[0].waiting, len(found.lanes)) == ("longest", 2, 5)
