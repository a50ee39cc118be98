"""What a budget did over time, and the counters that charts and metrics share."""

from itertools import pairwise

import pytest

from outbound_chat import History, HistoryPoint, OutboundChat
from outbound_chat.model.jobs import Priority
from outbound_chat.model.operations import BudgetStatus
from outbound_chat.model.times import to_ms
from outbound_chat.store import scripts
from tests.support.harness import sender

from .clocked import ClockedLedger
from .conftest import PREFIX
from .ledger import DAY_MS, HOUR_MS, LANE, Ledger, lane, new_job
from .test_foreign_keys import GARBAGE, overwrite

MINUTE_MS = 60_000


@pytest.fixture
def ledger(clocked: ClockedLedger) -> ClockedLedger:
    """A budget whose first record was just written."""
    clocked.clock.now_ms -= clocked.clock.now_ms % DAY_MS
    clocked.maintain()
    return clocked


def history(ledger: Ledger, hours: int = 1, step: int = 1) -> History:
    with OutboundChat(store=ledger.store, key_prefix=PREFIX, senders={"sms": sender()}) as chat:
        return chat.history(hours=hours, step=step)


def pass_minutes(ledger: ClockedLedger, minutes: int = 1, worker: str = "worker-1") -> None:
    ledger.clock.now_ms += minutes * MINUTE_MS
    ledger.maintain(worker=worker)


def counts(point: HistoryPoint) -> tuple[int, ...]:
    return point.accepted, point.calls, point.sent, point.failed, point.throttled, point.expired


def status(ledger: Ledger) -> BudgetStatus:
    return ledger.run(scripts.read_budget(ledger.keys, []))


# --- history ---


def test_a_point_is_what_happened_in_its_minute(ledger: ClockedLedger) -> None:
    begin = ledger.clock.now
    ledger.add(6)
    ledger.attempt("sent", contact_id="c")
    ledger.attempt("failed", code="refused")
    for _ in range(2):
        ledger.attempt("snooze", code="throttled", delay_ms=HOUR_MS)
        ledger.clock.now_ms += 100  # the bucket is empty
    ledger.attempt("retry", code="no_answer", delay_ms=HOUR_MS, maybe_sent=True)
    ledger.attempt("not_called", delay_ms=HOUR_MS)
    pass_minutes(ledger)
    ledger.submit(new_job(expires_ms=ledger.clock.now_ms + 1_000, send_at_ms=ledger.clock.now_ms + HOUR_MS))
    pass_minutes(ledger)

    found = history(ledger)
    assert (found.budget, [point.minutes for point in found.points]) == ("main", [1, 1])
    assert [to_ms(point.at) - to_ms(begin) for point in found.points] == [0, MINUTE_MS]
    assert [counts(point) for point in found.points] == [(6, 5, 1, 1, 2, 0), (1, 0, 0, 0, 0, 1)]


def test_one_of_many_workers_writes_the_minute_down(ledger: ClockedLedger) -> None:
    """What happens after its look belongs to the next point, whoever looks then."""
    pass_minutes(ledger)
    ledger.add(3)
    for worker in ("worker-2", "worker-3"):
        ledger.clock.now_ms += 1_000
        ledger.maintain(worker=worker)
    pass_minutes(ledger)

    assert [point.accepted for point in history(ledger).points] == [0, 3]


def test_a_time_without_workers_is_one_point(ledger: ClockedLedger) -> None:
    """Nobody knows in which of these minutes it was, so no minute is made up."""
    ledger.add(5)
    pass_minutes(ledger, 30)
    pass_minutes(ledger)

    assert [(point.minutes, point.accepted) for point in history(ledger).points] == [(30, 5), (1, 0)]


def test_points_of_several_minutes_begin_at_their_step(ledger: ClockedLedger) -> None:
    for _ in range(25):
        ledger.add(1)
        pass_minutes(ledger)

    points = history(ledger, step=10).points
    assert [(point.minutes, point.accepted) for point in points] == [(10, 10), (10, 10), (5, 5)]
    assert all(point.at.minute % 10 == 0 for point in points)
    assert [point.accepted for point in history(ledger, step=60).points] == [25]


def test_three_days_are_kept_and_take_no_more_room_later(ledger: ClockedLedger) -> None:
    """The records of three days, and of the minute in which they began."""
    for _ in range(200):
        ledger.add(1, watched=False)
        pass_minutes(ledger, 60)

    points = history(ledger, hours=72, step=60).points
    assert [point.accepted for point in points] == [1] * 72
    assert sum(point.minutes for point in history(ledger, hours=3).points) == 3 * 60
    ledger.redis.rpush(ledger.key("history"), *["x"] * 5_000)
    pass_minutes(ledger, 1)
    assert ledger.redis.llen(ledger.key("history")) == 4_321


