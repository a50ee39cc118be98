"""Pumps: as many as the work needs and the settings allow, asked for one at a time."""

import pytest

from outbound_chat.store import ScriptCall, scripts
from outbound_chat.store.records import Field
from outbound_chat.store.scripts import Claimed, Dismissed, Paced, Renewed

from .ledger import HOUR_MS, LEASE_MS, PUMP, Ledger


def full_claim(ledger: Ledger, pump: str, *, first: bool = False, wanted: int = 10) -> bool:
    """Whether a claim asks for one more pump."""
    answer = ledger.claim(pump=pump, first=first, wanted=wanted)
    assert isinstance(answer, Claimed)
    return bool(answer.wakeup)


def renewal(ledger: Ledger) -> ScriptCall[Renewed]:
    """Of a pump whose threads are all busy."""
    return scripts.renew(ledger.keys, pump="pump-1", load="full", lease_ms=LEASE_MS, leased=())


@pytest.mark.parametrize("max_pumps", [2, 3])
def test_a_full_claim_asks_for_more_pumps_up_to_the_most(ledger: Ledger, max_pumps: int) -> None:
    """A backlog is worked off with all the machines there are, one more at a time."""
    ledger.configure(max_pumps=max_pumps, version="v2")
    ledger.add(100, watched=False)

    for pump in range(1, max_pumps):
        assert full_claim(ledger, f"pump-{pump}", first=True)
        assert not full_claim(ledger, f"pump-{pump}"), "one is on its way"
    assert not full_claim(ledger, f"pump-{max_pumps}", first=True)


def test_a_claim_that_was_not_full_asks_for_nobody(ledger: Ledger) -> None:
    """The pump has idle threads itself."""
    ledger.add(3)

    assert not full_claim(ledger, "pump-1", first=True)


def test_a_full_claim_of_the_last_jobs_asks_for_nobody(ledger: Ledger) -> None:
    """A pump that comes for nothing costs a message."""
    ledger.add(3)

    assert not full_claim(ledger, "pump-1", first=True, wanted=3)


def test_a_full_claim_that_took_the_last_token_asks_for_nobody(ledger: Ledger) -> None:
    """Where the pace is the limit, more pumps only wait."""
    ledger.configure(rate=1, burst=3, version="v2")
    ledger.add(10)

    assert not full_claim(ledger, "pump-1", first=True, wanted=3)


def test_a_pump_that_leaves_due_work_asks_for_a_successor(ledger: Ledger) -> None:
    """A slice of a few seconds ends, the backlog does not."""
    ledger.add(5)
    ledger.claim(wanted=2, first=True)
    ledger.forget_request()

    assert ledger.leave()


def test_a_pump_that_leaves_nothing_asks_for_nobody(ledger: Ledger) -> None:
    """An idle budget must cost nothing."""
    ledger.add(1)
    ledger.add(1, send_at_ms=ledger.now_ms() + HOUR_MS)
    ledger.claim(first=True)

    assert not ledger.leave()
    assert not [name for name in ledger.names() if name == "pumps" or name.startswith("claims:")]


def test_a_warm_pump_asks_for_a_successor(ledger: Ledger) -> None:
    """While jobs trickle in, the next must find somebody who waits."""
    ledger.add(1)
    ledger.claim(first=True)

    assert ledger.leave(warm=True)


def test_a_pump_that_is_not_the_last_asks_for_nobody(ledger: Ledger) -> None:
    """The others do the work."""
    ledger.add(5)
    ledger.claim(pump="pump-1", wanted=1)
    ledger.claim(pump="pump-2", wanted=1, first=True)
    ledger.forget_request()

    assert not ledger.leave(pump="pump-1")
    assert ledger.leave(pump="pump-2")


def test_nobody_is_asked_while_the_next_call_is_far(ledger: Ledger) -> None:
    """At a call a minute a pump would only sit and wait."""
    ledger.configure(rate=1 / 60, burst=1, version="v2")
    ledger.add(3)
    ledger.claim(first=True)

    assert not ledger.renew().wakeup
    assert not ledger.leave()
    assert not ledger.maintain().wakeup
    ledger.shift_bucket(-59_500)
    assert ledger.maintain().wakeup


def test_a_busy_pump_asks_for_another_when_work_is_due(ledger: Ledger) -> None:
    """All its threads may hang in slow calls while one-time codes wait."""
    ledger.add(5)
    ledger.claim(wanted=1, first=True)
    ledger.forget_request()

    first, second = ledger.at_once(renewal(ledger), renewal(ledger))
    assert first.wakeup
    assert not second.wakeup, "one is on its way"


