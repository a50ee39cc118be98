"""Records of a newer version: in a rolling upgrade they are left to its workers, and not taken for broken."""

from typing import Any

import pytest

from outbound_chat.model.errors import WrittenByNewerVersion
from outbound_chat.model.jobs import JobState
from outbound_chat.model.lanes import Lane
from outbound_chat.store import ScriptCall, scripts
from outbound_chat.store.records import RECORD_VERSION, Field
from outbound_chat.store.scripts import Claimed, Empty

from .ledger import KEEP_MS, LANE, LEASE_MS, Ledger

NEWER = RECORD_VERSION + 1


def make_newer(ledger: Ledger, *local_ids: str, version: int = NEWER) -> dict[str, str]:
    """As a worker of that version would store them; the records."""
    for local_id in local_ids:
        ledger.rewrite(local_id, {Field.VERSION: version})
    return {local_id: ledger.raw(local_id) for local_id in local_ids}


def make_ours(ledger: Ledger, *local_ids: str) -> None:
    """What the newer workers leave is none of the old ones' business; here the tests' own checks read it."""
    make_newer(ledger, *local_ids, version=RECORD_VERSION)


def test_a_claim_leaves_it_waiting(ledger: Ledger) -> None:
    """No attempt, no token, no place lost for ever; the others behind it are given."""
    name = ledger.open_batch()
    ids = ledger.add(3, lane=name, watched=False)
    ledger.close_batch(name)
    kept = make_newer(ledger, ids[0])
    answer = ledger.claim(claim_id="claim-1", wanted=2)

    assert isinstance(answer, Claimed)
    assert [job.local_id for job in answer.jobs] == ids[1:]
    assert answer.newer == 1
    assert {ids[0]: ledger.raw(ids[0])} == kept
    assert ledger.counts() == {"accepted": 3, "waiting": 1, "leased": 2}
    assert ledger.names().count("unreadable") == 0
    due = ledger.redis.zscore(ledger.key(f"timed:{name}"), "11")
    assert 0 < due - ledger.now_ms() <= 1_000
    make_ours(ledger, ids[0])


def test_a_claim_that_finds_nothing_else_says_so_and_when_to_come_again(ledger: Ledger) -> None:
    """A pump that asked again at once would keep Redis busy with nothing."""
    ids = ledger.add(5, watched=False)
    make_newer(ledger, *ids)
    answer = ledger.claim()

    assert isinstance(answer, Empty)
    assert answer.newer == 5
    assert 0 < answer.until_ms <= 1_000
    assert float(ledger.redis.hget(ledger.key("bucket"), "tokens")) > 9_999
    make_ours(ledger, *ids)


def test_a_long_lane_of_them_keeps_nobody_from_the_jobs_behind(ledger: Ledger) -> None:
    """A campaign of the newer version, and an old job after it."""
    ids = ledger.add(1_200, watched=False)
    make_newer(ledger, *ids)
    (old,) = ledger.add(1, watched=False)
    answers = [ledger.claim(pump=f"pump-{index}") for index in range(3)]

    assert [isinstance(answer, Empty) for answer in answers] == [True, True, False]
    assert isinstance(answers[0], Empty)
    assert answers[0].until_ms >= 100
    assert isinstance(answers[2], Claimed)
    assert [job.local_id for job in answers[2].jobs] == [old]
    make_ours(ledger, *ids)


def test_its_lease_is_left_to_newer_wakers(ledger: Ledger) -> None:
    """The lease of an old worker's own job beside it runs out as always."""
    ids = ledger.add(2, watched=False)
    taken = ledger.take()
    kept = make_newer(ledger, ids[0])
    ledger.run_out("leases")
    maintained = ledger.maintain()

    assert maintained.lost == 1
    assert maintained.next_ms >= 1_000
    assert ledger.raw(ids[0]) == kept[ids[0]]
    assert ledger.redis.zrange(ledger.key("leases"), 0, -1) == [ids[0]]
    assert ledger.renew((ids[0], taken.claim)).leases == 0
    assert ledger.finish(ids[0], taken.claim, "sent", contact_id="contact-1") == "newer"
    assert ledger.leave(unanswered=taken.claim) is not None
    assert ledger.raw(ids[0]) == kept[ids[0]]
    assert ledger.counts() == {"accepted": 2, "waiting": 1, "leased": 1}
    make_ours(ledger, ids[0])