def test_a_count_that_was_lost_makes_no_billions(ledger: ClockedLedger) -> None:
    ledger.redis.hset(ledger.key("counts"), mapping={"accepted": 100, "sent": 90})
    pass_minutes(ledger)
    ledger.redis.delete(ledger.key("counts"))
    pass_minutes(ledger)
    ledger.add(2)
    pass_minutes(ledger)
    assert [(point.accepted, point.sent) for point in history(ledger).points] == [(100, 90), (0, 0), (2, 0)]


def test_after_a_backward_step_of_the_clock_nothing_is_counted_twice(ledger: ClockedLedger) -> None:
    """The records from after the step replace those from before it, minute by minute."""
    for _ in range(20):
        ledger.add(1)
        pass_minutes(ledger)
    ledger.clock.now_ms -= 10 * MINUTE_MS
    ledger.maintain()
    assert sum(point.accepted for point in history(ledger).points) == 20, "those of the future are not shown"

    for _ in range(15):
        ledger.add(1)
        pass_minutes(ledger)
    points = history(ledger).points
    assert sum(point.accepted for point in points) == 35
    assert all(earlier.at < later.at for earlier, later in pairwise(points))


# --- counters ---


def test_each_call_is_counted_once_whatever_became_of_it(ledger: ClockedLedger) -> None:
    """A result may be recorded again after a lost answer, and a call may never have been made."""
    ledger.add(7)
    for outcome, fields in (
        ("sent", {"contact_id": "c"}),
        ("snooze", {"code": "throttled"}),
        ("retry", {"code": "unreachable"}),
        ("retry", {"code": "no_answer", "maybe_sent": True}),
        ("failed", {"code": "refused"}),
        ("failed", {"code": "invalid_request", "called": False}),
        ("not_called", {}),
    ):
        ledger.clock.now_ms += 100  # after a throttled call the bucket is empty
        local_id, claim = ledger.take_one()
        for _ in range(2):
            ledger.finish(local_id, claim, outcome, delay_ms=HOUR_MS, **fields)

    assert status(ledger).calls == {
        "sent": {"": 1},
        "snooze": {"throttled": 1},
        "retry": {"unreachable": 1, "no_answer": 1},
        "failed": {"refused": 1},
    }


def test_a_call_counts_while_the_budget_has_no_settings(ledger: ClockedLedger) -> None:
    ledger.add(2)
    taken = ledger.take(2)
    ledger.redis.delete(ledger.key("settings"))
    ledger.finish(taken.ids[0], taken.claim, "sent", contact_id="c")
    ledger.finish(taken.ids[1], taken.claim, "retry", code="no_answer", maybe_sent=True)
    assert status(ledger).calls == {"sent": {"": 1}, "retry": {"no_answer": 1}}


def test_a_result_that_comes_late_counts_as_the_call_that_it_is(ledger: ClockedLedger) -> None:
    """The call of a lost worker counts once it is known, and not before."""
    ledger.add(1)
    local_id, claim = ledger.take_one()
    ledger.lose_leases()
    assert status(ledger).calls == {"sent": {"": 0}}
    for _ in range(2):
        assert ledger.finish(local_id, claim, "sent", contact_id="c") == "sent"
    assert status(ledger).calls == {"sent": {"": 1}}


def test_waits_are_counted_from_when_a_job_is_due(ledger: ClockedLedger) -> None:
    now = ledger.clock.now_ms
    ledger.add(2, lane=lane(Priority.URGENT))
    ledger.submit(new_job(send_at_ms=now + 60_000))
    ledger.submit(new_job(send_at_ms=now + 10), lane=lane(Priority.BULK))
    ledger.clock.now_ms += 90_000
    ledger.take(10)

    assert status(ledger).waits == {
        "urgent": {"300": 2, "ms": 180_000},
        "normal": {"30": 1, "ms": 30_000},
        "bulk": {"300": 1, "ms": 89_990},
    }


def test_a_retry_waits_from_its_own_time_and_no_wait_is_negative(ledger: ClockedLedger) -> None:
    ledger.add(1)
    ledger.attempt("retry", code="service_error", delay_ms=1_000)
    ledger.clock.now_ms += 1_400
    ledger.attempt("sent", contact_id="c")
    ledger.add(1)
    ledger.clock.now_ms -= DAY_MS
    ledger.take_one()
    assert status(ledger).waits == {"normal": {"0.1": 2, "0.5": 1, "ms": 400}}


