"""The figures of the pacing benchmark, on arrivals whose figures are known."""

import math

import pytest
from hypothesis import given, strategies as st

from benchmarks.arrivals import percentile, settled_after, used_share, window, worst_window
from outbound_chat_worker.sandbox import SandboxArrival


def at_rate(rate: float, start: float, end: float, code: str = "accepted") -> list[SandboxArrival]:
    return [SandboxArrival(start + index / rate, code, None) for index in range(int((end - start) * rate))]


@given(st.lists(st.floats(0, 100), max_size=30).map(sorted), st.floats(0.1, 100))
def test_the_worst_window_in_one_pass_is_that_of_looking_at_every_window(times: list[float], rate: float) -> None:
    excesses = [
        last - first + 1 - rate * (times[last] - times[first])
        for first in range(len(times))
        for last in range(first, len(times))
    ]
    assert worst_window(times, rate) == pytest.approx(max(excesses, default=0), abs=1e-6)


def test_a_perfect_sender_uses_all_and_one_that_pauses_loses_that_time() -> None:
    times = [index / 20 for index in range(401)]
    assert used_share(times, 20) == pytest.approx(1)
    paused = [time if time < 10 else time + 5 for time in times]
    assert used_share(paused, 20) == pytest.approx(0.8)


def test_a_share_of_nothing_is_unknown_and_not_perfect() -> None:
    assert math.isnan(used_share([1.0], 20))


def test_a_sender_is_settled_once_it_calls_as_often_as_it_may() -> None:
    hammering = at_rate(200, 0, 10, "ThrottlingException") + at_rate(20, 0, 10)
    arrivals = sorted([*hammering, *at_rate(20, 10, 60)], key=lambda arrival: arrival.seconds)
    assert settled_after(arrivals, 0, 60, 20) == pytest.approx(15, abs=0.5)


@pytest.mark.parametrize("rate", [15, 25])
def test_a_sender_that_keeps_to_another_rate_never_settles(rate: float) -> None:
    assert math.isnan(settled_after(at_rate(rate, 0, 60), 0, 60, 20))


def test_a_window_begins_with_its_first_moment_and_ends_before_its_last() -> None:
    seen = window(at_rate(1, 0, 10), 2, 5)
    assert (seen.calls, seen.accepted, seen.throttled, seen.goodput) == (3, 3, 0, 1)


def test_a_percentile_is_a_value_that_was_seen() -> None:
    values = [float(value) for value in range(1, 101)]
    assert [percentile(values, share) for share in (0.5, 0.99, 1)] == [50, 99, 100]
