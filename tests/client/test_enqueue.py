"""Enqueueing: what is accepted, what is refused, and what a caller learns."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import fakeredis
import pytest
import time_machine

from outbound_chat import IdempotencyConflict, InvalidJob, JobState, OutboundChat, Priority, SettingsError, UnknownJob
from tests.client.conftest import REQUEST
from tests.support.harness import number


def _errors(caught: pytest.ExceptionInfo[InvalidJob]) -> set[tuple[str, str]]:
    return {(error.field, error.code) for error in caught.value.errors}


def test_a_job_is_in_redis_when_enqueue_returns(chat: OutboundChat) -> None:
    """The caller may throw the message away: from here on it is ours."""
    job = chat.enqueue(sender="support", to=number(1), text="Hello", tenant="acme", priority="urgent")

    assert chat.status(job.id) == job
    assert (job.state, job.final, job.attempts) == (JobState.QUEUED, False, 0)
    assert (job.sender, job.tenant, job.priority) == ("support", "acme", Priority.URGENT)


def test_a_raw_request_finds_its_sender_by_instance_and_source(chat: OutboundChat) -> None:
    """Teams move over by changing one line: the arguments stay those of boto3."""
    assert chat.enqueue_request(**REQUEST).sender == "support"


def test_a_raw_request_takes_our_options_beside_it(chat: OutboundChat) -> None:
    """Priority and idempotency have no place in the API's request."""
    job = chat.enqueue_request(sender="support", priority="bulk", idempotency_key="k", **REQUEST)

    assert job.priority is Priority.BULK
    assert chat.enqueue_request(sender="support", priority="bulk", idempotency_key="k", **REQUEST).id == job.id


def test_all_that_is_wrong_is_said_at_once(chat: OutboundChat) -> None:
    """Repairing one fault to meet the next is what people hate about forms."""
    with pytest.raises(InvalidJob) as caught:
        chat.enqueue(
            sender="support",
            to="12",
            text="x" * 1_025,
            tenant="a b",
            priority="quick",  # type: ignore[arg-type]
            send_at=datetime(2026, 1, 1),  # noqa: DTZ001  # a time without a zone is what is tested
            idempotency_key="",
        )

    assert _errors(caught) == {
        ("to", "invalid_number"),
        ("text", "too_long"),
        ("tenant", "invalid_name"),
        ("priority", "not_allowed"),
        ("send_at", "invalid_time"),
        ("idempotency_key", "too_long"),
    }


def test_errors_of_a_raw_request_have_api_paths(chat: OutboundChat) -> None:
    """The caller looks for the name it wrote."""
    request = {**REQUEST, "DestinationEndpoint": {"Type": "EMAIL_ADDRESS", "Address": "12"}}

    with pytest.raises(InvalidJob) as caught:
        chat.enqueue_request(**request)

    assert {field for field, _ in _errors(caught)} == {"DestinationEndpoint.Type", "DestinationEndpoint.Address"}


def test_an_unknown_sender_is_named_with_those_that_exist(chat: OutboundChat) -> None:
    """The most common slip of the first hour."""
    with pytest.raises(InvalidJob, match="known senders: chat, support") as caught:
        chat.enqueue(sender="nobody", to=number(1))

    assert _errors(caught) == {("sender", "unknown_sender")}


def test_a_refused_job_stores_nothing(chat: OutboundChat, redis: fakeredis.FakeRedis) -> None:
    """Half a job would be worse than none."""
    with pytest.raises(InvalidJob):
        chat.enqueue(sender="support", to="12")

    assert redis.keys() == []


def test_the_same_idempotency_key_and_content_give_the_same_job(chat: OutboundChat) -> None:
    """A web request that is repeated must not text the customer twice."""
    first = chat.enqueue(sender="support", to=number(1), text="Hello", idempotency_key="order-1")
    again = chat.enqueue(sender="support", to=number(1), text="Hello", idempotency_key="order-1")

    assert again.id == first.id


def test_the_same_idempotency_key_with_other_content_is_an_error(chat: OutboundChat) -> None:
    """Silently sending the first message again would hide a bug of the caller."""
    first = chat.enqueue(sender="support", to=number(1), text="Hello", idempotency_key="order-1")

    with pytest.raises(IdempotencyConflict) as caught:
        chat.enqueue(sender="support", to=number(1), text="Other", idempotency_key="order-1")
    assert caught.value.job_id == first.id


def test_an_idempotency_key_belongs_to_one_tenant(chat: OutboundChat) -> None:
    """Tenants number their orders alike."""
    first = chat.enqueue(sender="support", to=number(1), text="Hello", idempotency_key="1", tenant="a")
    other = chat.enqueue(sender="support", to=number(1), text="Hello", idempotency_key="1", tenant="b")

    assert first.id != other.id


