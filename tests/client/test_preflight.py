"""Preflights: the same checks as the real run, the times of each row, and nothing stored."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import fakeredis
import pytest
import time_machine

from outbound_chat import InvalidJob, OutboundChat, Preflight
from outbound_chat.client.steps.rejections import FaultCounter
from outbound_chat.model.errors import FieldError
from outbound_chat.store import Store
from outbound_chat.testing import InMemoryOutboundChat
from tests.client.conftest import VALUES
from tests.support.harness import number, sender
from tests.support.memory import least_peak


def seconds_of(flight: Preflight) -> float:
    assert flight.starts_at
    assert flight.ends_at
    return (flight.ends_at - flight.starts_at).total_seconds()


def test_a_preflight_refuses_what_the_real_run_refuses_and_stores_nothing(
    chat: OutboundChat, redis: fakeredis.FakeRedis
) -> None:
    """An operator repairs the file before anybody is texted."""
    rows: list[Any] = [{"to": number(1)}, {"to": "12"}, {"to": number(2), "text": "x" * 2_000}, "nonsense", {}]
    flight = chat.preflight_batch(rows, sender="support", text="Hello")

    assert redis.keys() == []
    assert (flight.accepted, flight.rejected) == (1, 4)
    receipt = chat.enqueue_batch(rows, sender="support", text="Hello")
    assert flight.rejections == receipt.rejections
    assert [(one.row, one.errors[0].field, one.errors[0].code) for one in flight.rejections] == [
        (2, "to", "invalid_number"),
        (3, "text", "too_long"),
        (4, "row", "wrong_type"),
        (5, "to", "required"),
    ]


def test_times_are_those_of_the_budget_of_the_settings_while_redis_knows_nothing(chat: OutboundChat) -> None:
    """2 a second, of which the first 4 go at once."""
    flight = chat.preflight_batch(({"to": number(index)} for index in range(204)), sender="support")

    assert flight.assumed_idle
    assert flight.rate == 2.0
    assert seconds_of(flight) == pytest.approx(100, abs=0.1)
    assert (flight.expiring, flight.first_expiring, flight.workers, flight.held_by) == (0, (), 0, "")


def test_redis_that_is_away_stops_no_preflight() -> None:
    """Files are checked on a desk, where no Redis is."""
    with OutboundChat(redis_url="redis://127.0.0.1:9", **VALUES) as chat:
        flight = chat.preflight_batch([{"to": number(1)}], sender="support")

    assert flight.assumed_idle
    assert flight.accepted == 1


def test_rows_that_expire_before_their_turn_are_counted_and_the_first_named(chat: OutboundChat) -> None:
    """Row 24 goes after 10 seconds; those behind it that must go sooner would not go at all."""
    now = datetime.now(UTC).replace(microsecond=0)
    soon = now + timedelta(seconds=10)
    rows = [{"to": number(index), "expires_at": soon if index % 2 else None} for index in range(1, 105)]
    with time_machine.travel(now, tick=False):
        flight = chat.preflight_batch(rows, sender="support")

    # The fourth goes at once, two more each second.
    assert flight.starts_at
    turns = {row: flight.starts_at + timedelta(seconds=(row - 4) / 2) for row in range(5, 105, 2)}
    late = [row for row, turn in turns.items() if turn > soon]
    assert flight.expiring == len(late) > 30
    assert [(one.row, one.expires_at, one.expected_turn) for one in flight.first_expiring] == [
        (row, soon, turns[row]) for row in late[:10]
    ]


def test_the_max_age_of_the_sender_counts_from_when_a_row_is_due() -> None:
    """Of 100 rows that are due tomorrow at once, those beyond ten seconds expire; a row of today takes no turn."""
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    rows = [{"to": number(index), "send_at": tomorrow} for index in range(100)]
    client = fakeredis.FakeRedis(decode_responses=True)
    with OutboundChat(store=Store("redis://", client=client), senders={"s": sender(max_age=10)}) as chat:
        flight = chat.preflight_batch([*rows, {"to": number(200)}], sender="s")

    assert flight.accepted == 101
    assert flight.expiring == pytest.approx(76, abs=2)
    assert flight.first_expiring[0].row == pytest.approx(25, abs=2)
    assert flight.ends_at
    assert (flight.ends_at - tomorrow).total_seconds() == pytest.approx(48, abs=2)


def test_a_slow_number_and_few_chats_are_part_of_the_prediction() -> None:
    """Two parts a message at one part a second; and two chats of an hour."""
    rows = [{"to": number(index), "text": "x" * 200} for index in range(20)]
    with OutboundChat(redis_url="redis://127.0.0.1:9", senders={"slow": sender(number_rate=1.0)}) as chat:
        slow = chat.preflight_batch(rows, sender="slow")
    few = sender(max_open_chats=2, chat_duration_minutes=90)
    with OutboundChat(redis_url="redis://127.0.0.1:9", senders={"full": few}) as chat:
        full = chat.preflight_batch(({"to": number(1)} for _ in range(5)), sender="full")
        shorter = chat.preflight_batch(
            ({"to": number(1)} for _ in range(5)), sender="full", chat_duration_in_minutes=60
        )

    assert (slow.parts, slow.rate) == (40, 0.5)
    assert seconds_of(slow) == pytest.approx(38, abs=6)
    assert seconds_of(full) == pytest.approx(2 * 90 * 60, abs=5)
    assert seconds_of(shorter) == pytest.approx(2 * 60 * 60, abs=5)


def test_the_chats_that_a_batch_needs_open_at_once_are_those_of_one_lifetime_or_of_all_rows() -> None:
    """Whether they fit is for people to see before the first is sent."""
    values: dict[str, Any] = {
        "budgets": {"main": {"rate": 0.01}},
        "senders": {
            "hour": sender(chat_duration_minutes=60, max_open_chats=50),
            "day": sender(instance_id="1b1b2c3d-1111-4222-8333-444455556666"),
        },
    }
    with OutboundChat(redis_url="redis://127.0.0.1:9", **values) as chat:
        hour, day, none = (
            chat.preflight_batch([{"to": number(row)} for row in range(rows)], sender=name)
            for name, rows in (("hour", 100), ("day", 100), ("day", 0))
        )

    assert (hour.open_chats, hour.max_open_chats) == (36, 50)
    assert (day.open_chats, day.max_open_chats) == (100, None)
    assert (none.open_chats, none.max_open_chats) == (None, None)


def test_an_option_of_the_batch_that_is_wrong_is_refused(chat: OutboundChat) -> None:
    """As by the real run."""
    with pytest.raises(InvalidJob, match="unknown_sender"):
        chat.preflight_batch([{"to": number(1)}], sender="nobody")


def test_a_batch_of_nothing_has_no_times(chat: OutboundChat) -> None:
    """Nothing starts, nothing ends."""
    flight = chat.preflight_batch([], sender="support")

    assert (flight.accepted, flight.starts_at, flight.ends_at) == (0, None, None)


def test_the_async_client_gives_the_same_preflight(chat: InMemoryOutboundChat) -> None:
    """Same steps, other runner."""

    async def fly() -> Preflight:
        async with chat.asynchronous() as client:
            return await client.preflight_batch([{"to": number(1)}, {"to": "1"}], sender="support")

    flight = asyncio.run(fly())
    assert (flight.accepted, flight.rejected, flight.assumed_idle) == (1, 1, True)


def test_memory_does_not_grow_with_the_rows(chat: OutboundChat) -> None:
    """A file of a million rows is checked on the same machine."""

    def rows(count: int) -> Iterator[dict[str, Any]]:
        start = datetime.now(UTC)
        for index in range(count):
            due = start + timedelta(seconds=1 + index * 7919 % 50_000) if index % 5 else None
            yield {
                "to": number(index) if index % 100 else "12",
                "send_at": due,
                "expires_at": due and due + timedelta(1),
            }

    def peak(count: int) -> int:
        return least_peak(lambda: chat.preflight_batch(rows(count), sender="support", on_rejected=lambda _: None))

    assert peak(12_000) < 1.5 * peak(4_000)


def test_a_preflight_shows_rows_as_their_recipients_get_them(chat: OutboundChat) -> None:
    """The first two texts that differ, and the longest; the same can be sent to a number of one's own."""
    long = "x" * 200
    rows: list[dict[str, Any]] = [
        {"to": "12"},
        *({"to": number(1), "name": name} for name in ("Ann", "Ann", "Bo", "Cy", long, "y" * 170, "Di")),
        {"to": number(2), "text": "Own", "attributes": {"a": "b"}, "client_token": "t", "name": "E"},
    ]
    flight = chat.preflight_batch(rows, sender="support", template="Hi {name}", attributes={"order": "1"})

    assert [(one.row, one.text, one.parts) for one in flight.previews] == [
        (2, "Hi Ann", 1),
        (4, "Hi Bo", 1),
        (6, f"Hi {long}", 2),
    ]
    assert flight.parts == 6 + 2 * 2
    (own,) = chat.preflight_batch(rows[-1:], sender="support", template="Hi {name}", attributes={"c": "d"}).previews
    assert "DestinationEndpoint" not in own.request
    assert "ClientToken" not in own.request
    assert own.request["Attributes"] == {"a": "b", "c": "d"}
    to = {"Type": "TELEPHONE_NUMBER", "Address": number(3)}
    assert chat.enqueue_request(sender="support", DestinationEndpoint=to, **own.request).sender == "support"
    assert long not in repr(flight)


