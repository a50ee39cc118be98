"""Leases and expiry: what the waker finds."""

import pytest

from outbound_chat.model.jobs import JobState
from outbound_chat.store.records import Field
from outbound_chat.store.scripts import Renewed

from .clocked import ClockedLedger
from .ledger import DAY_MS, HOUR_MS, LEASE_MS, Ledger, is_empty, lane


def test_a_job_whose_worker_died_waits_again(ledger: Ledger) -> None:
    """kill -9 must lose nothing; and since the call may have gone out, that is kept in mind."""
    ledger.add(1)
    local_id, _ = ledger.take_one()
    called_at = ledger.head(local_id)[Field.DUE]
    found = ledger.lose_leases()

    assert (found.lost, found.expired) == (1, 0)
    job = ledger.job(local_id)
    assert (job.state, job.attempts, job.maybe_sent) == (JobState.QUEUED, 1, True)
    assert [(entry.outcome, entry.code) for entry in job.history] == [("retry", "lease_lost")]
    assert ledger.head(local_id)[Field.MAYBE_SENT] == called_at
    assert ledger.take().ids == [local_id]


def test_a_lease_runs_out_by_the_servers_clock(clocked: ClockedLedger) -> None:
    """Nobody has to tell that a worker died."""
    clocked.add(1)
    clocked.claim(lease_ms=30)

    first = clocked.maintain()
    assert (first.lost, first.next_ms) == (0, 30)
    clocked.clock.now_ms += first.next_ms
    assert clocked.maintain().lost == 1


def test_a_lease_that_runs_is_left_alone(ledger: Ledger) -> None:
    """Another claim now would be a second call beside the first."""
    ledger.add(1)
    ledger.take_one()

    assert ledger.maintain().lost == 0
    assert is_empty(ledger.claim())


def test_a_lost_job_that_was_cancelled_ends_uncertain(ledger: Ledger) -> None:
    """No further call is made, and nobody knows of the one that was."""
    ledger.add(1)
    local_id, _ = ledger.take_one()
    ledger.cancel(local_id)
    ledger.lose_leases()

    assert ledger.state(local_id) is JobState.UNCERTAIN


def test_renewing_keeps_a_lease(ledger: Ledger) -> None:
    """A slow call is no dead worker."""
    ledger.add(1)
    leased = ledger.take_one()
    ledger.run_out("leases")

    assert ledger.renew(leased) == Renewed(1, wakeup="")
    assert ledger.redis.zscore(ledger.key("leases"), leased[0]) > ledger.now_ms() + LEASE_MS - 5_000
    assert ledger.maintain().lost == 0


def test_a_lost_lease_stays_lost(ledger: Ledger) -> None:
    """Renewing it would take the job from the worker that has it now."""
    ledger.add(1)
    lost = ledger.take_one()
    ledger.lose_leases()
    assert ledger.renew(lost).leases == 0
    newer = ledger.take_one()

    assert ledger.renew(lost).leases == 0
    assert ledger.renew(lost, newer).leases == 1


def test_an_ended_job_has_no_lease_to_renew(ledger: Ledger) -> None:
    """The renewal and the result may cross."""
    ledger.add(1)
    leased = ledger.take_one()
    ledger.finish(*leased, "sent", contact_id="contact-1")

    assert ledger.renew(leased).leases == 0


def test_many_lost_leases_are_ended_in_several_looks(ledger: Ledger) -> None:
    """One look must not hold the server for long, and the next comes at once."""
    ledger.add(150, watched=False)
    ledger.take(150)
    ledger.run_out("leases")

    first = ledger.maintain()
    assert (first.lost, first.next_ms) == (100, 0)
    assert ledger.maintain().lost == 50
    assert ledger.counts() == {"accepted": 150, "waiting": 150}


def test_a_job_expires_where_it_waits(ledger: Ledger) -> None:
    """Expiry has its own index, so that it finds also jobs that no claim comes to."""
    name = lane(tenant="acme")
    now = ledger.now_ms()
    (local_id,) = ledger.add(1, lane=name, send_at_ms=now + HOUR_MS, expires_ms=now + DAY_MS)
    ledger.run_out("expiry")

    assert ledger.maintain().expired == 1
    assert ledger.state(local_id) is JobState.EXPIRED
    assert ledger.request(local_id) == ""
    assert ledger.counts() == {"accepted": 1, "expired": 1}


