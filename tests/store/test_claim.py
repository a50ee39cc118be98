"""Claim: who gets which job, once."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from outbound_chat.model.ids import new_local_id
from outbound_chat.model.jobs import JobState
from outbound_chat.store import scripts
from outbound_chat.store.scripts import Claimed, Empty, Paced, Unconfigured

from .clocked import ClockedLedger
from .ledger import HOUR_MS, LEASE_MS, REQUEST, Ledger, is_empty, is_paced, lane


def test_a_claimed_job_is_sending_under_a_lease(ledger: Ledger) -> None:
    """The lease is all that brings the job back should its worker die."""
    (local_id,) = ledger.add(1, token="token-1")
    taken = ledger.take()

    (job,) = taken.jobs
    assert (job.local_id, job.attempts, job.sender, job.batch, job.token) == (local_id, 1, "sms", "", "token-1")
    assert job.request == REQUEST
    assert ledger.state(local_id) is JobState.SENDING
    assert ledger.redis.zscore(ledger.key("leases"), local_id) == job.claimed_ms + LEASE_MS


def test_a_claim_that_is_repeated_gives_the_same_jobs_and_takes_tokens_once(ledger: Ledger) -> None:
    """A claim whose answer was lost on the way would strand its jobs until their leases ran out."""
    ledger.configure(rate=0.001, burst=5, version="v2")
    ledger.add(5)
    first = ledger.claim(claim_id="claim-1", wanted=2)
    second = ledger.claim(claim_id="claim-1", wanted=2)

    assert isinstance(first, Claimed)
    assert isinstance(second, Claimed)
    assert (second.jobs, second.pace_ms, second.wakeup) == (first.jobs, first.pace_ms, first.wakeup)
    assert ledger.counts() == {"accepted": 5, "waiting": 3, "leased": 2}
    assert len(ledger.take(5).jobs) == 3


def test_a_repeated_claim_gives_no_job_that_was_finished_meanwhile(ledger: Ledger) -> None:
    """Its call has been made; a second one would be a second message."""
    ledger.add(2)
    answer = ledger.claim(claim_id="claim-1")
    assert isinstance(answer, Claimed)
    ledger.finish(answer.jobs[0].local_id, "claim-1", "sent", contact_id="contact-1")
    again = ledger.claim(claim_id="claim-1")

    assert isinstance(again, Claimed)
    assert again.jobs == answer.jobs[1:]


def test_two_pumps_never_get_the_same_job(ledger: Ledger) -> None:
    """Two claims of one job are two calls for one customer."""
    ids = ledger.add(200, watched=False)

    def work(pump: int) -> list[str]:
        found: list[str] = []
        while True:
            answer = ledger.store.run(
                scripts.claim(
                    ledger.keys,
                    pump=f"pump-{pump}",
                    claim_id=new_local_id(),
                    wanted=7,
                    lease_ms=LEASE_MS,
                    linger_ms=0,
                    nonce="",
                )
            )
            if not isinstance(answer, Claimed):
                return found
            found += [job.local_id for job in answer.jobs]

    with ThreadPoolExecutor(4) as pool:
        found = [id_ for ids_of_one in pool.map(work, range(4)) for id_ in ids_of_one]
    assert sorted(found) == sorted(ids)


def test_a_claim_gives_no_more_than_was_wanted(ledger: Ledger) -> None:
    """A pump claims for its idle threads; a job without a thread would lose its place in the pace."""
    ledger.add(5)

    assert len(ledger.take(3).jobs) == 3


def test_a_budget_nobody_configured_gives_nothing(bare_ledger: Ledger) -> None:
    """What can't be paced is not sent: an unknown limit is no permission."""
    bare_ledger.add(1)

    assert isinstance(bare_ledger.claim(), Unconfigured)
    assert bare_ledger.counts() == {"accepted": 1, "waiting": 1}
    assert not bare_ledger.maintain().wakeup


def test_configuring_tells_the_version_that_stood_before(bare_ledger: Ledger) -> None:
    """Two workers with different files are told so, instead of obeying them in turn."""
    assert bare_ledger.configure(version="v1") == ""
    assert bare_ledger.configure(version="v2") == "v1"
    assert bare_ledger.configure(version="v2") == "v2"


