"""Waking: new work finds a pump or has one brought, and signals never pile up."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from outbound_chat.doctor.budgets import budget_checks
from outbound_chat.model.diagnostics import Level
from outbound_chat.model.errors import StoreError
from outbound_chat.model.ids import new_local_id
from outbound_chat.store import ScriptCall, scripts
from outbound_chat.store.scripts import Claimed, Empty, Outcome, Result
from outbound_chat_config import Settings
from tests.support.waiting import wait_until

from .ledger import BUDGET, HOUR_MS, LEASE_MS, PUMP, Ledger, new_job

LINGER_MS = 1000


def signals(ledger: Ledger) -> tuple[int, int]:
    """Lengths of the lists `poke` and `wake`."""
    return ledger.redis.llen(ledger.keys.poke), ledger.redis.llen(ledger.keys.wake)


def test_new_work_pokes_the_waiting_pump_once(ledger: Ledger) -> None:
    """The pump is there already: a message through the broker would cost milliseconds and CPU."""
    assert ledger.claim(linger_ms=LINGER_MS) == Empty(waiting=True, until_ms=-1)
    ledger.add(1)
    assert signals(ledger) == (1, 0)
    assert ledger.store.wait_for_signal([ledger.keys.poke], 1) == (ledger.keys.poke, "1")

    ledger.add(1)
    assert signals(ledger) == (0, 0)


def test_new_work_without_a_pump_wakes_one_waker(ledger: Ledger) -> None:
    """A thousand jobs a second must bring one pump and not a thousand messages."""
    ledger.add(1)
    assert signals(ledger) == (0, 1)
    assert "pump_asked" in ledger.names()
    assert ledger.store.wait_for_signal([ledger.keys.wake, ledger.keys.poke], 1) == (ledger.keys.wake, ledger.asked())

    ledger.add(1)
    assert signals(ledger) == (0, 0)


def test_a_request_that_nobody_answered_is_made_again(ledger: Ledger) -> None:
    """The message may have been lost with the broker. Its second makes the waker do it: no job pays for that."""
    ledger.add(1)
    assert 0 < ledger.ttl_ms("pump_asked") <= 2000
    ledger.forget_request()
    ledger.redis.delete(ledger.keys.wake)
    ledger.add(1)

    assert signals(ledger) == (0, 0)
    assert ledger.maintain().wakeup == ledger.asked()


def test_the_lists_never_hold_more_than_one_element(ledger: Ledger) -> None:
    """Signals that nobody reads must not pile up, and they go away by themselves."""
    for _ in range(3):
        ledger.add(1)
        ledger.forget_request()
        assert signals(ledger)[1] == 1
    ledger.take()
    for _ in range(3):
        ledger.claim(linger_ms=LINGER_MS)
        ledger.add(1)
        assert signals(ledger)[0] == 1
        ledger.take()

    assert 0 < ledger.ttl_ms("poke") <= 5_000
    assert 0 < ledger.ttl_ms("wake") <= 60_000


def test_a_busy_pump_is_not_signalled(ledger: Ledger) -> None:
    """It finds the work with its next claim."""
    ledger.add(1)
    ledger.redis.delete(ledger.keys.wake)
    ledger.claim(first=True)
    ledger.add(1)

    assert signals(ledger) == (0, 0)


def test_work_far_ahead_signals_nobody(ledger: Ledger) -> None:
    """The waker knows when it is due."""
    ledger.add(1, send_at_ms=ledger.now_ms() + HOUR_MS)

    assert signals(ledger) == (0, 0)
    assert "pump_asked" not in ledger.names()
    assert HOUR_MS - 5_000 < ledger.maintain().next_ms <= HOUR_MS


def test_a_submit_that_took_nothing_signals_nobody(ledger: Ledger) -> None:
    """Repeats bring no work."""
    job = new_job(idem="key-1", fingerprint="print-1")
    ledger.submit(job)
    ledger.forget_request()
    ledger.redis.delete(ledger.keys.wake)
    ledger.submit(job)
    ledger.submit(new_job(idem="key-1", fingerprint="print-1"), watched=False)

    assert signals(ledger) == (0, 0)


def test_one_pump_waits_and_the_next_leaves(ledger: Ledger) -> None:
    """One is enough to hear of new work; threads are wanted by other budgets."""
    assert ledger.claim(pump="pump-1", linger_ms=LINGER_MS) == Empty(waiting=True, until_ms=-1)
    assert ledger.claim(pump="pump-2", linger_ms=LINGER_MS) == Empty(waiting=False, until_ms=-1)
    assert ledger.claim(pump="pump-1", linger_ms=LINGER_MS) == Empty(waiting=True, until_ms=-1)


def test_a_pump_that_would_not_wait_is_not_registered(ledger: Ledger) -> None:
    """A poke for it would be lost."""
    assert ledger.claim(linger_ms=0) == Empty(waiting=False, until_ms=-1)
    assert "waiting" not in ledger.names()


def test_a_registration_outlives_the_wait_by_little(ledger: Ledger) -> None:
    """A pump that was killed while it waited must not swallow pokes for long."""
    claim = scripts.claim(
        ledger.keys, pump=PUMP, claim_id=new_local_id(), wanted=1, lease_ms=LEASE_MS, linger_ms=LINGER_MS, nonce=""
    )
    assert ledger.at_once(claim, "waiting") == [Empty(waiting=True, until_ms=-1), LINGER_MS + 500]


def test_a_pump_that_claims_waits_no_more(ledger: Ledger) -> None:
    """Work that comes while it calls must not be announced to it alone."""
    ledger.claim(linger_ms=LINGER_MS)
    ledger.add(1)
    ledger.redis.set(ledger.key("waiting"), "pump-1", px=LINGER_MS)
    ledger.take(pump="pump-1")

    assert "waiting" not in ledger.names()


def test_a_claim_of_all_there_is_waits_for_more_at_once(ledger: Ledger) -> None:
    """A second claim, which would find nothing, would only hold up the calls of these."""
    ledger.add(1, send_at_ms=ledger.now_ms() + HOUR_MS)
    ledger.add(2)
    ledger.redis.delete(ledger.keys.wake)
    answer = ledger.claim(linger_ms=LINGER_MS)
    assert isinstance(answer, Claimed)
    assert answer.waiting
    assert 0 < answer.until_ms <= HOUR_MS
    ledger.add(1)
    assert signals(ledger) == (1, 0)


def test_a_claim_that_left_work_or_would_not_wait_is_not_registered(ledger: Ledger) -> None:
    """It claims again at once; another pump may be poked meanwhile."""
    ledger.add(3)
    for wanted, linger_ms in ((1, LINGER_MS), (2, LINGER_MS)):
        answer = ledger.claim(wanted=wanted, linger_ms=linger_ms)
        assert isinstance(answer, Claimed)
        assert not answer.waiting
    ledger.add(1)
    answer = ledger.claim(linger_ms=0)
    assert isinstance(answer, Claimed)
    assert not answer.waiting
    assert "waiting" not in ledger.names()


def _claim(ledger: Ledger, linger_ms: int = LINGER_MS) -> ScriptCall[Any]:
    return scripts.claim(
        ledger.keys,
        pump=PUMP,
        claim_id=new_local_id(),
        wanted=10,
        lease_ms=LEASE_MS,
        linger_ms=linger_ms,
        nonce="",
    )


@pytest.mark.parametrize("lost", [False, True], ids=["known", "lost"])
def test_a_poke_is_answered_with_the_job(ledger: Ledger, *, lost: bool) -> None:
    """The claim is sent behind the wait, and finds what ended it, also on a server that has lost the functions."""
    ledger.claim(linger_ms=60_000)
    with ThreadPoolExecutor(1) as pool:
        heard = pool.submit(ledger.store.run_at_signal, ledger.keys.poke, 60.0, _claim(ledger))
        wait_until(lambda: ledger.redis.info("clients")["blocked_clients"] == 1, what="a pump that listens")
        (id_,) = ledger.add(1)
        if lost:
            ledger.redis.function_flush()
        refused, answer = heard.result(60)
    assert refused is None
    assert isinstance(answer, Claimed)
    assert [job.local_id for job in answer.jobs] == [id_]


def test_a_wait_that_nobody_ends_claims_all_the_same(ledger: Ledger) -> None:
    """What fell due by time has no poke."""
    refused, answer = ledger.store.run_at_signal(ledger.keys.poke, 0.0, _claim(ledger))
    assert (refused, answer) == (None, Empty(waiting=True, until_ms=-1))


def test_a_wait_that_redis_refuses_is_reported_beside_the_answer(ledger: Ledger) -> None:
    """Else a pump would claim without a pause, as long as another program's value is in the place of the list."""
    ledger.redis.set(ledger.keys.poke, "strange")
    refused, answer = ledger.store.run_at_signal(ledger.keys.poke, 60.0, _claim(ledger, 0))
    assert "another type" in str(refused)
    assert answer == Empty(waiting=False, until_ms=-1)
    ledger.redis.delete(ledger.keys.poke)


