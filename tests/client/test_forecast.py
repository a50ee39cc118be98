"""When jobs have their turn: the rules of the ledger as arithmetic."""

from math import inf
from typing import Any

import pytest

from outbound_chat.forecast import Chats, Curve, LaneDemand, Pace, forecast, rate_now

HOUR = 3_600.0


def lane(jobs: float = 0, *, priority: int = 3, tenant: str = "", **fields: Any) -> LaneDemand:
    return LaneDemand(priority=priority, tenant=tenant, jobs=jobs, **fields)


def pace(*rivals: LaneDemand, own: LaneDemand | None = None, jobs: float = 0, **fields: Any) -> Pace:
    """A budget of 20 a second that has saved nothing, and our lane with jobs that are due."""
    values: dict[str, Any] = {"rate": 20.0, "tokens": 0.0, "burst": 10.0, "due": [(0.0, jobs)], **fields}
    return Pace(own=own or lane(), rivals=rivals, **values)


def end(given: Pace, jobs: float, chat_seconds: float = 0.0) -> float:
    return forecast(given, chat_seconds=chat_seconds).time_of(jobs)


@pytest.mark.parametrize(("tokens", "seconds"), [(0, 15.0), (10, 14.5), (-20, 16.0)])
def test_alone_it_takes_what_was_saved_and_then_the_rate(tokens: float, seconds: float) -> None:
    """300 at 20 a second; a debt, which AWS asks for by Retry-After, is waited for first."""
    assert end(pace(jobs=300, tokens=tokens), 300) == pytest.approx(seconds)


def test_saved_calls_are_enough_for_a_small_batch() -> None:
    """No division by a time that does not pass."""
    assert end(pace(jobs=4, tokens=10), 4) == 0.0


@pytest.mark.parametrize(
    ("rival", "seconds"),
    [
        (lane(100, tenant="b"), 20.0),  # by turns: 100 each at 10/s, then 200 at 20/s
        (lane(1_000, tenant="b"), 30.0),  # by turns to the end
        (lane(1_000, tenant="b", tenant_weight=3), 60.0),
        (lane(1_000, tenant="b", weight=3), 30.0),  # turns of a batch count inside its tenant only
        (lane(1_000, weight=3), 60.0),
        (lane(180, priority=1), 10 + (300 - 20) / 20),  # nine of ten calls go before
        (lane(1_000_000, priority=2), 300.0),  # bulk gets one of twenty behind normal
        (lane(1_000, priority=2, tenant="b", number="n", number_rate=2), 300 / 18),  # the number takes 2 a second
    ],
)
def test_others_take_their_share_until_they_are_done(rival: LaneDemand, seconds: float) -> None:
    """The shares of docs/pacing.md."""
    assert end(pace(rival, jobs=300), 300) == pytest.approx(seconds)


def test_a_lower_priority_takes_no_more_than_its_share() -> None:
    """An urgent batch above a backlog of bulk."""
    assert end(pace(lane(10**6, priority=3), own=lane(priority=1), jobs=180), 180) == pytest.approx(10.0)


def test_lanes_of_one_tenant_share_its_turns() -> None:
    """Ten batches of one tenant cost another no more than one does."""
    rivals = [lane(1_000, tenant="b") for _ in range(10)]
    assert end(pace(*rivals, jobs=300), 300) == pytest.approx(30.0)


def test_a_number_is_the_limit_where_it_is_slower_than_the_budget() -> None:
    """A US long code carries one part a second; two parts a message halve it, and a second lane halves it again."""
    own = lane(number="n", number_rate=0.5)
    assert end(pace(own=own, jobs=30), 30) == pytest.approx(60.0)
    assert end(pace(lane(1_000, tenant="b", number="n", number_rate=1.0), own=own, jobs=30), 30) == pytest.approx(120.0)
    assert rate_now(pace(own=own, jobs=30)) == 0.5