def test_a_busy_pump_asks_for_nobody_past_the_most_or_without_work(ledger: Ledger) -> None:
    """`max_pumps` holds for every way to ask."""
    ledger.configure(max_pumps=1, version="v2")
    ledger.add(2)
    ledger.claim(wanted=1, first=True)
    assert not ledger.renew().wakeup

    ledger.configure(max_pumps=4, version="v3")
    ledger.take()
    assert not ledger.renew().wakeup


def test_a_busy_pump_stays_alive_by_renewing(ledger: Ledger) -> None:
    """A call may last longer than a pump may be silent."""
    ledger.add(2)
    ledger.claim(wanted=1, first=True)
    ledger.forget_request()
    ledger.run_out("pumps")
    ledger.configure(max_pumps=1, version="v2")
    ledger.renew()

    assert not ledger.maintain().wakeup


def test_a_pump_that_signed_off_keeps_its_leases_and_not_its_place(ledger: Ledger) -> None:
    """It only ends its last call, which may take long: the work goes on with another."""
    ledger.add(2)
    taken = ledger.take(1)
    ledger.forget_request()
    ledger.run_out("pumps")

    assert ledger.renew((taken.ids[0], taken.claim), load="left") == Renewed(1, wakeup="")
    assert ledger.maintain().wakeup


def test_the_last_pump_gets_a_successor_whatever_was_asked_for_before(ledger: Ledger) -> None:
    """A request for one more pump may have been let go by: work must not stand still until it runs out."""
    ledger.configure(max_pumps=2, version="v2")
    ledger.add(100, watched=False)
    assert full_claim(ledger, "pump-1", first=True)

    assert ledger.leave(pump="pump-1")


def test_a_pump_with_room_asks_for_no_other(ledger: Ledger) -> None:
    """It is the pace that holds the jobs: a second pump could do no more."""
    ledger.add(2)
    taken = ledger.take(1)
    ledger.forget_request()

    assert not ledger.renew((taken.ids[0], taken.claim), load="idle").wakeup
    assert ledger.renew((taken.ids[0], taken.claim), load="full").wakeup


def test_a_pump_that_comes_on_an_old_request_is_dismissed(ledger: Ledger) -> None:
    """Messages that waited in a busy broker all arrive at once: one brings a pump, the others must cost nothing."""
    ledger.add(5)
    old = ledger.asked()
    ledger.forget_request()
    new = ledger.maintain().wakeup
    assert old != new
    ledger.claim(pump="pump-1", nonce=new, wanted=1)

    assert ledger.claim(pump="pump-2", nonce=old) == Dismissed()
    assert ledger.claim(pump="pump-3", nonce=new) == Dismissed(), "a doubled message is as good as an old one"
    assert ledger.redis.zrange(ledger.key("pumps"), 0, -1) == ["pump-1"]


def test_a_pump_that_comes_on_an_old_request_works_when_nobody_else_does(ledger: Ledger) -> None:
    """The work matters, and not which message brought the pump; then the newer request brings no second one."""
    ledger.add(5)
    old = ledger.asked()
    ledger.forget_request()
    new = ledger.maintain().wakeup

    assert isinstance(ledger.claim(pump="pump-1", nonce=old, wanted=1), Claimed)
    assert ledger.claim(pump="pump-2", nonce=new) == Dismissed()


def test_an_old_request_brings_no_pump_once_a_later_one_has(ledger: Ledger) -> None:
    """With too few slots messages pile up: if each brought a pump, and that one a successor, they would never end."""
    ledger.add(5)
    nonces = [ledger.asked()]
    for _ in range(3):
        ledger.forget_request()
        nonces.append(ledger.maintain().wakeup)
    ledger.claim(pump="pump-1", nonce=nonces[0], wanted=1)
    successor = ledger.leave(pump="pump-1")
    ledger.forget_request()
    latest = ledger.maintain().wakeup

    assert [ledger.claim(pump=nonce, nonce=nonce) for nonce in nonces] == [Dismissed()] * 4
    assert isinstance(ledger.claim(pump="pump-2", nonce=successor, wanted=1), Claimed)
    ledger.leave(pump="pump-2")
    assert ledger.claim(pump="pump-3", nonce=latest) == Dismissed()


def test_a_message_without_a_nonce_brings_a_pump(ledger: Ledger) -> None:
    """Workers of an older version share the broker during an upgrade."""
    ledger.add(5)
    ledger.claim(pump="pump-1", wanted=1, first=True)

    assert isinstance(ledger.claim(pump="pump-2", nonce=""), Claimed)


