"""Suppression lists as a caller meets them: any number of numbers, bad ones named without being shown."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from outbound_chat import InvalidJob, InvalidNumbers, OutboundChat, Rejection, SettingsError
from outbound_chat.testing import InMemoryOutboundChat
from tests.support.harness import number


def listed(chat: OutboundChat, sender: str = "support") -> list[str]:
    return sorted({entry.number for entry in chat.suppressed(sender=sender)})


def test_numbers_are_put_on_a_list_and_taken_off(chat: OutboundChat) -> None:
    """The count tells an import what was news."""
    assert chat.suppress([number(1), number(2)], sender="support", reason="sent STOP") == 2
    assert chat.suppress([number(2), number(3)], sender="support") == 1
    assert chat.suppress([number(9)], sender="chat") == 1

    assert listed(chat) == [number(1), number(2), number(3)]
    (found,) = chat.suppressed([number(7), number(2)], sender="support")
    assert (found.number, found.reason) == (number(2), "sent STOP")
    assert chat.unsuppress([number(2), number(7)], sender="support") == 1
    assert listed(chat) == [number(1), number(3)]
    assert listed(chat, "chat") == [number(9)]


def test_bad_numbers_are_named_by_position_and_the_others_are_stored(chat: OutboundChat) -> None:
    """Whoever opted out must not be called because the row before was mistyped; and no log may show a number."""
    given: list[Any] = [number(1), "0171 5550123", 12025550123, "+12025550", number(2)]
    with pytest.raises(InvalidNumbers) as caught:
        chat.suppress(given, sender="support")

    assert [(error.field, error.code) for error in caught.value.errors] == [
        ("numbers.#2", "invalid_number"),
        ("numbers.#3", "wrong_type"),
        ("numbers.#4", "impossible_number"),
    ]
    assert not any(str(wrong) in str(caught.value) for wrong in given[1:4])
    assert listed(chat) == [number(1), number(2)]
    with pytest.raises(InvalidNumbers, match="#1"):
        chat.unsuppress(["x", number(1)], sender="support")
    assert listed(chat) == [number(2)]
    with pytest.raises(InvalidNumbers, match="#2"):
        list(chat.suppressed([number(2), "x"], sender="support"))


def test_an_opt_out_with_the_zero_of_calls_at_home_is_refused(chat: OutboundChat) -> None:
    """It would never be found: the customer's number is written without it."""
    with pytest.raises(InvalidNumbers, match="a 0 after the country code"):
        chat.suppress(["+4901701234567"], sender="support")


def test_an_exception_names_so_many_bad_numbers_and_counts_the_rest(chat: OutboundChat) -> None:
    """A file of another kind has a fault a line; the memory for them must be flat too."""
    with pytest.raises(InvalidNumbers, match="and 400 more") as caught:
        chat.suppress(["x"] * 500, sender="support")

    assert (len(caught.value.errors), caught.value.rejected) == (100, 500)


def test_rejections_go_to_whoever_asks_for_them(chat: OutboundChat) -> None:
    """A command names the lines of a file as it reads them."""
    rejections: list[Rejection] = []
    assert chat.suppress(["x", number(1)], sender="support", on_rejected=rejections.append) == 1
    assert [(one.row, one.errors[0].code) for one in rejections] == [(1, "invalid_number")]


def test_numbers_are_streamed_in_round_trips_of_500(chat: OutboundChat) -> None:
    """A list of millions must not be in memory at once."""
    read = 0
    progress: list[tuple[int, int, int]] = []

    def numbers() -> Iterator[str]:
        nonlocal read
        for index in range(1_200):
            read += 1
            yield number(index)

    added = chat.suppress(
        numbers(),
        sender="support",
        on_progress=lambda stored, rejected: progress.append((read, stored, rejected)),
    )

    assert added == 1_200
    assert progress == [(500, 500, 0), (1_000, 1_000, 0), (1_200, 1_200, 0)]
    assert len(listed(chat)) == 1_200
    assert len(list(chat.suppressed((number(index) for index in range(1_500)), sender="support"))) == 1_200
    assert chat.unsuppress((number(index) for index in range(1_500)), sender="support") == 1_200


def test_what_can_not_be_meant_is_refused_before_anything_is_stored(chat: OutboundChat) -> None:
    """A list that suppresses nobody would be trusted."""
    for call in (chat.suppress, chat.unsuppress):
        with pytest.raises(SettingsError, match="chat, support"):
            call([number(1)], sender="nobody")
        with pytest.raises(TypeError, match="list"):
            call(number(1), sender="support")
    with pytest.raises(SettingsError, match="chat, support"):
        chat.suppressed(sender="nobody")
    with pytest.raises(TypeError, match="list"):
        chat.suppressed(number(1), sender="support")
    with pytest.raises(InvalidJob, match="reason"):
        chat.suppress([number(1)], sender="support", reason="x" * 201)
    assert listed(chat) == []


def test_an_entry_shows_no_number_in_logs(chat: OutboundChat) -> None:
    """Who is on the list is personal."""
    chat.suppress([number(1)], sender="support", reason="asked Ana by phone")
    (found,) = chat.suppressed(sender="support")

    assert number(1) not in repr(found)
    assert "Ana" not in repr(found)


def test_the_client_for_asyncio_has_the_same_lists(chat: InMemoryOutboundChat) -> None:
    """FastAPI's webhook of incoming messages is where STOP arrives."""

    async def numbers() -> AsyncIterator[str]:
        for index in range(600):
            yield number(index)

    async def walk() -> None:
        async with chat.asynchronous() as client:
            assert await client.suppress(numbers(), sender="support", reason="sent STOP") == 600
            assert await client.suppress([number(1), number(601)], sender="support") == 1
            assert len({found.number async for found in client.suppressed(sender="support")}) == 601
            assert len([found async for found in client.suppressed(numbers(), sender="support")]) == 600
            assert await client.unsuppress([number(1)], sender="support") == 1
            assert [found async for found in client.suppressed([number(1)], sender="support")] == []
            with pytest.raises(InvalidNumbers, match="#1"):
                await client.suppress(["x"], sender="support")
            with pytest.raises(TypeError, match="list"):
                await client.suppress(number(1), sender="support")

    asyncio.run(walk())
