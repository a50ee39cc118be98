"""Conditions that last are logged once, then ever more rarely, and once more when they are over."""

import logging
import random

import pytest

from outbound_chat.notices import PAUSES, Notices

HOUR = 3_600


class Clock:
    """A clock that the test moves."""

    seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def notices(clock: Clock) -> Notices:
    return Notices(logging.getLogger("test"), clock)


def _lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def test_a_server_that_is_down_for_an_hour_is_a_few_lines(
    notices: Notices, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """It is noticed twice a second by each thread: a line for each would bury everything else."""
    began, at = clock.seconds, []
    for _ in range(2 * HOUR):
        before = len(caplog.records)
        notices.note("redis", "Redis is down")
        if len(caplog.records) > before:
            at.append(clock.seconds - began)
        clock.seconds += 0.5
    notices.over("redis", "Redis answers again")
    notices.over("redis", "Redis answers again")

    assert at == [sum(PAUSES[:number]) for number in range(len(PAUSES) + 1)]
    assert _lines(caplog) == [
        *["Redis is down"] * len(PAUSES),
        "Redis is down (logged again when it changes)",
        "Redis answers again",
    ]
    assert {record.levelname for record in caplog.records} == {"WARNING"}


def test_another_reason_is_logged_at_once_but_two_in_turn_are_not(
    notices: Notices, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """A server that refuses connections, then loads its data, then is full: each is news. Once."""
    for _ in range(HOUR):
        for text in ("refused", "loading"):
            notices.note("redis", text)
        clock.seconds += 1

    assert _lines(caplog)[:2] == ["refused", "loading"]
    assert len(caplog.records) <= len(PAUSES) + 2


def test_texts_that_never_repeat_do_not_flood_the_log(
    notices: Notices, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """A library may put a port or an address into each message."""
    for count in range(HOUR):
        notices.note("redis", f"failed {count}")
        clock.seconds += 1

    assert len(caplog.records) < 20


def test_what_comes_and_goes_is_no_news_and_what_comes_back_is(
    notices: Notices, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Of two threads one reaches a node and the other none; an hour later it is another outage."""
    for _ in range(HOUR):
        notices.note("redis", "down")
        notices.over("redis", "again")
        clock.seconds += 1
    flapping = len(caplog.records)
    clock.seconds += HOUR
    notices.note("redis", "down")

    assert flapping <= 2 * (len(PAUSES) + 1)
    assert len(caplog.records) == flapping + 1


@pytest.mark.parametrize("seed", range(40))
def test_the_last_line_about_what_lasts_a_minute_is_that_it_lasts(
    notices: Notices, clock: Clock, caplog: pytest.LogCaptureFixture, seed: int
) -> None:
    """However often it came and went before: else "works again" is the last word during an outage of an hour."""
    draw = random.Random(seed)  # noqa: S311  # reproducible, and nothing secret
    for _ in range(20):
        began, lasts = clock.seconds, draw.choice((1, 30, 61, 180, HOUR))
        while clock.seconds <= began + lasts:
            notices.note("redis", "down")
            if clock.seconds - began >= max(PAUSES):
                assert _lines(caplog)[-1].startswith("down")
            clock.seconds += 1
        notices.over("redis", "again")
        assert _lines(caplog)[-1] == "again"
        clock.seconds += draw.choice((1, 30, 59, 61, HOUR))


def test_each_subject_has_lines_of_its_own_and_nothing_is_over_that_never_was(
    notices: Notices, caplog: pytest.LogCaptureFixture
) -> None:
    notices.over("redis", "again")
    for name in ("a", "b"):
        notices.note(f"sender {name}", "no credentials")
    notices.over("sender a", "sender a: again")

    assert _lines(caplog) == ["no credentials", "no credentials", "sender a: again"]
    assert notices.open == {"sender b"}


def test_an_error_of_ours_keeps_its_traceback(notices: Notices, caplog: pytest.LogCaptureFixture) -> None:
    """Else nobody could find the fault."""
    try:
        dict[str, str]()["ours"]
    except KeyError as error:
        notices.note("waker", "unexpected error", error=error)

    assert "Traceback" in caplog.text