def test_a_preflight_groups_faults_and_keeps_few(chat: OutboundChat) -> None:
    """The most frequent first, with the first rows; rows of JSON may have any names."""
    rows: list[Any] = [{"to": "12"} if row % 2 else {"to": number(row), f"x{row}": 1} for row in range(1, 2_001)]
    flight = chat.preflight_batch(rows, sender="support")

    assert len(flight.faults) == 100
    first, second = flight.faults[:2]
    assert (first.field, first.code, first.count, first.first_rows) == ("to", "invalid_number", 1_000, (1, 3, 5, 7, 9))
    assert "country code" in first.message
    assert (second.count, second.first_rows) == (1, (2,))


def test_a_preflight_groups_faults_by_their_messages_too(chat: OutboundChat) -> None:
    """Ten reasons for the same code need ten repairs; values inside a message make no other reason."""
    habits = [{"to": "12025550101"}, {"to": "004915112345678"}, {"to": "Ann"}]
    late = [{"to": number(row), "expires_at": f"2020-01-{row:02}T00:00:00Z"} for row in range(1, 21)]
    flight = chat.preflight_batch([*habits * 2, *late], sender="support")

    assert [(one.field, one.count) for one in flight.faults] == [("expires_at", 20), ("to", 2), ("to", 2), ("to", 2)]
    assert len({one.message for one in flight.faults}) == 4
    counter = FaultCounter()
    for row in range(1, 51):
        counter.add(row, [FieldError("text", "too_long", f"is {chr(96 + row % 26)}{'x' * row}")])
    assert len(counter.faults) == 10
    assert sum(one.count for one in counter.faults) == 50
