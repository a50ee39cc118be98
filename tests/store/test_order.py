"""Jobs of a lane go in the order in which Redis accepted them, whatever its clock does."""

from collections.abc import Sequence

import pytest

from outbound_chat import OutboundChat
from outbound_chat.model.ids import new_local_id
from outbound_chat.model.lanes import Lane
from outbound_chat.model.times import to_ms
from outbound_chat.store import scripts
from outbound_chat.store.scripts import Claimed

from .clocked import ClockedLedger
from .conftest import PREFIX
from .ledger import BUDGET, DAY_MS, HOUR_MS, LANE, LISTED, Ledger, new_job

WAIT_MS = 5_000
MANY = 1_100
"""More than a score has room for behind the point of one ms."""


def one_by_one(ledger: Ledger, count: int, *, send_at_ms: int = 0) -> list[str]:
    """As many callers enqueue, each with ids that say nothing of the order."""
    ids = sorted((new_local_id() for _ in range(count)), reverse=True)
    for local_id in ids:
        job = new_job(local_id, send_at_ms=send_at_ms)
        ledger.store.run(
            scripts.submit(
                ledger.keys, lane=Lane.parse(LANE), max_age_ms=30 * DAY_MS, rejected=0, jobs=[job], listing=LISTED
            )
        )
    return ids


def claimed(ledger: Ledger, most: int = 100) -> list[str]:
    """All that claims give, in this order, until there is no more; the calls are left running."""
    ids: list[str] = []
    while isinstance(answer := ledger.claim(wanted=most), Claimed):
        ids += [job.local_id for job in answer.jobs]
    return ids


def test_jobs_of_one_millisecond_go_in_the_order_they_came(clocked: ClockedLedger) -> None:
    """At full speed most jobs share theirs with the next: two texts to one customer would arrive swapped."""
    ids = one_by_one(clocked, MANY)
    assert claimed(clocked) == ids


def test_one_submit_keeps_the_order_of_its_jobs(clocked: ClockedLedger) -> None:
    """And so does the next one, which comes within the same millisecond."""
    ids = [*clocked.add(500, watched=False), *clocked.add(500, watched=False), *clocked.add(500, watched=False)]
    assert claimed(clocked) == ids


def test_a_clock_that_steps_back_changes_no_order(clocked: ClockedLedger) -> None:
    """A server is set right, or another one takes over whose clock is behind."""
    ids = []
    for step_ms in (0, -1, -HOUR_MS, 5, -30_000, 2 * HOUR_MS):
        clocked.clock.now_ms += step_ms
        ids += one_by_one(clocked, 3)
    clocked.clock.now_ms -= 30_000
    assert claimed(clocked, 4) == ids


def test_jobs_that_came_while_the_clock_was_ahead_need_not_wait(clocked: ClockedLedger) -> None:
    """Nobody asked for a time, so none can lie ahead: neither a claim nor anybody who asks takes them for later."""
    clocked.maintain()
    clocked.clock.now_ms += HOUR_MS
    ids = one_by_one(clocked, 3)
    clocked.clock.now_ms -= HOUR_MS
    clocked.maintain()

    answer = OutboundChat(store=clocked.store, key_prefix=PREFIX).why(f"{BUDGET}.{ids[0]}")
    assert (answer.reason, answer.position) == ("next", 0)
    assert clocked.maintain().wakeup or clocked.asked()
    assert claimed(clocked) == ids


@pytest.mark.parametrize("outcome", ["hold", "retry"])
def test_a_hold_that_began_while_the_clock_was_ahead_lasts_no_longer(clocked: ClockedLedger, outcome: str) -> None:
    """Nor does the wait after a probe that decided nothing: nobody asked for the time of the step."""
    one_by_one(clocked, 3)
    clocked.clock.now_ms += HOUR_MS
    clocked.maintain()
    clocked.attempt("hold", delay_ms=WAIT_MS, scope="sender:sms", code="credentials")
    if outcome == "retry":
        clocked.clock.now_ms += WAIT_MS
        clocked.attempt("retry", delay_ms=0)
    assert claimed(clocked) == []
    clocked.clock.now_ms -= HOUR_MS
    clocked.maintain()

    (hold,) = clocked.holds()
    assert hold.probe_at
    assert clocked.now_ms() <= to_ms(hold.probe_at) <= clocked.now_ms() + WAIT_MS
    clocked.clock.now_ms += WAIT_MS
    clocked.maintain()
    assert len(claimed(clocked)) == 1, "the probe"


def test_jobs_with_one_send_at_go_in_the_order_they_came(clocked: ClockedLedger) -> None:
    """A reminder for nine o'clock is one of thousands."""
    at = clocked.now_ms() + HOUR_MS
    ids = one_by_one(clocked, MANY, send_at_ms=at)
    clocked.clock.now_ms = at - 1
    assert claimed(clocked) == []
    clocked.clock.now_ms = at
    assert claimed(clocked) == ids