def test_expiry_comes_by_the_servers_clock(clocked: ClockedLedger) -> None:
    """A promotion that ends at noon is not sent at one."""
    (local_id,) = clocked.add(1, expires_ms=clocked.now_ms() + 40)

    first = clocked.maintain()
    assert (first.expired, first.next_ms) == (0, 40)
    clocked.clock.now_ms += first.next_ms
    assert clocked.maintain().expired == 1
    assert clocked.state(local_id) is JobState.EXPIRED


def test_a_job_expires_after_the_max_age_past_its_due_time(ledger: Ledger) -> None:
    """Friday's backlog does not text on Tuesday."""
    ahead = ledger.now_ms() + DAY_MS
    (now_id,) = ledger.add(1)
    (ahead_id,) = ledger.add(1, send_at_ms=ahead)

    head = ledger.head(now_id)
    assert head[Field.EXPIRES] == head[Field.CREATED] + DAY_MS
    assert ledger.head(ahead_id)[Field.EXPIRES] == ahead + DAY_MS


def test_a_claim_never_gives_an_expired_job(ledger: Ledger) -> None:
    """Between two looks of the waker a pump may come first."""
    ledger.add(1, expires_ms=1)
    (alive,) = ledger.add(1)

    assert ledger.take().ids == [alive]
    assert ledger.counts() == {"accepted": 2, "expired": 1, "leased": 1}


def test_an_expired_job_takes_no_token(ledger: Ledger) -> None:
    """The allowance belongs to jobs that are called."""
    ledger.configure(rate=0.001, burst=1, version="v2")
    ledger.add(3, expires_ms=1)
    (alive,) = ledger.add(1)

    assert ledger.take().ids == [alive]


def test_a_job_does_not_expire_while_it_is_called(ledger: Ledger) -> None:
    """The answer of the call decides; expiry is looked at again a moment later."""
    ledger.add(1)
    local_id, claim = ledger.take_one()
    ledger.rewrite(local_id, {Field.EXPIRES: 1})
    ledger.run_out("expiry")

    found = ledger.maintain()
    assert (found.expired, ledger.state(local_id)) == (0, JobState.SENDING)
    assert 0 < found.next_ms <= 1000
    ledger.finish(local_id, claim, "retry", code="unreachable")
    ledger.run_out("expiry")
    assert ledger.maintain().expired == 1


@pytest.mark.parametrize("due_ms", [0, HOUR_MS])
def test_expiry_takes_a_lane_out_of_the_ring(ledger: Ledger, due_ms: int) -> None:
    """A lane without jobs would cost every claim a look."""
    ledger.add(1, lane=lane(tenant="acme"), send_at_ms=ledger.now_ms() + due_ms if due_ms else 0)
    ledger.run_out("expiry")
    ledger.maintain()

    assert not [key for key in ledger.names() if key.startswith(("lane:", "timed:", "ring:", "delayed"))]


def test_the_waker_leaves_its_name_and_version(ledger: Ledger) -> None:
    """`doctor` tells from it which workers live and whether their settings agree."""
    ledger.redis.zadd(ledger.keys.workers, {"worker-0 v0": ledger.now_ms() - 61_000})
    ledger.maintain(worker="worker-1", version="v1")
    ledger.maintain(worker="worker-2", version="v2")

    assert ledger.redis.zrange(ledger.keys.workers, 0, -1) == ["worker-1 v1", "worker-2 v2"]


@pytest.mark.parametrize("step_ms", [1_000, HOUR_MS])
def test_a_clock_that_steps_back_stops_neither_leases_nor_pumps_nor_numbers(
    clocked: ClockedLedger, step_ms: int
) -> None:
    """A server restored from an hour ago must not wait for an hour, nor end the leases given since."""
    clocked.configure(senders={"sms": {"number_rate": 1_000}}, version="v2")
    clocked.add(2)
    before = clocked.take(1)
    clocked.maintain()
    clocked.clock.now_ms -= step_ms
    since = clocked.take(1)
    clocked.maintain()

    leases = dict(clocked.redis.zrange(clocked.key("leases"), 0, -1, withscores=True))
    assert leases == dict.fromkeys([*before.ids, *since.ids], clocked.now_ms() + LEASE_MS)
    assert all(
        score < clocked.now_ms() + 60_000
        for _, score in clocked.redis.zrange(clocked.key("pumps"), 0, -1, withscores=True)
    )
    assert [float(one.split()[1]) <= clocked.now_ms() for one in clocked.redis.hvals(clocked.key("numbers"))] == [True]
