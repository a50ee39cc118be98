"""The token bucket: never more calls than AWS allows, by the server's clock."""

import itertools

import pytest

from outbound_chat.model.ids import new_local_id
from outbound_chat.store.scripts import Claimed, Paced
from outbound_chat_config import WorkerSettings

from .clocked import ClockedLedger
from .ledger import HOUR_MS, is_paced

STEP_MS = 25


@pytest.fixture
def ledger(clocked: ClockedLedger) -> ClockedLedger:
    """No token is added but by a step of the clock that the test makes."""
    return clocked


def left(ledger: ClockedLedger) -> int:
    """How many tokens there are now; takes them."""
    answer = ledger.claim(wanted=500)
    return len(answer.jobs) if isinstance(answer, Claimed) else 0


def test_calls_never_exceed_burst_and_rate(ledger: ClockedLedger) -> None:
    """In every window: more than burst + rate x window is what AWS throttles."""
    rate, burst = 400, 5
    ledger.configure(rate=rate, burst=burst, version="v2")
    ledger.add(200, watched=False)
    times: list[int] = []
    for turn in itertools.count():
        ledger.clock.now_ms += 1
        answer = ledger.claim(pump=f"pump-{turn % 3}")
        if isinstance(answer, Claimed):
            times += [answer.now_ms] * len(answer.jobs)
        elif not isinstance(answer, Paced):
            break

    assert len(times) == 200
    for first, last in itertools.combinations(range(len(times)), 2):
        window = times[last] - times[first] + 1  # both times are rounded down
        assert last - first + 1 <= burst + rate * window / 1000
    assert times[-1] - times[0] == pytest.approx((200 - burst) / rate * 1000, abs=1)


def test_a_new_bucket_is_full(ledger: ClockedLedger) -> None:
    """The first jobs after a start go at once."""
    ledger.configure(rate=1, burst=3, version="v2")
    ledger.add(5)

    assert left(ledger) == 3
    assert is_paced(ledger.claim())


def test_the_bucket_fills_with_time_up_to_its_burst(ledger: ClockedLedger) -> None:
    """A quiet night saves up a burst and no more."""
    ledger.configure(rate=1, burst=3, version="v2")
    ledger.add(10)
    assert left(ledger) == 3

    ledger.clock.now_ms += 2_000
    assert left(ledger) == 2
    ledger.clock.now_ms += 100_000
    assert left(ledger) == 3


def test_a_call_that_was_not_made_gives_its_token_back(ledger: ClockedLedger) -> None:
    """Otherwise every hand-back would waste the allowance that AWS grants."""
    ledger.configure(rate=1, burst=2, version="v2")
    ledger.add(2)
    ledger.take(2)
    ledger.lose_leases()
    assert is_paced(ledger.claim())

    ledger.configure(rate=1, burst=2, version="v3")
    ledger.clock.now_ms += 1_000
    local_id, claim = ledger.take_one()
    assert is_paced(ledger.claim())
    ledger.finish(local_id, claim, "not_called")
    ledger.finish(local_id, claim, "not_called")
    assert left(ledger) == 1


def test_a_job_that_ends_before_a_call_costs_no_token_and_no_attempt(ledger: ClockedLedger) -> None:
    """A campaign whose sender was changed ends by the thousand; others must not wait for calls that nobody made."""
    ledger.configure(rate=1, burst=2, version="v2")
    ledger.add(3)
    local_id, word = ledger.attempt("failed", code="invalid_request", message="to: …", called=False)

    job = ledger.job(local_id)
    assert (word, job.attempts) == ("failed", 0)
    assert job.error is not None
    assert (job.error.code, job.error.message) == ("invalid_request", "to: …")
    assert ledger.finish(local_id, "claim-1", "failed", called=False) == "stale"
    assert left(ledger) == 2


def test_a_refund_never_fills_the_bucket_over_its_burst(ledger: ClockedLedger) -> None:
    """A burst above the limit is throttled, wherever its tokens came from."""
    ledger.configure(rate=1, burst=2, version="v2")
    ledger.add(5)
    taken = ledger.take(2)
    ledger.clock.now_ms += 100_000
    for local_id in taken.ids:
        ledger.finish(local_id, taken.claim, "not_called")

    assert left(ledger) == 2


def test_a_throttled_call_empties_the_bucket(ledger: ClockedLedger) -> None:
    """AWS says that nothing is left; its count is the one that matters."""
    ledger.configure(rate=1, burst=5, version="v2")
    ledger.add(5)
    ledger.attempt("snooze", code="throttled", aws_code="ThrottlingException")

    assert is_paced(ledger.claim())


