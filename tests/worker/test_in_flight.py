"""How many jobs a pump holds: as many as keep its threads busy, and no more than leave in time."""

import pytest

from outbound_chat.store.scripts import MOST_JOBS
from outbound_chat_config import LATEST_SECONDS
from outbound_chat_worker.pump.durations import QUICK_SECONDS, Durations
from outbound_chat_worker.pump.in_flight import InFlight

THREADS = 16


def _durations(*, call: float, round_trip: float) -> Durations:
    found = Durations()
    for _ in range(100):
        found.note_call(call)
    found.note_round_trip(round_trip)
    return found


def _capacity(*, call: float, round_trip: float) -> int:
    return InFlight(THREADS, _durations(call=call, round_trip=round_trip)).capacity(0)


def test_one_job_a_thread_until_calls_are_known_to_be_quick() -> None:
    """What has waited for a thread for half a second would go back."""
    assert InFlight(THREADS, Durations()).capacity(0) == THREADS
    assert _capacity(call=QUICK_SECONDS * 1.1, round_trip=0.05) == THREADS


def test_as_many_again_while_redis_is_near() -> None:
    """Urgent jobs wait behind what is claimed already, so it is no more than needed."""
    assert _capacity(call=0.05, round_trip=0.001) == 2 * THREADS


def test_what_is_called_in_three_round_trips_while_redis_is_far() -> None:
    """A claim is answered that much later, and the threads go on meanwhile."""
    assert _capacity(call=0.05, round_trip=0.05) == pytest.approx(THREADS + 3 * THREADS, abs=1)


@pytest.mark.parametrize("call", [0.0, 0.001, 0.01, 0.05, 0.099])
@pytest.mark.parametrize("round_trip", [0.0, 0.05, 0.2, 1.0, 5.0])
def test_no_job_waits_so_long_that_its_call_would_be_too_late(call: float, round_trip: float) -> None:
    """It would go back, and its place in the pace be lost."""
    stock = _capacity(call=call, round_trip=round_trip) - THREADS
    assert stock <= max(THREADS, MOST_JOBS - THREADS)
    assert stock * max(call, 0.001) / THREADS < LATEST_SECONDS


def test_redis_is_as_far_as_its_shortest_answer_says() -> None:
    """A busy machine makes answers late; a Redis that has moved away is noticed after a while."""
    durations = _durations(call=0.05, round_trip=0.002)
    durations.note_round_trip(2.0)
    assert durations.round_trip < 0.003
    for _ in range(100):
        durations.note_round_trip(0.05)
    assert durations.round_trip == pytest.approx(0.05)


def test_ended_calls_make_room_before_they_are_recorded() -> None:
    """Their results go with the next claim."""
    in_flight = InFlight(THREADS, Durations())
    for index in range(THREADS):
        in_flight.add(str(index), "claim")
    assert in_flight.capacity(0) == 0
    assert in_flight.capacity(5) == 5