def test_nothing_has_its_turn_before_it_is_due() -> None:
    """A schedule that the budget can follow ends with its last job; one that it can't, later."""
    slow = [(float(second), 1.0) for second in range(0, 1_000, 10)]
    assert end(pace(due=slow), 100) == pytest.approx(990.0, abs=0.1)
    assert end(pace(due=[(0.0, 100.0), (60.0, 100.0)]), 200) == pytest.approx(60 + 90 / 20)
    assert end(pace(due=[(0.0, 2_000.0), (60.0, 100.0)]), 2_100) == pytest.approx(105.0)
    assert forecast(pace(due=[(60.0, 100.0)])).time_of(1) == pytest.approx(60.0)


def test_calls_are_saved_while_nothing_waits_but_not_while_others_send() -> None:
    """The burst is there again for a schedule that begins later."""
    assert end(pace(due=[(60.0, 10.0)]), 10) == 60.0
    assert end(pace(lane(1_200, tenant="b"), due=[(60.0, 10.0)]), 10) == pytest.approx(60 + 0.5)


@pytest.mark.parametrize(
    ("jobs", "opened", "seconds"),
    [
        (500, 0, 25.0),
        (501, 0, HOUR + 0.05),
        (1_000, 0, HOUR + 25.0),
        (1_001, 0, 2 * HOUR + 0.05),
        (400, 100, 20.0),
        (401, 100, 600.0),
        (500, 100, 1_590.0),
        (501, 100, HOUR + 0.05),
    ],
)
def test_chats_that_are_open_are_waited_for(jobs: int, opened: int, seconds: float) -> None:
    """500 chats of an hour carry 500 contacts an hour, however fast the budget is."""
    ends = Curve([600.0, 1_590.0], [1.0, 100.0]) if opened else Curve([0.0], [0.0])
    given = pace(jobs=jobs, chats=Chats(most=500, open=opened, ends=ends))
    assert end(given, jobs, chat_seconds=HOUR) == pytest.approx(seconds)


def test_many_lanes_and_groups_come_to_an_end() -> None:
    """Every step ends a lane or begins a group: no rounding keeps it going for ever."""
    rivals = [
        lane(7 / 3 * place + 1, priority=place % 3 + 1, tenant=str(place % 5), weight=0.1 * (place + 1), number="n")
        for place in range(60)
    ]
    given = pace(*rivals, jobs=0, rate=1 / 3, tokens=0.123456)
    turns = forecast(given, [(place * 1.1, 0.7) for place in range(1_000)])
    assert 700 * 3 <= turns.time_of(700) <= (700 + sum(rival.jobs for rival in rivals)) * 3 + 1_100
    assert turns.time_of(1) < turns.time_of(2) < inf


@pytest.mark.parametrize(
    ("opened", "jobs", "seconds"),
    [
        (0, 500, 25.0),  # there is room for all of them
        (0, 1_000, 25.0 + 840),  # the second 500 go out as the first end, which last 14 minutes
        (500, 500, 840.0),  # those that are open end evenly over that time
        (500, 50, 84.0),
        (500, 1_000, 840.0 + 840),
    ],
)
def test_chats_last_as_long_as_those_that_were_seen(opened: int, jobs: int, seconds: float) -> None:
    """Little's law with what contact events reported, where the whole duration would say 25 hours."""
    ends = Curve([20 * HOUR, 25 * HOUR], [1.0, 500.0]) if opened else Curve([0.0], [0.0])
    given = pace(jobs=jobs, chats=Chats(most=500, open=opened, ends=ends, lasted=840.0))
    assert end(given, jobs, chat_seconds=25 * HOUR) == pytest.approx(seconds, rel=0.01, abs=2)


def test_the_whole_duration_bounds_what_was_seen() -> None:
    """A chat ends at its assumed end at the latest, whatever older chats did when their duration was longer."""
    ends = Curve([60.0, 600.0], [1.0, 500.0])
    given = pace(jobs=600, chats=Chats(most=500, open=500, ends=ends, lasted=7_200.0))
    assert end(given, 500, chat_seconds=HOUR) == pytest.approx(600.0)
    assert end(given, 600, chat_seconds=HOUR) == pytest.approx(HOUR + 14.4 + 585.6 * 99 / 499, abs=2)