def test_results_and_the_next_claim_go_together(ledger: Ledger) -> None:
    """In this order: what ends makes room. An error of one leaves the answer of the other."""
    ledger.add(2)
    local_id, claim_id = ledger.take_one()
    result = Result(local_id=local_id, claim=claim_id, outcome=Outcome.SENT, contact_id="contact-1")
    finish, claim = scripts.finish(ledger.keys, [result]), _claim(ledger, 0)
    states, answer = ledger.store.run_together([finish, claim])
    assert states == ["sent"]
    assert isinstance(answer, Claimed)
    ledger.add(1)
    refused, answer = ledger.store.run_together([replace(claim, args=[PUMP, "claim", "many", 1, 0, ""]), claim])
    assert isinstance(refused, StoreError)
    assert isinstance(answer, Claimed)


def test_the_first_claim_of_a_pump_ends_the_wait_for_it(ledger: Ledger) -> None:
    """From then on another one may be asked for."""
    ledger.add(3)
    ledger.claim(wanted=2)
    assert "pump_asked" in ledger.names()
    ledger.claim(pump="pump-2", wanted=5, first=True)

    assert "pump_asked" not in ledger.names()


def test_a_pump_that_leaves_is_poked_no_more(ledger: Ledger) -> None:
    """The poke would be lost; the wakers hear of the work instead."""
    ledger.claim(linger_ms=LINGER_MS)
    ledger.leave()
    ledger.add(1)

    assert signals(ledger) == (0, 1)


