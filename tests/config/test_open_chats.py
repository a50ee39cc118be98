"""How many contacts an instance carries: the arithmetic behind the warnings."""

from datetime import timedelta
from typing import Any

import pytest

from outbound_chat_config import OpenChats, Sender, chat_duration

from .given import SENDER

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def _sender(**values: Any) -> Sender:
    return Sender.model_validate({**SENDER, **values})


@pytest.mark.parametrize(
    ("values", "most", "duration", "an_hour"),
    [
        ({}, 500, 25 * HOUR, 20.0),
        ({"chat_duration_minutes": 60}, 500, HOUR, 500.0),
        ({"max_open_chats": 5_000, "chat_duration_minutes": 120}, 5_000, 2 * HOUR, 2_500.0),
    ],
)
def test_an_instance_carries_its_open_chats_once_in_each_duration(
    values: dict[str, int], most: int, duration: timedelta, an_hour: float
) -> None:
    """AWS's defaults carry 20 an hour, where the default rate starts 7,200."""
    chats = OpenChats.of([_sender(**values)])

    assert (chats.most, chats.duration) == (most, duration)
    assert chats.contacts_an_hour == pytest.approx(an_hour)


def test_senders_of_one_instance_share_the_least_room_and_count_with_the_longest_chats() -> None:
    """The worst case is what a warning must be made of."""
    senders = [_sender(max_open_chats=900, chat_duration_minutes=60), _sender(max_open_chats=800), _sender()]

    assert OpenChats.of(senders) == OpenChats(800, 25 * HOUR)
    assert OpenChats.of(senders, 2 * HOUR) == OpenChats(800, 2 * HOUR)
    assert [chat_duration(sender) for sender in senders] == [HOUR, 25 * HOUR, 25 * HOUR]


def test_a_rate_needs_the_chats_that_it_opens_in_one_duration() -> None:
    """2 a second for 25 hours."""
    assert OpenChats(500, 25 * HOUR).needed_at(2.0) == 180_000
    assert OpenChats(500, HOUR).needed_at(0.1) == 360


@pytest.mark.parametrize(
    ("contacts", "last"), [(0, 0 * DAY), (1, 0 * DAY), (500, 0 * DAY), (501, 25 * HOUR), (5_000, 225 * HOUR)]
)
def test_the_last_contact_waits_for_the_chats_before_it(contacts: int, last: timedelta) -> None:
    """500 at once, the next 500 when the first have ended."""
    assert OpenChats(500, 25 * HOUR).last_of(contacts) == last