def test_a_job_ahead_costs_nothing_and_comes_when_it_is_due(clocked: ClockedLedger) -> None:
    """`send_at` is kept to the moment, without anybody polling for it."""
    (later,) = clocked.add(1, send_at_ms=clocked.now_ms() + HOUR_MS)
    answer = clocked.claim()

    assert isinstance(answer, Empty)
    assert answer.until_ms == HOUR_MS
    assert clocked.state(later) is JobState.SCHEDULED
    (soon,) = clocked.add(1, send_at_ms=clocked.now_ms() + 60)
    clocked.clock.now_ms += 59
    assert is_empty(clocked.claim())
    clocked.clock.now_ms += 1
    assert clocked.take().ids == [soon]


def test_lanes_that_are_not_due_are_out_of_the_ring(ledger: Ledger) -> None:
    """A thousand scheduled campaigns must not slow the claim of one message that is due now."""
    for tenant in range(20):
        ledger.add(1, lane=lane(tenant=f"tenant-{tenant}"), send_at_ms=ledger.now_ms() + HOUR_MS)
    (due,) = ledger.add(1)

    assert ledger.redis.zcard(ledger.key("delayed")) == 20
    assert ledger.redis.zrange(ledger.key("ring:2"), 0, -1) == [""]
    assert ledger.take().ids == [due]
    answer = ledger.claim()
    assert isinstance(answer, Empty)
    assert 0 < answer.until_ms <= HOUR_MS


def test_a_lane_with_a_job_ahead_still_gives_the_one_that_is_due(ledger: Ledger) -> None:
    """Due and scheduled jobs of one tenant share a lane."""
    ledger.add(1, send_at_ms=ledger.now_ms() + HOUR_MS)
    (due,) = ledger.add(1)

    assert ledger.take().ids == [due]
    assert is_empty(ledger.claim())


def test_a_lane_gives_its_jobs_by_due_time(ledger: Ledger) -> None:
    """First come, first served: a job that was due an hour ago goes before one of now."""
    (new,) = ledger.add(1)
    (old,) = ledger.add(1, send_at_ms=ledger.now_ms() - HOUR_MS)

    assert ledger.take().ids == [old, new]


def test_an_empty_budget_has_no_next_job(ledger: Ledger) -> None:
    """The pump then waits for a poke alone."""
    assert ledger.claim() == Empty(waiting=False, until_ms=-1)


def test_a_paced_claim_tells_when_to_ask_again(ledger: Ledger) -> None:
    """Asking earlier would only burn the server's time."""
    ledger.configure(rate=0.1, burst=1, version="v2")
    ledger.add(2)
    answer = ledger.claim()
    assert isinstance(answer, Claimed)
    assert len(answer.jobs) == 1
    assert 9_000 < answer.pace_ms <= 10_000

    paced = ledger.claim(pump="pump-2")
    assert isinstance(paced, Paced)
    assert 9_000 < paced.pace_ms <= 10_000
    assert paced.pumps == 2


@pytest.mark.parametrize("expired", [600, 1_100])
def test_many_expired_jobs_at_the_head_of_a_lane_do_not_hide_one_that_is_due(ledger: Ledger, expired: int) -> None:
    """After a weekend's outage the oldest jobs have expired; a pump that is told "empty" would wait for nothing."""
    ledger.add(expired, expires_ms=1, send_at_ms=ledger.now_ms() - HOUR_MS, watched=False)
    (alive,) = ledger.add(1)

    while isinstance(answer := ledger.claim(), Empty):
        assert answer.until_ms == 0, "the ledger says that nothing is due"
    assert isinstance(answer, Claimed)
    assert [job.local_id for job in answer.jobs] == [alive]
    assert ledger.counts()["expired"] == expired


def test_a_claim_past_the_allowance_is_paced_and_not_empty(ledger: Ledger) -> None:
    """The two lead a pump to different waits."""
    ledger.configure(rate=0.001, burst=1, version="v2")
    ledger.add(2)
    ledger.take()

    assert is_paced(ledger.claim(linger_ms=1000))
    assert "waiting" not in ledger.names()