def test_the_waker_asks_when_due_work_has_no_pump(ledger: Ledger) -> None:
    """Each signal may be lost: with its worker, with the broker, with Redis."""
    ledger.add(1)
    assert not ledger.maintain().wakeup, "one is on its way"
    ledger.forget_request()

    assert ledger.maintain().wakeup
    assert not ledger.maintain(worker="worker-2").wakeup, "the first waker brings it"


def test_the_waker_asks_for_nobody_while_a_pump_lives(ledger: Ledger) -> None:
    """Once a second, in every worker: it must be right."""
    ledger.add(5)
    ledger.claim(wanted=1, first=True)
    ledger.forget_request()

    assert not ledger.maintain().wakeup


def test_the_waker_asks_when_the_pump_has_died(ledger: Ledger) -> None:
    """A pump says every second that it lives; one that is silent is gone."""
    ledger.add(5)
    ledger.claim(wanted=1, first=True)
    ledger.forget_request()
    ledger.run_out("pumps")

    assert ledger.maintain().wakeup


def test_the_waker_asks_for_work_that_became_due(ledger: Ledger) -> None:
    """Nobody else looks at a job scheduled for the middle of the night."""
    ledger.add(1, send_at_ms=ledger.now_ms() + HOUR_MS)
    assert not ledger.maintain().wakeup
    for name in ledger.names():
        if name == "delayed" or name.startswith("timed:"):
            ledger.run_out(name)

    assert ledger.maintain().wakeup


def test_the_waker_asks_for_nobody_when_nothing_is_due(ledger: Ledger) -> None:
    """An idle budget has no pump."""
    maintained = ledger.maintain()
    assert (maintained.wakeup, maintained.next_ms, maintained.configured, maintained.courier) == ("", -1, True, False)
    assert not maintained.lost + maintained.expired


def test_doctor_says_that_nobody_takes_up_the_work(ledger: Ledger) -> None:
    """A worker that was started with -Q eats no message of ours, and says nothing of it in its log."""
    budget = Settings.from_values(budgets={BUDGET: {"rate": 10_000, "burst": 10_000}}).budgets[BUDGET]

    def faults() -> list[str]:
        return [check.finding for check in budget_checks(ledger.store, BUDGET, budget) if check.level is Level.FAULT]

    ledger.add(1)
    ledger.maintain()
    assert faults() == []
    for _ in range(2):
        ledger.forget_request()
        ledger.maintain()
    assert ["none started" in finding for finding in faults()] == [True]

    ledger.claim(wanted=1, first=True)
    assert faults() == []
