"""`expires_in`: a duration in place of a time, for what is worth nothing later, such as a code."""

from datetime import UTC, datetime, timedelta
from typing import Any

import fakeredis
import pytest
import time_machine

from outbound_chat import IdempotencyConflict, InvalidJob, OutboundChat
from outbound_chat.store import Store
from outbound_chat.testing import InMemoryOutboundChat
from tests.support.harness import number, sender

MINUTES = timedelta(minutes=10)


def _errors(caught: pytest.ExceptionInfo[InvalidJob]) -> list[tuple[str, str]]:
    return [(error.field, error.code) for error in caught.value.errors]


def test_it_counts_from_now(chat: OutboundChat) -> None:
    before = datetime.now(UTC)
    job = chat.enqueue(sender="support", to=number(1), text="Your code is 1", expires_in=MINUTES)
    after = datetime.now(UTC)

    least = timedelta(milliseconds=1)
    assert before - least <= job.expires_at - MINUTES <= after
    assert chat.status(job.id).expires_at == job.expires_at


def test_it_counts_from_send_at_where_there_is_one(chat: OutboundChat) -> None:
    """A reminder for tomorrow is not late today."""
    send_at = (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=0)
    job = chat.enqueue(sender="support", to=number(1), text="Hello", send_at=send_at, expires_in=MINUTES)
    assert job.expires_at == send_at + MINUTES


def test_rows_and_raw_requests_take_it_too(chat: OutboundChat) -> None:
    rows: list[Any] = [{"to": number(1), "expires_in": MINUTES}, {"to": number(2)}]
    receipt = chat.enqueue_batch(rows, sender="support", text="Hello")
    first, second = (chat.status(f"{receipt.id}-{row}") for row in (1, 2))
    assert first.expires_at - first.created_at < timedelta(hours=1) < second.expires_at - second.created_at

    raw = chat.enqueue_request(
        sender="support",
        DestinationEndpoint={"Type": "TELEPHONE_NUMBER", "Address": number(1)},
        InitialSystemMessage={"ContentType": "text/plain", "Content": "Hello"},
        expires_in=MINUTES,
    )
    assert raw.expires_at - raw.created_at < timedelta(hours=1)


def test_it_and_expires_at_together_are_refused(chat: OutboundChat) -> None:
    both: Any = {"expires_in": MINUTES, "expires_at": datetime.now(UTC) + MINUTES}
    with pytest.raises(InvalidJob, match="leave out one of the two") as caught:
        chat.enqueue(sender="support", to=number(1), **both)
    assert _errors(caught) == [("expires_in", "given_twice")]


@pytest.mark.parametrize(
    "wrong",
    [timedelta(0), timedelta(seconds=-1), timedelta(microseconds=1), timedelta(days=366), timedelta.max, 600, "10m"],
)
def test_what_is_no_duration_is_refused(chat: OutboundChat, wrong: Any) -> None:
    said = "more than zero and at most a year" if isinstance(wrong, timedelta) else r"such as timedelta\(minutes=10\)"
    with pytest.raises(InvalidJob, match=said) as caught:
        chat.enqueue(sender="support", to=number(1), expires_in=wrong)
    assert _errors(caught) == [("expires_in", "invalid_time")]


def test_it_is_refused_with_a_send_at_that_is_too_far_away(chat: OutboundChat) -> None:
    with pytest.raises(InvalidJob) as caught:
        chat.enqueue(sender="support", to=number(1), send_at=datetime.max.replace(tzinfo=UTC), expires_in=MINUTES)
    assert _errors(caught) == [("send_at", "invalid_time")]


def test_a_repeated_call_gives_the_same_job_whenever_it_comes(chat: OutboundChat) -> None:
    """What was asked for is the duration: the time that it leads to is another one at each call."""
    asked: Any = {"sender": "support", "to": number(1), "text": "Hello", "idempotency_key": "order-17"}
    with time_machine.travel(datetime.now(UTC), tick=False) as clock:
        job = chat.enqueue(**asked, expires_in=MINUTES)
        for later in (timedelta(seconds=1), timedelta(hours=1)):
            clock.shift(later)
            again = chat.enqueue(**asked, expires_in=MINUTES)
            assert (again.id, again.repeated) == (job.id, True)
            assert again.expires_at == job.expires_at

    others: list[Any] = [{"expires_in": timedelta(minutes=11)}, {"expires_at": job.expires_at}, {}]
    for other in others:
        with pytest.raises(IdempotencyConflict):
            chat.enqueue(**asked, **other)


def test_rows_that_are_given_again_are_duplicates(chat: OutboundChat) -> None:
    rows: list[Any] = [{"to": number(1), "idempotency_key": "a", "expires_in": MINUTES}]
    with time_machine.travel(datetime.now(UTC), tick=False) as clock:
        assert chat.enqueue_batch(rows, sender="support").accepted == 1
        clock.shift(60)
        assert chat.enqueue_batch(rows, sender="support").duplicates == 1


def test_jobs_without_it_hash_as_they_always_did(redis: fakeredis.FakeRedis, chat: OutboundChat) -> None:
    """Producers of two versions work side by side: the same call is the same job for both."""
    at = datetime(2030, 1, 1, tzinfo=UTC)
    with time_machine.travel(datetime(2029, 12, 31, tzinfo=UTC), tick=False):
        chat.enqueue(sender="support", to=number(1), text="Hello", expires_at=at, idempotency_key="k")
    (name,) = redis.scan_iter("oc:{main}:idem:*")
    assert str(redis.get(name)).endswith(" 93d1c154e800520cae55af58b32e50a3")


def test_one_that_passes_in_quiet_hours_is_refused_by_its_name() -> None:
    london, senders = "+442079460100", {"night": sender(quiet_hours="00:00-23:59")}
    with fakeredis.FakeRedis(decode_responses=True) as redis:
        chat = OutboundChat(store=Store("redis://", client=redis), senders=senders)
        midday = (datetime.now(UTC) + timedelta(days=3)).replace(hour=12)
        with pytest.raises(InvalidJob, match="quiet hours") as caught:
            chat.enqueue(sender="night", to=london, send_at=midday, expires_in=MINUTES)
    assert _errors(caught) == [("expires_in", "invalid_time")]


def test_it_adds_no_fault_to_one_of_what_it_counts_from() -> None:
    """Who corrects `send_at` has nothing else to correct; and a time that has passed is one fault, not two."""
    senders, now = {"day": sender(), "night": sender(quiet_hours="00:00-23:59")}, datetime.now(UTC)
    with InMemoryOutboundChat(senders=senders) as chat:
        for one in senders:
            for back, field in ((timedelta(days=9), "send_at"), (timedelta(minutes=4), "expires_in")):
                asked: Any = {"send_at": now - back, "expires_in": timedelta(minutes=1), "bogus": 1}
                with pytest.raises(InvalidJob) as caught:
                    chat.enqueue(sender=one, to="+442079460100", **asked)
                assert sorted(_errors(caught)) == [("bogus", "unknown_field"), (field, "invalid_time")]