def test_more_of_them_than_one_look_takes_hide_no_lost_lease(ledger: Ledger) -> None:
    """A waker looks at 100 at a time."""
    ids = ledger.add(150, watched=False)
    ledger.take(150)
    make_newer(ledger, *ids)
    ledger.run_out("leases")
    (old,) = ledger.add(1, watched=False)
    ledger.take(1)
    ledger.redis.zadd(ledger.key("leases"), {old: 2})

    assert ledger.maintain().lost == 1
    make_ours(ledger, *ids)


def test_it_expires_by_newer_wakers_alone(ledger: Ledger) -> None:
    """Whether it expires is for those to say who can read when."""
    ids = ledger.add(2, watched=False)
    kept = make_newer(ledger, ids[0])
    ledger.run_out("expiry")
    maintained = ledger.maintain()

    assert (maintained.expired, maintained.next_ms >= 1_000) == (1, True)
    assert ledger.raw(ids[0]) == kept[ids[0]]
    assert ledger.redis.zrange(ledger.key("expiry"), 0, -1) == [ids[0]]
    make_ours(ledger, ids[0])


def test_a_single_one_can_be_neither_read_nor_cancelled(ledger: Ledger) -> None:
    """Callers are told why, and what to do; an unknown job might be enqueued once more."""
    (local_id,) = ledger.add(1, watched=False)
    kept = make_newer(ledger, local_id)

    assert ledger.cancel(local_id) == "newer"
    asked: tuple[ScriptCall[Any], ...] = (
        scripts.read_jobs(ledger.keys, [local_id]),
        scripts.why(ledger.keys, local_id),
        scripts.read_request(ledger.keys, local_id),
    )
    for call in asked:
        with pytest.raises(WrittenByNewerVersion, match=f"job main.{local_id} was written by a newer version"):
            ledger.store.run(call)
    assert ledger.replay(local_id).outcome == "newer"
    assert ledger.raw(local_id) == kept[local_id]
    make_ours(ledger, local_id)


def test_an_order_to_cancel_stands_until_newer_wakers_see_to_it(ledger: Ledger) -> None:
    """Else they would send what was cancelled."""
    name = ledger.open_batch()
    ids = ledger.add(3, lane=name, watched=False)
    scope = f"batch:{Lane.parse(name).batch}"
    kept = make_newer(ledger, ids[0])

    assert sum(ledger.cancel_many(scope)) == 2
    assert ledger.raw(ids[0]) == kept[ids[0]]
    assert ledger.counts() == {"accepted": 3, "waiting": 1, "cancelled": 2}
    assert isinstance(ledger.claim(), Empty)
    assert ledger.maintain().next_ms != 20
    make_ours(ledger, ids[0])
    ledger.maintain()
    assert ledger.counts() == {"accepted": 3, "cancelled": 3}
    assert ledger.batch(name).final_at != 0


def test_once_it_can_be_read_it_is_sent_as_if_nothing_had_been(ledger: Ledger) -> None:
    """The worker was upgraded."""
    (local_id,) = ledger.add(1, lane=LANE)
    make_newer(ledger, local_id)
    ledger.store.run(
        scripts.claim(ledger.keys, pump="old", claim_id="1", wanted=1, lease_ms=LEASE_MS, linger_ms=0, nonce="")
    )
    make_ours(ledger, local_id)
    ledger.run_out(f"timed:{LANE}")
    ledger.run_out("delayed")
    claimed, claim = ledger.take_one()
    ledger.finish(claimed, claim, "sent", contact_id="contact-1")

    assert (ledger.state(local_id), ledger.job(local_id).attempts) == (JobState.SENT, 1)
    assert 0 < ledger.ttl_ms(f"j:{local_id}") <= KEEP_MS
