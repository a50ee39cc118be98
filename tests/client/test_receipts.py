"""Receipts by source number, as programs read them."""

import pytest

from outbound_chat import InvalidJob, OutboundChat
from tests.support.contact_events import receipt_event


def test_all_numbers_are_read_however_many_there_are(chat: OutboundChat) -> None:
    """A script reads 200 at a time."""
    events = [receipt_event(message=f"m-{n}", originationPhoneNumber=f"S{n}") for n in range(450)]
    assert chat.ingest_contact_events(events) == ["changed"] * 450
    found = chat.receipts(hours=2)
    assert sorted(one.number for one in found) == sorted(f"S{n}" for n in range(450))
    assert {(one.budget, one.messages, one.parts, one.price) for one in found} == {("main", 1, 1, 0.0075)}
    assert [one.hour for one in found] == sorted((one.hour for one in found), reverse=True)


@pytest.mark.parametrize("hours", [0, -1, 193])
def test_receipts_are_kept_for_eight_days(chat: OutboundChat, hours: int) -> None:
    with pytest.raises(InvalidJob, match="hours: must be from 1 to 192"):
        chat.receipts(hours=hours)
    assert chat.receipts(hours=192) == []