@pytest.mark.parametrize("code", ["chats_full", "unknown_sender"])
def test_a_snooze_for_another_reason_leaves_the_bucket_alone(ledger: ClockedLedger, code: str) -> None:
    """An instance that is full says nothing about the account's calls a second."""
    ledger.configure(rate=1, burst=5, version="v2")
    ledger.add(5)
    ledger.attempt("snooze", code=code, delay_ms=HOUR_MS)

    assert left(ledger) == 4


def test_a_late_throttle_of_another_claim_leaves_the_bucket_alone(ledger: ClockedLedger) -> None:
    """A result that is stale changes nothing at all."""
    ledger.configure(rate=1, burst=5, version="v2")
    ledger.add(5)
    local_id, _ = ledger.take_one()

    assert ledger.finish(local_id, "another claim", "snooze", code="throttled") == "stale"
    assert left(ledger) == 4


def test_after_a_backward_step_of_the_clock_no_token_is_made_up(ledger: ClockedLedger) -> None:
    """Time that seems to pass twice must not be paid out twice."""
    ledger.configure(rate=1, burst=3, version="v2")
    ledger.add(6)
    ledger.take(1)
    ledger.clock.now_ms -= HOUR_MS

    assert left(ledger) == 2
    assert is_paced(ledger.claim())


def test_after_a_backward_step_of_the_clock_an_empty_bucket_fills_again_from_now(ledger: ClockedLedger) -> None:
    """A clock set back by an hour must not stop all sending for that hour."""
    ledger.configure(rate=1, burst=3, version="v2")
    ledger.add(6)
    assert left(ledger) == 3
    ledger.clock.now_ms -= HOUR_MS
    assert is_paced(ledger.claim())

    ledger.clock.now_ms += 1_000
    assert left(ledger) == 1


def test_a_lower_burst_holds_at_once(ledger: ClockedLedger) -> None:
    """An operator who turns the pace down wants it down now."""
    ledger.add(10)
    ledger.take(1)
    ledger.configure(rate=1, burst=2, version="v2")

    assert left(ledger) == 2


def test_a_wait_that_the_provider_asks_for_holds_for_everybody(ledger: ClockedLedger) -> None:
    """One pump is told, all obey: the others would only be throttled too."""
    ledger.configure(rate=10, burst=10, version="v2")
    ledger.add(30, watched=False)
    taken = ledger.take(2)
    for id_ in taken.ids:
        ledger.finish(id_, taken.claim, "snooze", code="throttled", delay_ms=60_000, pause_ms=60_000)

    answer = ledger.claim(pump="another")
    assert isinstance(answer, Paced)
    assert answer.pace_ms == 60_000


def rate(ledger: ClockedLedger) -> float:
    """The rate the bucket fills with now."""
    return float(ledger.redis.hget(ledger.key("bucket"), "rate"))


def set_bucket(ledger: ClockedLedger, **fields: float) -> None:
    ledger.redis.hset(ledger.key("bucket"), mapping={name: repr(float(value)) for name, value in fields.items()})


def limited(ledger: ClockedLedger, rate: float = 100, count: int = 100) -> None:
    """A budget whose rate is what limits."""
    ledger.configure(rate=rate, burst=count, version="v2")
    ledger.add(1_500, watched=False)
    ledger.take(1)
    set_bucket(ledger, tokens=0)
    assert is_paced(ledger.claim())


def pass_calls(ledger: ClockedLedger, count: int, *, limited_now: bool = False) -> None:
    """So many calls that pass; `limited_now`: the rate is what limits, also long after a claim that found no token."""
    # A job keeps the millisecond of its claim: in that of a cut it would count as claimed before it.
    ledger.clock.now_ms += 1
    set_bucket(ledger, tokens=count)
    taken = ledger.take(count)
    for id_ in taken.ids:
        if limited_now:
            set_bucket(ledger, limited_ms=ledger.now_ms())
        ledger.finish(id_, taken.claim, "sent", contact_id=f"c-{id_}")


def throttle(ledger: ClockedLedger) -> None:
    set_bucket(ledger, tokens=1, cut_ms=0)
    local_id, claim = ledger.take_one()
    ledger.finish(local_id, claim, "snooze", code="throttled", delay_ms=HOUR_MS)


