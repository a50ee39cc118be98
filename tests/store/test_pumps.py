"""Pumps: as many as the work needs and the settings allow, asked for one at a time."""

import pytest

from outbound_chat.store.calls import Claimed, Renewed

from .ledger import HOUR_MS, Ledger


def full_claim(ledger: Ledger, pump: str, *, first: bool = False, wanted: int = 10) -> bool:
    """Whether a claim asks for one more pump."""
    answer = ledger.claim(pump=pump, first=first, wanted=wanted)
    assert isinstance(answer, Claimed)
    return answer.more


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

    assert not ledger.renew().more
    assert not ledger.leave()
    assert not ledger.tend().ask
    ledger.shift_bucket(-59_500)
    assert ledger.tend().ask


def test_a_busy_pump_asks_for_another_when_work_is_due(ledger: Ledger) -> None:
    """All its threads may hang in slow calls while one-time codes wait."""
    ledger.add(5)
    ledger.claim(wanted=1, first=True)
    ledger.forget_request()

    assert ledger.renew().more
    assert not ledger.renew().more, "one is on its way"


def test_a_busy_pump_asks_for_nobody_past_the_most_or_without_work(ledger: Ledger) -> None:
    """`max_pumps` holds for every way to ask."""
    ledger.configure(max_pumps=1, version="v2")
    ledger.add(2)
    ledger.claim(wanted=1, first=True)
    assert not ledger.renew().more

    ledger.configure(max_pumps=4, version="v3")
    ledger.take()
    assert not ledger.renew().more


def test_a_busy_pump_stays_alive_by_renewing(ledger: Ledger) -> None:
    """A call may last longer than a pump may be silent."""
    ledger.add(2)
    ledger.claim(wanted=1, first=True)
    ledger.forget_request()
    ledger.run_out("pumps")
    ledger.configure(max_pumps=1, version="v2")
    ledger.renew()

    assert not ledger.tend().ask


def test_a_pump_that_signed_off_keeps_its_leases_and_not_its_place(ledger: Ledger) -> None:
    """It only ends its last call, which may take long: the work goes on with another."""
    ledger.add(2)
    taken = ledger.take(1)
    ledger.forget_request()
    ledger.run_out("pumps")

    assert ledger.renew((taken.ids[0], taken.claim), place="left") == Renewed(1, more=False)
    assert ledger.tend().ask


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

    assert not ledger.renew((taken.ids[0], taken.claim), place="idle").more
    assert ledger.renew((taken.ids[0], taken.claim), place="full").more