def test_a_job_for_later_is_scheduled_and_says_when(chat: OutboundChat) -> None:
    """Where is my message? It waits for its time."""
    send_at = datetime.now(UTC).replace(microsecond=0) + timedelta(days=300)
    job = chat.enqueue(sender="support", to=number(1), text="Hello", send_at=send_at)

    assert (job.state, job.send_at, job.next_attempt_at) == (JobState.SCHEDULED, send_at, send_at)
    assert job.expires_at == send_at + timedelta(days=3)


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"send_at": datetime.now(UTC) + timedelta(days=366)}, "send_at"),
        ({"expires_at": datetime.now(UTC) - timedelta(seconds=1)}, "expires_at"),
        (
            {
                "send_at": datetime.now(UTC) + timedelta(hours=2),
                "expires_at": datetime.now(UTC) + timedelta(hours=1),
            },
            "expires_at",
        ),
        ({"send_at": datetime.now(UTC) - timedelta(minutes=5, seconds=30)}, "send_at"),
        ({"send_at": datetime(2016, 12, 1, 9, tzinfo=UTC)}, "send_at"),
        ({"send_at": datetime.min.replace(tzinfo=UTC)}, "send_at"),
        ({"send_at": datetime.min.replace(tzinfo=timezone(timedelta(hours=14)))}, "send_at"),
        ({"send_at": datetime.max.replace(tzinfo=UTC)}, "send_at"),
        ({"send_at": datetime.max.replace(tzinfo=timezone(-timedelta(hours=14)))}, "send_at"),
        ({"expires_at": datetime.min.replace(tzinfo=timezone(timedelta(hours=14)))}, "expires_at"),
        ({"expires_at": datetime.max.replace(tzinfo=timezone(-timedelta(hours=14)))}, "expires_at"),
        ({"send_at": "2027-01-01T00:00:00Z"}, "send_at"),
    ],
)
def test_impossible_times_are_refused(chat: OutboundChat, options: Any, field: str) -> None:
    """A job that can never go, or only after a year, is a slip."""
    with pytest.raises(InvalidJob) as caught:
        chat.enqueue(sender="support", to=number(1), **options)

    assert _errors(caught) == {(field, "invalid_time")}


def test_a_time_that_has_just_passed_is_taken(chat: OutboundChat) -> None:
    """A clock may be some minutes ahead, and a call slow."""
    just_now = datetime.now(UTC) - timedelta(minutes=4)
    assert chat.enqueue(sender="support", to=number(1), send_at=just_now).state is JobState.QUEUED


@pytest.mark.parametrize("name", ["send_at", "expires_at"])
def test_a_call_that_is_repeated_when_its_time_has_passed_gets_its_job(chat: OutboundChat, name: str) -> None:
    """The same key and content give the same job for as long as its record lives; a new one is refused."""
    due: Any = {name: datetime.now(UTC) + timedelta(hours=1)}
    first = chat.enqueue(sender="support", to=number(1), idempotency_key="a", **due)

    with time_machine.travel(datetime.now(UTC) + timedelta(days=1)):
        again = chat.enqueue(sender="support", to=number(1), idempotency_key="a", **due)
        with pytest.raises(IdempotencyConflict):
            chat.enqueue(sender="support", to=number(2), idempotency_key="a", **due)
        keys: list[Any] = [{"idempotency_key": "b"}, {"idempotency_key": "a", "tenant": "shop"}]
        for key in keys:
            with pytest.raises(InvalidJob) as caught:
                chat.enqueue(sender="support", to=number(1), **due, **key)
            assert _errors(caught) == {(name, "invalid_time")}

    assert (again.id, again.repeated) == (first.id, True)


@pytest.mark.parametrize(
    "job_id", ["", "x", "main.", "main.{other}:j:1", "main.*", "other}:x.01JD2Y8Q6ZK4X0B7V5N3M1C9TR"]
)
def test_what_can_not_be_an_id_is_an_unknown_job(chat: OutboundChat, job_id: str) -> None:
    """Ids come from outside: none of them may reach another key."""
    for verb in (chat.status, chat.cancel, chat.wait):
        with pytest.raises(UnknownJob):
            verb(job_id)


def test_many_jobs_are_read_at_once_and_unknown_ones_are_none(chat: OutboundChat) -> None:
    """Services poll by the thousand."""
    jobs = [chat.enqueue(sender="support", to=number(index)) for index in range(3)]
    unknown = f"main.{'0' * 26}"

    found = chat.statuses([*(job.id for job in jobs), unknown, "nonsense"])

    assert list(found) == [*(job.id for job in jobs), unknown, "nonsense"]
    assert list(found.values()) == [*jobs, None, None]


def test_no_repr_shows_a_number_or_a_text(chat: OutboundChat) -> None:
    """Logs and traces are read by many."""
    job = chat.enqueue(sender="support", to=number(123), text="a secret text")
    with pytest.raises(InvalidJob) as caught:
        chat.enqueue(sender="support", to="+12x", text="a secret text" * 100)

    for shown in (repr(job), str(caught.value), repr(caught.value)):
        assert number(123) not in shown
        assert "+12x" not in shown
        assert "secret" not in shown


def test_plain_values_that_are_refused_raise_a_settings_error() -> None:
    """Settings given in code get the same sentences as those of a file."""
    with pytest.raises(SettingsError, match=r"senders\.support\.channel"):
        OutboundChat(senders={"support": {"channel": "fax"}})