@pytest.mark.parametrize("delay_ms", [0, HOUR_MS])
def test_rows_go_in_their_order_over_the_borders_of_chunks(clocked: ClockedLedger, delay_ms: int) -> None:
    """As text, row 10 would come before row 9."""
    name = clocked.open_batch()
    ids = clocked.add(MANY, lane=name, watched=False, send_at_ms=clocked.now_ms() + delay_ms if delay_ms else 0)
    clocked.clock.now_ms += delay_ms
    assert claimed(clocked) == ids


def test_jobs_with_a_send_at_and_without_one_go_by_time(clocked: ClockedLedger) -> None:
    """Neither kind can keep the other waiting for good."""
    start = clocked.now_ms()
    (second,) = one_by_one(clocked, 1, send_at_ms=start + 10)
    (fourth,) = one_by_one(clocked, 1, send_at_ms=start + 30)
    first = one_by_one(clocked, 2)
    clocked.clock.now_ms += 20
    third = one_by_one(clocked, 2)
    clocked.clock.now_ms += 20
    ids = [*first, second, *third, fourth, *one_by_one(clocked, 2)]
    (_ahead,) = one_by_one(clocked, 1, send_at_ms=start + 41)

    assert positions(clocked, ids) == list(range(8))
    assert claimed(clocked, 3) == ids


def shuffled(ids: Sequence[str]) -> list[str]:
    """Neither their order nor the reverse."""
    return [*ids[1::2], *reversed(ids[::2])]


def positions(ledger: Ledger, ids: Sequence[str]) -> list[int | None]:
    """What `why` says of each."""
    chat = OutboundChat(store=ledger.store, key_prefix=PREFIX)
    return [chat.why(f"{BUDGET}.{local_id}").position for local_id in ids]


@pytest.mark.parametrize("delay_ms", [0, 5])
def test_jobs_that_are_handed_back_get_the_place_they_had(clocked: ClockedLedger, delay_ms: int) -> None:
    """A worker that stops gives back what it has not called, in any order, while others enqueue."""
    ids = one_by_one(clocked, 20, send_at_ms=clocked.now_ms() + delay_ms if delay_ms else 0)
    clocked.clock.now_ms += delay_ms
    taken = clocked.take(10)
    ids += one_by_one(clocked, 2)
    for local_id in shuffled(taken.ids):
        assert clocked.finish(local_id, taken.claim, "not_called") == "queued"
    clocked.clock.now_ms -= 2
    assert positions(clocked, ids[:3]) == [0, 1, 2]
    clocked.clock.now_ms += 2
    assert claimed(clocked) == ids


def test_jobs_that_wait_for_the_morning_keep_their_order(clocked: ClockedLedger) -> None:
    """Quiet hours end for all at once."""
    opening = clocked.now_ms() + HOUR_MS
    ids = one_by_one(clocked, 20)
    taken = clocked.take(20)
    for local_id in shuffled(taken.ids):
        clocked.finish(local_id, taken.claim, "not_called", not_before_ms=opening)
    clocked.clock.now_ms = opening
    assert claimed(clocked) == ids


def test_what_lived_while_the_clock_was_ahead_is_not_taken_for_alive(clocked: ClockedLedger) -> None:
    """`doctor` would blame a worker's clock, and count workers that ended, until that hour comes."""
    clocked.clock.now_ms += HOUR_MS
    clocked.run(scripts.maintain(clocked.keys, worker="wrong", version="v1", skew_ms=-HOUR_MS))
    (wrong,) = clocked.run(scripts.read_workers(clocked.keys))
    assert (wrong.name, wrong.skew_seconds) == ("wrong", -HOUR_MS / 1000)
    clocked.clock.now_ms -= HOUR_MS
    clocked.maintain()

    (right,) = clocked.run(scripts.read_workers(clocked.keys))
    assert (right.name, right.skew_seconds) == ("worker-1", 0.0)


def test_webhooks_of_jobs_that_ended_while_the_clock_was_ahead_are_posted(clocked: ClockedLedger) -> None:
    """Those of a courier that died as well, and those for a host that was left alone for a second."""
    claim = scripts.claim_webhooks(
        clocked.keys, courier="c", wanted=1, lease_ms=1_000, per_host=9, give_up_ms=DAY_MS, posting=[]
    )

    def posted() -> list[str]:
        answer = clocked.run(claim)
        assert answer
        return [webhook.name for webhook in answer.webhooks]

    clocked.clock.now_ms += HOUR_MS
    clocked.add(2, callback="https://hooks.example.com/x")
    for _ in range(2):
        clocked.attempt("sent", contact_id="c-1")
    (lost,) = posted()
    clocked.maintain()
    clocked.clock.now_ms -= HOUR_MS - 1_000
    clocked.maintain()

    names = {lost}
    while names_now := set(posted()):
        names |= names_now
    assert len(names) == 2