def test_a_throttled_call_cuts_the_rate_to_what_was_measured(ledger: ClockedLedger) -> None:
    """What passed since the last cut is what the provider gives: 80 calls in a second, not the 100 configured."""
    limited(ledger)
    set_bucket(ledger, measured_ms=ledger.now_ms() - 2_000, passed=0)
    pass_calls(ledger, 160)
    throttle(ledger)

    # 160 calls in 2 s, mixed with 20 at the rate of before; a twentieth below that.
    assert 70 < rate(ledger) < 85
    assert float(ledger.redis.hget(ledger.key("bucket"), "tokens")) <= 0, "nothing is left"


def test_one_burst_of_throttled_calls_is_one_cut(ledger: ClockedLedger) -> None:
    """Sixteen calls in flight that are refused together are one piece of news."""
    limited(ledger)
    pass_calls(ledger, 20)
    set_bucket(ledger, tokens=10)
    taken = ledger.take(10)
    rates = []
    for id_ in taken.ids:
        ledger.finish(id_, taken.claim, "snooze", code="throttled", delay_ms=0)
        rates.append(rate(ledger))

    assert len(set(rates)) == 1
    assert rates[0] < 100


def test_calls_that_pass_raise_the_rate_up_to_the_ceiling(ledger: ClockedLedger) -> None:
    """AWS may give more again; what is configured is the most."""
    limited(ledger, rate=100, count=100)
    set_bucket(ledger, rate=40, known=40)
    rates = []
    for _ in range(25):
        pass_calls(ledger, 40, limited_now=True)
        rates.append(rate(ledger))

    assert rates == sorted(rates)
    assert rates[9] < 45, "slowly near the rate that is known"
    assert rates[-1] == 100


@pytest.mark.parametrize(("known", "most"), [(2, 25), (5, 10), (20, 14)])
def test_an_allowance_that_grew_eightfold_is_found_within_seconds(
    ledger: ClockedLedger, known: int, most: float
) -> None:
    """AWS granted more, or whoever shared the allowance stopped: a campaign of hours must not creep on.

    The seconds are those that the calls take at the rates that the bucket gives.
    """
    limited(ledger, rate=8 * known, count=1_000)
    set_bucket(ledger, rate=known, known=known, passed=0)
    seconds = 0.0
    while rate(ledger) < 0.95 * 8 * known:
        seconds += 1 / rate(ledger)
        assert seconds < most
        pass_calls(ledger, 1, limited_now=True)


@pytest.mark.parametrize(
    ("known", "passed", "most"), [(2, 36, 0.18), (5, 36, 0.18), (20, 200, 0.06), (100, 1_000, 0.06)]
)
def test_a_probe_meets_the_limit_that_is_known_gently_and_seldom(
    ledger: ClockedLedger, known: int, passed: int, most: float
) -> None:
    """Calls in flight beyond it are refused: three of a hundred at 2/s, one at 20/s, are what a probe may cost."""
    limited(ledger, rate=10 * known, count=1_000)
    set_bucket(ledger, rate=known, known=known, passed=passed - 1)
    pass_calls(ledger, 1, limited_now=True)

    assert known < rate(ledger) < known * (1 + most)


def test_calls_that_pass_while_nothing_waits_raise_nothing(ledger: ClockedLedger) -> None:
    """They say that little was sent, not that more may be."""
    ledger.configure(rate=100, burst=100, version="v2")
    ledger.add(200, watched=False)
    set_bucket(ledger, ceiling=100, rate=40, known=40, limited_ms=1, tokens=100, at_ms=ledger.now_ms())
    taken = ledger.take(30)
    for id_ in taken.ids:
        ledger.finish(id_, taken.claim, "sent", contact_id=f"c-{id_}")

    assert rate(ledger) == 40


def test_jobs_that_end_before_a_call_raise_nothing(ledger: ClockedLedger) -> None:
    """What AWS never saw can't show that AWS gives more."""
    limited(ledger, rate=100, count=100)
    set_bucket(ledger, rate=40, known=40, tokens=100, limited_ms=ledger.now_ms())
    taken = ledger.take(40)
    for id_ in taken.ids:
        ledger.finish(id_, taken.claim, "failed", code="invalid_request", called=False)

    assert rate(ledger) == 40