def test_a_job_that_waits_for_days_is_in_the_last_part(ledger: ClockedLedger) -> None:
    ledger.add(1, expires_ms=ledger.clock.now_ms + 9 * DAY_MS)
    ledger.clock.now_ms += DAY_MS
    ledger.take_one()
    assert status(ledger).waits == {"normal": {"+Inf": 1, "ms": DAY_MS}}


# --- status ---


def test_due_jobs_are_those_that_a_claim_may_take(ledger: ClockedLedger) -> None:
    """Those of later do not need a worker now, and those behind a gate would not be sent by one more."""
    ledger.configure(version="v2", senders={"sms": {}, "wa": {}})
    ledger.add(3)
    ledger.add(2, lane=lane(Priority.URGENT, "wa"))
    ledger.submit(new_job(send_at_ms=ledger.clock.now_ms + HOUR_MS))
    assert status(ledger).due == 5

    ledger.hold("sender:wa")
    ledger.attempt("sent", contact_id="c")
    assert status(ledger).due == 2
    ledger.clock.now_ms += 2 * HOUR_MS
    ledger.maintain()
    assert status(ledger).due == 3


def test_due_jobs_of_many_lanes_cost_no_more(ledger: ClockedLedger) -> None:
    """Of each priority 8 tenants with 4 lanes each are looked at."""
    for tenant in range(12):
        for number in range(6):
            ledger.add(1, lane=lane(tenant=f"t{tenant}", sender=f"s{number}"), watched=False)
    assert status(ledger).due == 32


def test_open_chats_are_those_of_instances_with_a_limit(ledger: ClockedLedger) -> None:
    ledger.configure(version="v2", senders={"sms": {"max_chats": 5}, "wa": {"instance": "i-2"}})
    ledger.add(3)
    for contact, chat_ms in (("c-1", HOUR_MS), ("c-2", HOUR_MS), ("c-3", 10)):
        ledger.attempt("sent", contact_id=contact, chat_ms=chat_ms)
    ledger.clock.now_ms += 1_000
    assert status(ledger).open_chats == {"i-1": {"open": 2, "limit": 5}, "i-2": {"open": 0, "limit": None}}


def test_what_is_wrong_is_counted(ledger: ClockedLedger) -> None:
    ledger.add(3)
    for code in ("refused", "refused", "not_found"):
        ledger.attempt("failed", code=code)
    ledger.run(scripts.maintain(ledger.keys, worker="w", version="v1", skew_ms=300_000))
    ledger.redis.hset(ledger.key("faults"), mapping={f"lane:{LANE}": 1, "lane:3:sms::": 2, "counts:": -1})

    found = status(ledger)
    assert found.dead == {"failed": {"refused": 2, "not_found": 1}}
    assert (found.faults, found.skewed_workers) == ({"lane": 2, "counts": 1}, 1)
    ledger.redis.delete(ledger.key("faults"))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (name, kind)
        for name in ("history", "calls", "waits", "dead", "senders", "faults", "skewed")
        for kind in GARBAGE
        if kind != "broken" or name not in {"history", "skewed"}
    ],
)
def test_counters_that_another_program_wrote_stop_nothing(spoiled: Ledger, name: str, kind: str) -> None:
    """Jobs are sent, and what is still known is shown."""
    spoiled.maintain()
    spoiled.add(2)
    spoiled.attempt("failed", code="refused")
    overwrite(spoiled, name, kind)
    if name != "senders":  # without them, nothing is sent until a worker has written them again
        spoiled.attempt("snooze", code="throttled")
    spoiled.redis.hset(spoiled.key("bucket"), "looked_ms", 1)
    spoiled.maintain()

    assert status(spoiled).counts["failed"] == 1
    assert all(point.minutes > 0 for point in history(spoiled, hours=72).points)


def test_a_history_with_foreign_text_in_it_shows_the_rest(ledger: ClockedLedger) -> None:
    for _ in range(5):
        ledger.add(1)
        pass_minutes(ledger)
    ledger.redis.lset(ledger.key("history"), 2, "x y")
    assert [(point.minutes, point.accepted) for point in history(ledger).points] == [(1, 1), (1, 1), (2, 2), (1, 1)]


@pytest.mark.parametrize("asked", [{"hours": 0}, {"hours": 73}, {"step": 0}, {"step": 1_441}])
def test_what_is_out_of_range_is_refused(ledger: ClockedLedger, asked: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be from 1 to"):
        history(ledger, **asked)
