"""Caps on how often a sender contacts one number."""

from datetime import timedelta

import pytest

from outbound_chat_config import Sender, Settings

from .given import refused, with_sender


def _sender(**changes: object) -> Sender:
    return Settings.from_values(**with_sender(**changes)).senders["support"]


@pytest.mark.parametrize("text", ["3/PT10M", "3/600", "3/600.0", " 3 / PT600S ", "3/00:10:00"])
def test_a_window_has_every_form_of_a_duration(text: str) -> None:
    assert [*_sender(per_recipient=[text]).recipient_caps] == [(3, timedelta(minutes=10))]


def test_a_sender_has_no_cap_unless_one_is_set() -> None:
    assert (_sender().recipient_caps, _sender().over_cap) == ((), "wait")


FORM = 'must be a number of contacts and a duration, such as "1/PT10M" or "3/P1D"'


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (["1"], f"per_recipient.0 {FORM}"),
        (["1/PT10M", "P1D/3"], f"per_recipient.1 {FORM}"),
        (["1/soon"], f"per_recipient.0 {FORM}"),
        (["1/2/3"], f"per_recipient.0 {FORM}"),
        (["-1/PT10M"], f"per_recipient.0 {FORM}"),
        (["٣/PT10M"], f"per_recipient.0 {FORM}"),
        ([""], f"per_recipient.0 {FORM}"),
        (["0/P1D"], "per_recipient.0 must allow 1 to 100 contacts; change the number before the /"),
        (["101/P1D"], "per_recipient.0 must allow 1 to 100 contacts; change the number before the /"),
        (["1/PT0.5S"], "per_recipient.0 must have a window of 1 second to 31 days; change what follows the /"),
        (["1/-PT1H"], "per_recipient.0 must have a window of 1 second to 31 days; change what follows the /"),
        (["1/P32D"], "per_recipient.0 must have a window of 1 second to 31 days; change what follows the /"),
        ("1/PT10M", 'per_recipient must be a list, such as ["…"]'),
        ([5], "per_recipient.0 must be a string in quotes"),
    ],
)
def test_an_invalid_cap_is_one_error_with_the_field_and_the_fix(value: object, line: str) -> None:
    assert refused(with_sender(per_recipient=value)) == [f"senders.support.{line}"]


def test_over_cap_is_one_of_two_words() -> None:
    (line,) = refused(with_sender(over_cap="drop"))
    assert line.startswith("senders.support.over_cap is refused: input should be 'wait' or 'suppress'")
