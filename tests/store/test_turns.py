"""Turns: priorities in order, tenants by turns, then the lanes of a tenant."""

from collections import Counter

import pytest

from outbound_chat.model.jobs import Priority
from outbound_chat.model.lanes import Lane
from outbound_chat.store.scripts import Empty

from .ledger import Ledger, lane


def tenant_of(ledger: Ledger, local_id: str) -> str:
    return ledger.job(local_id).tenant or ""


def test_priorities_go_in_order(ledger: Ledger) -> None:
    """A one-time code is worthless after a campaign of an hour; inside a priority, jobs keep their order."""
    ids = {priority: ledger.add(3, lane=lane(priority)) for priority in (Priority.BULK, Priority.URGENT)}
    ids[Priority.NORMAL] = ledger.add(3)

    order = [id_ for _ in range(9) for id_ in ledger.take(1).ids]
    assert order[:3] == ids[Priority.URGENT]
    assert order[3:6] == ids[Priority.NORMAL]
    assert order[6:] == ids[Priority.BULK]


def test_one_claim_takes_from_several_priorities(ledger: Ledger) -> None:
    """Threads must not idle because the urgent jobs are few."""
    (bulk,) = ledger.add(1, lane=lane(Priority.BULK))
    (urgent,) = ledger.add(1, lane=lane(Priority.URGENT))

    assert ledger.take().ids == [urgent, bulk]


@pytest.mark.parametrize("wanted", [1, 10])
@pytest.mark.parametrize("single", ["aaa", "zzz"])
def test_a_single_job_behind_a_thousand_of_another_tenant_waits_one_turn(
    ledger: Ledger, single: str, wanted: int
) -> None:
    """One customer's campaign must not hold up another's message."""
    ledger.add(1_000, lane=lane(tenant="mmm"), watched=False)
    ledger.take(7)
    (local_id,) = ledger.add(1, lane=lane(tenant=single))

    order = [id_ for _ in range(10 // wanted) for id_ in ledger.take(wanted).ids]
    assert order.index(local_id) <= 1


def test_tenants_take_turns(ledger: Ledger) -> None:
    """Each gets the same share, whatever the sizes of their backlogs."""
    for tenant, count in (("a", 300), ("b", 40), ("c", 30)):
        ledger.add(count, lane=lane(tenant=tenant), watched=False)

    order = [tenant_of(ledger, id_) for id_ in ledger.take(90).ids]
    assert Counter(order) == {"a": 30, "b": 30, "c": 30}
    assert all(len(set(order[start : start + 3])) == 3 for start in range(0, 90, 3))


def test_the_lanes_of_a_tenant_take_turns(ledger: Ledger) -> None:
    """A tenant's second campaign starts at once; and two lanes give no tenant a double share."""
    campaigns = [ledger.open_batch(tenant="a"), ledger.open_batch(tenant="a")]
    for name in [*campaigns, lane(Priority.BULK, tenant="b")]:
        ledger.add(40, lane=name, watched=False)

    jobs = ledger.take(40).jobs
    assert Counter(job.batch for job in jobs) == {
        Lane.parse(campaigns[0]).batch: 10,
        Lane.parse(campaigns[1]).batch: 10,
        "": 20,
    }


@pytest.mark.parametrize("trickler", ["0", "zzz"])
@pytest.mark.parametrize("others", [1, 2, 5])
def test_a_tenant_that_trickles_gains_nothing(ledger: Ledger, trickler: str, others: int) -> None:
    """Who gives its jobs one by one must not get more turns than who gave them all at once."""
    for number in range(others):
        ledger.add(60, lane=lane(tenant=f"tenant-{number}"), watched=False)
    ledger.take(1)
    ledger.add(1, lane=lane(tenant=trickler), watched=False)
    turns: Counter[str] = Counter()
    for _ in range(20 * (others + 1)):
        (local_id,) = ledger.take(1).ids
        tenant = tenant_of(ledger, local_id)
        turns[tenant] += 1
        if tenant == trickler:
            ledger.add(1, lane=lane(tenant=trickler), watched=False)

    assert 19 <= turns[trickler] <= 21


def test_a_lone_tenant_that_worked_for_long_owes_no_turns(ledger: Ledger) -> None:
    """A quiet hour that one tenant used must not be paid back to one who came later."""
    ledger.add(600, lane=lane(tenant="a"), watched=False)
    for _ in range(5):
        ledger.take(100)
    ledger.add(50, lane=lane(tenant="b"), watched=False)

    assert Counter(tenant_of(ledger, id_) for id_ in ledger.take(40).ids) == {"a": 20, "b": 20}


def test_a_retry_that_is_due_goes_before_the_backlog(ledger: Ledger) -> None:
    """Behind 100,000 others a retry would wait for hours, and its token grows old meanwhile."""
    first, *backlog = ledger.add(20)
    taken = ledger.take(1)
    assert taken.ids == [first]
    assert ledger.finish(first, taken.claim, "retry", code="service_error") == "queued"

    assert ledger.take(2).ids == [first, backlog[0]]


def test_a_job_handed_back_uncalled_keeps_its_place(ledger: Ledger) -> None:
    """Its place was lost for no fault of its own: the worker was too slow to call."""
    jobs = ledger.add(20)
    taken = ledger.take(2)
    for id_ in taken.ids:
        assert ledger.finish(id_, taken.claim, "not_called") == "queued"

    again = ledger.take(3).ids
    assert (set(again[:2]), again[2]) == (set(jobs[:2]), jobs[2])


def test_a_retry_that_lies_ahead_holds_nobody_up(ledger: Ledger) -> None:
    """The backlog goes on while one job waits for its next attempt."""
    first, second = ledger.add(2)
    taken = ledger.take(1)
    ledger.finish(first, taken.claim, "retry", delay_ms=60_000, code="service_error")

    assert ledger.take(2).ids == [second]
    assert isinstance(ledger.claim(), Empty)


def test_lower_priorities_keep_a_share_of_an_urgent_flood(ledger: Ledger) -> None:
    """A flood of one-time codes must not stop a campaign for good, nor single messages."""
    for priority in Priority:
        ledger.add(200, lane=lane(priority), watched=False)

    order = [ledger.job(ledger.take(1).ids[0]).priority for _ in range(100)]
    assert Counter(order) == {Priority.URGENT: 90, Priority.NORMAL: 5, Priority.BULK: 5}


def test_a_share_holds_urgent_jobs_up_by_one_call_at_most(ledger: Ledger) -> None:
    """Urgent stays urgent, however large the backlog is and however many jobs a claim takes."""
    ledger.add(200, lane=lane(Priority.BULK), watched=False)
    for wanted in (1, 7, 16):
        ledger.take(wanted)
        urgent = ledger.add(8, lane=lane(Priority.URGENT))
        taken = ledger.take(9).ids
        assert set(urgent) <= set(taken)