def test_an_outage_of_throttles_keeps_the_rate_in_mind(ledger: ClockedLedger) -> None:
    """When nothing passes at all, that says nothing of the rate: afterwards it is back at once."""
    limited(ledger)
    for _ in range(30):
        throttle(ledger)
    assert 9 < rate(ledger) < 11, "a tenth of what is known goes on probing"

    pass_calls(ledger, 6, limited_now=True)
    assert rate(ledger) > 90


def test_a_job_that_is_throttled_again_and_again_says_nothing_of_the_rate(ledger: ClockedLedger) -> None:
    """AWS may refuse one destination for long; the others must not pay for it."""
    ledger.configure(rate=100, burst=100, version="v2")
    (local_id,) = ledger.add(1)
    rates = []
    for _ in range(4):
        set_bucket(ledger, tokens=1, cut_ms=0)
        taken = ledger.take(1)
        ledger.finish(local_id, taken.claim, "snooze", code="throttled", delay_ms=0)
        rates.append(rate(ledger))

    assert rates[0] > rates[1] == rates[2] == rates[3]


def test_throttled_calls_among_others_on_the_way_back_do_not_wear_the_known_rate_down(ledger: ClockedLedger) -> None:
    """After an outage one call in two may still be refused: a rate that is low by our doing measures nothing."""
    limited(ledger)
    for _ in range(30):
        throttle(ledger)
    for _ in range(5):
        pass_calls(ledger, 1, limited_now=True)
        throttle(ledger)
    pass_calls(ledger, 8, limited_now=True)

    assert rate(ledger) > 40


def test_throttled_calls_while_nothing_waits_measure_nothing(ledger: ClockedLedger) -> None:
    """An hour in which little was sent is not a rate: one slip of AWS an hour would wear it down to nothing."""
    limited(ledger)
    pass_calls(ledger, 20)
    set_bucket(ledger, limited_ms=1)
    throttle(ledger)

    assert float(ledger.redis.hget(ledger.key("bucket"), "known")) == 100
    for _ in range(3):
        pass_calls(ledger, 1, limited_now=True)
    assert rate(ledger) > 90


def test_a_new_ceiling_starts_anew(ledger: ClockedLedger) -> None:
    """AWS granted more, and the operator said so."""
    limited(ledger)
    pass_calls(ledger, 20)
    throttle(ledger)
    assert rate(ledger) < 100
    ledger.configure(rate=200, burst=100, version="v3")
    set_bucket(ledger, tokens=5)
    ledger.take(1)

    assert rate(ledger) == 200


def test_workers_that_restart_with_the_same_settings_keep_what_was_learned(ledger: ClockedLedger) -> None:
    """A deployment must not start a storm of throttled calls."""
    limited(ledger)
    pass_calls(ledger, 20)
    throttle(ledger)
    learned = rate(ledger)
    ledger.configure(rate=100, burst=100, version="v3")
    set_bucket(ledger, tokens=5)
    ledger.take(1)

    assert rate(ledger) == pytest.approx(learned)


def test_many_calls_at_a_time_cost_hardly_a_call_more_than_their_contacts(ledger: ClockedLedger) -> None:
    """As many as a pump holds by default, one for each thread and one in stock, may be refused before one is known.

    The budget's rate is ten times what the provider gives. What a call led to is known only after the next claim.
    """
    most, jobs, settled_after = 2 * WorkerSettings().threads, 1_200, 600
    rate = burst = 40
    ledger.configure(rate=10 * rate, burst=10 * burst, version="v2")
    ledger.add(jobs, watched=False)
    allowed, codes = float(burst), list[str]()
    on_their_way: list[tuple[str, str, str]] = []
    while codes.count("sent") < jobs:
        ledger.clock.now_ms += STEP_MS
        allowed = min(burst, allowed + rate * STEP_MS / 1000)
        claim = new_local_id()
        answer = ledger.claim(wanted=most, claim_id=claim)
        for local_id, of_claim, code in on_their_way:
            delay_ms = 1_000 if code == "snooze" else 0
            ledger.finish(local_id, of_claim, code, code="throttled" if delay_ms else "", delay_ms=delay_ms)
        on_their_way = []
        for job in answer.jobs if isinstance(answer, Claimed) else ():
            codes.append("sent" if allowed >= 1 else "snooze")
            allowed -= codes[-1] == "sent"
            on_their_way.append((job.local_id, claim, codes[-1]))

    settled = codes[[place for place, code in enumerate(codes) if code == "sent"][settled_after] :]
    assert len(settled) / (jobs - settled_after) <= 1.05
    assert len(codes) / jobs <= 1.25
