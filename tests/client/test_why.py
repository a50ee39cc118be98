"""Lengths of time as people read them; and a look at a job where nothing but a stand-in for Redis runs."""

from datetime import timedelta

import pytest

from outbound_chat import OutboundChat, WaitReason
from outbound_chat.model.durations import after, length_of
from tests.support.harness import number


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (1.26, "1.3 s"),
        (2, "2 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7_199, "120 min"),
        (7_200, "2 h"),
        (172_799, "48 h"),
        (259_200, "3 days"),
        (-5, "0.0 s"),
    ],
)
def test_a_length_is_told_in_the_largest_unit_of_which_there_are_two(seconds: float, text: str) -> None:
    """Nobody reads 259,200 seconds."""
    assert length_of(timedelta(seconds=seconds)) == text


def test_what_has_passed_is_now() -> None:
    """A time in the past helps nobody."""
    assert [after(timedelta(seconds=seconds)) for seconds in (-1, 0, 30)] == ["now", "now", "in 30 s"]


def test_programs_that_test_on_fakeredis_can_ask_too(chat: OutboundChat) -> None:
    """Their suites run every verb of the client."""
    job = chat.enqueue(sender="support", to=number(1), text="Hello")

    found = chat.why(job.id)
    assert (found.reason, found.position, found.ahead) == (WaitReason.NEXT, 0, 0)
    chat.cancel(job.id)
    assert chat.why(job.id).reason is WaitReason.FINAL
