"""Jobs are found without their ids: by what they have in common, by idempotency key, by number."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from outbound_chat import InvalidJob, JobState, MissingEncryptionKey, SettingsError
from outbound_chat.client.steps import find
from outbound_chat.encryption import new_key
from outbound_chat.testing import InMemoryOutboundChat
from outbound_chat_config import Settings
from tests.support.harness import number

from .conftest import VALUES

KEYS = {"keys": [new_key()], "number_key": new_key()}
BY_NUMBER: dict[str, Any] = {**VALUES, "encryption": KEYS, "results": {"find_by_number": True}}


@pytest.fixture
def finder() -> Iterator[InMemoryOutboundChat]:
    """A client that finds numbers."""
    with InMemoryOutboundChat(**BY_NUMBER) as client:
        yield client


def enqueue(chat: InMemoryOutboundChat, index: int = 1, **more: Any) -> str:
    return chat.enqueue(**{"sender": "support", "to": number(index), "text": "Hello", **more}).id


def found(chat: InMemoryOutboundChat, **chosen: Any) -> list[str]:
    return [job.id for job in chat.each_job(**chosen)]


def test_single_jobs_are_listed_the_newest_first(chat: InMemoryOutboundChat) -> None:
    ids = [enqueue(chat, index) for index in range(5)]
    receipt = chat.enqueue_batch([{"to": number(9), "text": "Hello"}], sender="support")
    ids += [job.id for job in chat.enqueue_many([{"sender": "support", "to": number(1), "text": "Hi"}] * 2)]  # type: ignore[union-attr]

    assert found(chat) == ids[::-1]
    assert f"{receipt.id}-1" not in found(chat)


def test_filters_leave_out_what_does_not_fit(chat: InMemoryOutboundChat) -> None:
    plain = enqueue(chat)
    urgent = enqueue(chat, tenant="acme")
    other = enqueue(chat, sender="chat")
    refused = chat.finish(enqueue(chat, tenant="acme"), "failed", code="refused").id
    later = enqueue(chat, send_at=chat.clock.now() + timedelta(days=1))

    assert found(chat, sender="support") == [later, refused, urgent, plain]
    assert found(chat, sender=["chat", "nosuch"]) == [other]
    assert found(chat, tenant="acme") == [refused, urgent]
    assert found(chat, state=JobState.FAILED) == found(chat, code="refused") == [refused]
    assert found(chat, state="scheduled") == [later]
    assert found(chat, tenant="acme", state="queued", sender="support") == [urgent]
    assert found(chat, sender=()) == []


def test_a_job_that_was_sent_in_the_end_has_no_code(chat: InMemoryOutboundChat) -> None:
    """Whoever looks for `refused` looks for what went wrong."""
    sent = enqueue(chat)
    chat.finish(sent)
    assert found(chat, state="sent") == [sent]
    assert found(chat, code="refused") == []


def test_times_are_those_of_enqueuing_from_the_first_up_to_the_second(chat: InMemoryOutboundChat) -> None:
    ids, times = [], []
    for _ in range(4):
        ids.append(enqueue(chat))
        times.append(chat.status(ids[-1]).created_at)
        chat.clock.move(timedelta(hours=1))

    assert found(chat, since=times[1]) == ids[:0:-1]
    assert found(chat, until=times[2]) == ids[1::-1]
    assert found(chat, since=times[1], until=times[3]) == [ids[2], ids[1]]


@pytest.mark.parametrize("chosen", [{}, {"tenant": "odd"}])
@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8, 14])
def test_pages_have_every_job_once(chat: InMemoryOutboundChat, limit: int, chosen: dict[str, Any]) -> None:
    ids = [enqueue(chat, index, tenant="odd" if index % 2 else None) for index in range(14)]
    page = chat.jobs(limit=limit, **chosen)
    seen = [*page.jobs]
    enqueue(chat, tenant="odd")  # what comes meanwhile moves nothing
    while page.cursor:
        page = chat.jobs(limit=limit, cursor=page.cursor, **chosen)
        assert len(page.jobs) <= limit
        seen += page.jobs
    assert [job.id for job in seen] == ids[:: -2 if chosen else -1]


def test_a_page_looks_at_a_bounded_number_of_jobs(chat: InMemoryOutboundChat, monkeypatch: pytest.MonkeyPatch) -> None:
    """One look for a rare job must not hold up a server with a million others; its cursor goes on."""
    monkeypatch.setattr(find, "MOST_LOOKED", 50)
    rare = [enqueue(chat, tenant="rare") for _ in range(2)]
    jobs = [{"sender": "support", "to": number(index), "text": "Hello"} for index in range(100)]
    chat.enqueue_many(jobs)  # type: ignore[arg-type]
    rare.append(enqueue(chat, tenant="rare"))

    pages = [chat.jobs(tenant="rare")]
    while pages[-1].cursor:
        pages.append(chat.jobs(tenant="rare", cursor=pages[-1].cursor))
    assert [[job.id for job in page.jobs] for page in pages] == [[rare[2]], [], [], rare[1::-1]]
    last = rare[2].removeprefix("main.")
    assert [page.cursor for page in pages] == [last, f"{last}:1", f"{last}:2", None]
    assert found(chat, tenant="rare") == rare[::-1]


@pytest.mark.parametrize("others", [0, 1, 7])
def test_what_others_send_changes_no_page(chat: InMemoryOutboundChat, others: int) -> None:
    """A cursor that did would say how many messages the others of a list have."""
    ids = []
    for _ in range(3):
        ids.append(enqueue(chat, tenant="own").removeprefix("main."))
        for _ in range(others):
            enqueue(chat, tenant="other")

    page = chat.jobs(tenant="own", limit=2)
    assert (len(page.jobs), page.cursor) == (2, ids[1])
    assert chat.jobs(tenant="own", limit=3).cursor is None
    assert chat.jobs(tenant="own", limit=1, cursor=page.cursor).cursor is None


def test_an_idempotency_key_finds_its_job_be_it_a_row_or_not(chat: InMemoryOutboundChat) -> None:
    single = enqueue(chat, idempotency_key="order-1")
    of_tenant = enqueue(chat, idempotency_key="order-1", tenant="acme")
    batch = chat.enqueue_batch([{"to": number(1), "text": "Hi", "idempotency_key": "order-2"}], sender="support").id

    assert found(chat, idempotency_key="order-1") == [single]
    assert found(chat, idempotency_key="order-1", tenant="acme") == [of_tenant]
    assert found(chat, idempotency_key="order-2") == [f"{batch}-1"]
    assert found(chat, idempotency_key="order-2", sender="chat") == []
    assert found(chat, idempotency_key="order-3") == []


def test_a_key_that_another_program_overwrote_is_an_error_and_not_no_job(chat: InMemoryOutboundChat) -> None:
    enqueue(chat, idempotency_key="order-1")
    (name,) = chat._memory.redis.keys("*idem:*")
    chat._memory.redis.set(name, "?")
    with pytest.raises(InvalidJob, match="overwritten in Redis by another program"):
        chat.jobs(idempotency_key="order-1")


def test_a_number_finds_all_its_jobs(finder: InMemoryOutboundChat) -> None:
    first, other = enqueue(finder, 1), enqueue(finder, 2)
    batch = finder.enqueue_batch([{"to": number(index)} for index in (1, 2)], sender="chat", text="Hello").id
    finder.finish(first)
    replayed = enqueue(finder, 3)
    finder.finish(replayed, "failed", code="refused")
    again = finder.replay(replayed, text="Hello again").id

    assert found(finder, to=number(1)) == [f"{batch}-1", first]
    assert found(finder, to=number(1), state="sent") == [first]
    assert found(finder, to=number(2), sender="support") == [other]
    assert found(finder, to=number(3)) == [again, replayed]
    assert found(finder, to=number(4)) == []
    page = finder.jobs(to=number(1), limit=1)
    assert [job.id for job in finder.jobs(to=number(1), cursor=page.cursor).jobs] == [first]


def test_a_raw_request_is_found_by_its_number(finder: InMemoryOutboundChat) -> None:
    address = {"Type": "TELEPHONE_NUMBER", "Address": number(7)}
    message = {"ContentType": "text/plain", "Content": "Hello"}
    job = finder.enqueue_request(sender="support", DestinationEndpoint=address, InitialSystemMessage=message)

    assert found(finder, to=number(7)) == [job.id]


def test_redis_learns_no_number(finder: InMemoryOutboundChat) -> None:
    """A list by plain numbers, or by a hash that needs no key, would be a list of customers."""
    enqueue(finder, 5)
    found(finder, to=number(5))
    redis = finder._memory.redis
    names = redis.keys("*by_number*")
    assert len(names) == 1
    assert not [name for name in redis.keys("*") if number(5)[2:] in name]


def test_a_search_with_another_number_key_does_not_say_that_there_is_nothing(finder: InMemoryOutboundChat) -> None:
    enqueue(finder, 1)
    changed = InMemoryOutboundChat(**{**BY_NUMBER, "encryption": {**KEYS, "number_key": new_key()}})
    changed._store = finder._store
    with pytest.raises(MissingEncryptionKey, match=r"another encryption\.number_key") as refused:
        found(changed, to=number(1))
    assert number(1) not in str(refused.value)
    later = [enqueue(changed, 1) for _ in range(3)]
    assert found(changed, to=number(1)) == later[::-1]
    assert found(changed, to=number(1), state="failed") == []
    page = changed.jobs(to=number(1), limit=2)
    for id_ in later[:2]:
        finder._memory.redis.delete(*finder._memory.redis.keys(f"*j:{id_.removeprefix('main.')}"))
    assert changed.jobs(to=number(1), cursor=page.cursor).jobs == ()
    assert found(changed, to=number(1), state="queued") == later[2:]


def test_without_the_setting_a_number_is_refused_with_its_name(chat: InMemoryOutboundChat) -> None:
    with pytest.raises(InvalidJob, match=r"to: needs results\.find_by_number = true") as refused:
        chat.jobs(to=number(1))
    assert number(1) not in str(refused.value)


@pytest.mark.parametrize(
    ("encryption", "fix"), [({}, "with new-key"), ({**KEYS, "write_plain": True}, "set write_plain to false")]
)
def test_the_setting_needs_keys_and_says_so(encryption: Any, fix: str) -> None:
    """A hash without a key would be undone in minutes."""
    with pytest.raises(SettingsError, match=rf"results\.find_by_number needs \[encryption\].*{fix}"):
        Settings.from_values(**VALUES, encryption=encryption, results={"find_by_number": True})


def test_a_client_that_lists_nothing_writes_no_list() -> None:
    with InMemoryOutboundChat(**VALUES, results={"listed_jobs": 0}) as chat:
        enqueue(chat)
        assert found(chat) == []
        assert not chat._memory.redis.keys("*listed*")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"state": "lost"}, "state"),
        ({"since": datetime(2026, 1, 1)}, "since"),  # noqa: DTZ001  # the fault
        ({"until": "2h"}, "until"),
        ({"limit": 0}, "limit"),
        ({"limit": 501}, "limit"),
        *(({"cursor": cursor}, "cursor") for cursor in ("x", "1", "", ":", ":0", f"{'0' * 26}:", f"{'U' * 26}")),
        ({"idempotency_key": ""}, "idempotency_key"),
        ({"to": "12"}, "to"),
        ({"to": number(1), "idempotency_key": "a"}, "to"),
    ],
)
def test_a_wrong_filter_is_refused(finder: InMemoryOutboundChat, wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidJob) as refused:
        finder.jobs(**wrong)
    assert [error.field for error in refused.value.errors] == [field]


def test_a_misspelt_filter_does_not_list_everything(chat: InMemoryOutboundChat) -> None:
    with pytest.raises(TypeError, match="sendr"):
        chat.jobs(sendr="support")  # type: ignore[call-arg]  # the fault
    with pytest.raises(SettingsError, match="nosuch"):
        chat.jobs(budget="nosuch")


def test_asyncio_finds_the_same(finder: InMemoryOutboundChat) -> None:
    ids = [enqueue(finder, 1) for _ in range(3)]

    async def walk() -> list[str]:
        async with finder.asynchronous() as chat:
            page = await chat.jobs(limit=2, since=datetime(2026, 1, 1, tzinfo=UTC))
            assert [job.id for job in page.jobs] == ids[:0:-1]
            return [job.id async for job in chat.each_job(to=number(1))]

    assert asyncio.run(walk()) == ids[::-1]