def test_a_first_claim_whose_answer_was_lost_is_not_dismissed_when_repeated(ledger: Ledger) -> None:
    """The request was answered by that very claim."""
    ledger.configure(rate=0.001, burst=1, version="v2")
    ledger.add(2)
    ledger.claim(pump="pump-1", wanted=1, first=True)
    ledger.forget_request()
    ledger.shift_bucket(-2_000_000)
    nonce = ledger.renew(pump="pump-1").wakeup
    ledger.shift_bucket(2_000_000)

    first = ledger.claim(pump="pump-2", claim_id="claim-1", nonce=nonce)
    assert isinstance(first, Paced)
    assert isinstance(ledger.claim(pump="pump-2", claim_id="claim-1", nonce=nonce), Paced)


def test_each_unanswered_request_doubles_the_time_to_the_next(ledger: Ledger) -> None:
    """While all workers are busy, every message more only waits in the broker with the others."""
    ledger.add(5)
    waits = []
    for _ in range(5):
        ledger.forget_request()
        maintained, wait_ms = ledger.at_once(
            scripts.maintain(ledger.keys, worker="w", version="v1", key_ids=()), "pump_asked"
        )
        assert maintained.wakeup
        waits.append(wait_ms)

    assert waits == [4_000, 8_000, 16_000, 30_000, 30_000]
    ledger.claim(first=True, wanted=1)
    leave = scripts.leave(ledger.keys, pump=PUMP, warm=False, unanswered="")
    assert ledger.at_once(leave, "pump_asked")[1] == 2_000, "a pump came"


def test_unanswered_requests_for_one_more_pump_grow_rare_too(ledger: Ledger) -> None:
    """A process that keeps up with its pump lets their messages go by."""
    ledger.add(5)
    assert full_claim(ledger, "pump-1", first=True, wanted=1)
    waits = []
    for _ in range(6):
        ledger.forget_request()
        renewed, wait_ms = ledger.at_once(renewal(ledger), "pump_asked")
        assert renewed.wakeup
        waits.append(wait_ms)

    assert waits == [500, 1_000, 2_000, 4_000, 8_000, 8_000]


def test_a_request_for_one_more_does_not_stand_in_the_way_of_one_that_is_needed(ledger: Ledger) -> None:
    """It may be let go by, and stand for seconds."""
    ledger.add(5)
    ledger.claim(wanted=1, first=True)
    ledger.forget_request()
    assert ledger.renew().wakeup
    ledger.run_out("pumps")

    assert ledger.maintain().wakeup
    assert not ledger.maintain().wakeup


def test_a_leaving_pump_hands_back_the_jobs_of_a_claim_it_got_no_answer_to(ledger: Ledger) -> None:
    """Nobody called them: they must not wait for the end of a lease, and then count as perhaps sent."""
    ledger.configure(rate=0.001, burst=5, version="v2")
    ids = ledger.add(4)
    called = ledger.take(1)
    answer = ledger.claim(claim_id="lost", wanted=2)
    assert isinstance(answer, Claimed)
    for _ in range(2):
        ledger.leave(unanswered="lost")

    assert ledger.counts() == {"accepted": 4, "waiting": 3, "leased": 1}
    assert ledger.redis.zrange(ledger.key("leases"), 0, -1) == called.ids
    later = ledger.take(4, pump="pump-2")
    assert {*later.ids, *called.ids} == set(ids)
    assert {(job.attempts, job.maybe_sent) for job in later.jobs} == {(1, False)}
    ledger.add(2)
    assert len(ledger.take(2).jobs) == 1, "the tokens came back once"


def test_a_leaving_pump_hands_back_nothing_that_another_claim_holds(ledger: Ledger) -> None:
    """Its lease ran out meanwhile, and another pump calls the job."""
    ledger.add(1)
    ledger.claim(claim_id="lost")
    ledger.lose_leases()
    taken = ledger.take(pump="pump-2")
    ledger.leave(unanswered="lost")

    assert ledger.head(taken.ids[0])[Field.CLAIM] == taken.claim
    assert ledger.counts() == {"accepted": 1, "leased": 1}


def test_a_claim_that_reaches_redis_after_its_pump_has_left_takes_nothing(ledger: Ledger) -> None:
    """A server that hung works off what waits in its sockets, in any order."""
    ledger.add(3)
    ledger.leave(unanswered="late")

    answer = ledger.claim(claim_id="late")
    assert isinstance(answer, Claimed)
    assert answer.jobs == ()
    assert ledger.counts() == {"accepted": 3, "waiting": 3}


def test_a_pump_that_leaves_lets_nobody_burst(ledger: Ledger) -> None:
    """Scripts share the libraries of one Lua for as long as the server runs: what one changes there, all have."""
    ledger.configure(rate=1, burst=1, version="v2")
    ledger.add(5)
    ledger.leave()
    ledger.take(1)
    ledger.shift_bucket(-60_000)

    assert len(ledger.take(5).jobs) == 1
