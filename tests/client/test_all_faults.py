"""Everything that is wrong is said at once, whatever its kind: who repairs one fault must not meet the next.

Each test takes a valid request and spoils some of its fields. What is named must be these and no others: a fault that
follows from another one would send its reader looking for what is not there.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import fakeredis
import pytest
from hypothesis import given, strategies as st

from outbound_chat import InvalidJob, OutboundChat
from outbound_chat.model.errors import FieldError
from outbound_chat.request.templates import Template
from outbound_chat.rows import CsvReader, JsonReader
from outbound_chat.store import Store
from tests.client.conftest import REQUEST
from tests.fuzz.hostile import fuzzed
from tests.support.harness import SOURCE, number, sender

MISSING = object()
NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001  # a time without a zone is what is wrong with it
PAST = datetime(2020, 1, 1, tzinfo=UTC)
OWN: dict[str, Any] = {
    "tenant": "a b",
    "priority": "quick",
    "send_at": NAIVE,
    "expires_at": PAST,
    "idempotency_key": "",
    "callback_url": "ftp://example.com/",
    "durability": "never",
}
SHORT: dict[str, Any] = {
    "text": "",
    "display_name": "",
    "contact_flow_id": 7,
    "attributes": {"a b": "x"},
    "segment_attributes": {"wave": 1.5},
    "chat_duration_in_minutes": 5,
    "participant_details": {},
    "initial_system_message": {"ContentType": "text/html", "Content": "x"},
    "initial_templated_system_message": {"KnowledgeBaseId": "kb"},
    "related_contact_id": "",
    "supported_messaging_content_types": [],
    "client_token": "x" * 501,
    "prioritty": "urgent",
    "txt": "x",
}
RAW: dict[str, Any] = {
    "DestinationEndpoint": {"Type": "TELEPHONE_NUMBER", "Address": "abc"},
    "SourceEndpoint": {"Type": "VOIP", "Address": SOURCE},
    "InstanceId": "",
    "ContactFlowId": 7,
    "SegmentAttributes": {"wave": {}},
    "Attributes": {"a b": "x"},
    "ChatDurationInMinutes": 5,
    "ParticipantDetails": {},
    "InitialSystemMessage": {"ContentType": "text/plain"},
    "InitialTemplatedSystemMessage": {"KnowledgeBaseId": "kb"},
    "RelatedContactId": "",
    "SupportedMessagingContentTypes": [],
    "ClientToken": "",
    "Prioritty": "x",
    "text": "belongs to the short form",
}


def spoiled(valid: dict[str, Any], wrong: dict[str, Any], names: set[str]) -> dict[str, Any]:
    """The request with these fields wrong, or without them."""
    made = {**valid, **{name: wrong[name] for name in names}}
    return {name: value for name, value in made.items() if value is not MISSING}


def some_of(wrong: dict[str, Any]) -> st.SearchStrategy[set[str]]:
    """Some fields to spoil."""
    return st.sets(st.sampled_from(sorted(wrong)), min_size=1)


def named(errors: tuple[FieldError, ...]) -> set[str]:
    """The fields that errors are about, without what is inside of them."""
    return {error.field.partition(".")[0] for error in errors}


def refused(call: Any, *args: Any, **options: Any) -> set[str]:
    """The fields by which a call is refused."""
    with pytest.raises(InvalidJob) as caught:
        call(*args, **options)
    assert len(set(caught.value.errors)) == len(caught.value.errors), "each once"
    return named(caught.value.errors)


JOB_FAULTS = {"sender": "nix", "to": "abc", **OWN, **SHORT}


@fuzzed
@given(some_of(JOB_FAULTS))
def test_all_that_is_wrong_with_a_job_is_said(chat: OutboundChat, names: set[str]) -> None:
    job = spoiled({"sender": "support", "to": number(1)}, JOB_FAULTS, names)
    assert refused(chat.enqueue, **job) == names
    (outcome,) = chat.enqueue_many([job])  # type: ignore[list-item]  # a wrong one is what is tested
    assert isinstance(outcome, InvalidJob)
    assert named(outcome.errors) == names


@fuzzed
@given(some_of(JOB_FAULTS))
def test_what_is_missing_is_said_with_what_is_wrong(chat: OutboundChat, names: set[str]) -> None:
    names = names | {"sender", "to"}
    job = spoiled({}, {**JOB_FAULTS, "sender": MISSING, "to": MISSING}, names)
    assert refused(chat.enqueue, **job) == names


@fuzzed
@given(some_of({**RAW, **OWN}), st.sampled_from(["support", "nix", MISSING]))
def test_all_that_is_wrong_with_a_raw_request_is_said(chat: OutboundChat, names: set[str], by: object) -> None:
    request = spoiled({**REQUEST, "sender": by}, {**RAW, **OWN}, names)
    expected = names | ({"sender"} if by == "nix" else set())
    assert refused(chat.enqueue_request, **request) == expected


def test_a_sender_that_is_not_found_hides_nothing_and_adds_nothing(chat: OutboundChat) -> None:
    """What depends on the sender is not known then: its number, its channel, its instance."""
    assert refused(chat.enqueue, sender="nix", to="abc", text="") == {"sender", "to", "text"}
    assert refused(chat.enqueue, sender="nix", to=number(1), text="x" * 2_000) == {"sender"}
    assert refused(chat.enqueue, sender="nix", to=number(1), text="x" * 5_000) == {"sender", "text"}, "too long for all"
    subtype = {"connect:Subtype": {"ValueString": "connect:WhatsApp"}}
    request = {**REQUEST, "InstanceId": "other", "SegmentAttributes": subtype, "DestinationEndpoint": {}}
    assert refused(chat.enqueue_request, **request) == {"InstanceId", "DestinationEndpoint"}
    del request["SourceEndpoint"], request["InstanceId"]
    assert refused(chat.enqueue_request, **request) == {"InstanceId", "SourceEndpoint", "DestinationEndpoint"}
    for endpoint in (5, ["x"], "x"):
        with pytest.raises(InvalidJob) as caught:
            chat.enqueue_request(**{**REQUEST, "SourceEndpoint": endpoint})
        assert [(error.field, error.code) for error in caught.value.errors] == [("SourceEndpoint", "wrong_type")]


def test_both_times_may_be_wrong(chat: OutboundChat) -> None:
    for send_at, expires_at in ((PAST, PAST + timedelta(days=1)), (NAIVE, NAIVE), (PAST, PAST)):
        for key in (None, "order-1"):
            times = {"send_at": send_at, "expires_at": expires_at, "idempotency_key": key}
            assert refused(chat.enqueue, sender="support", to=number(1), **times) == {"send_at", "expires_at"}
            assert refused(chat.enqueue, sender="support", to="", **times) == {"send_at", "expires_at", "to"}


def test_two_options_for_the_same_thing_are_both_checked(chat: OutboundChat) -> None:
    twice = {"text": "", "initial_system_message": {}, "display_name": "", "participant_details": {"DisplayName": 7}}
    assert refused(chat.enqueue, sender="support", to=number(1), **twice) == set(twice)


def test_quiet_hours_are_looked_at_beside_other_faults() -> None:
    """As long as number and times are known: the rest says nothing about them."""
    quiet = sender(quiet_hours="00:00-23:59", quiet_zone="UTC")
    store = Store("redis://", client=fakeredis.FakeRedis(decode_responses=True))
    with OutboundChat(store=store, senders={"q": quiet}) as chat:
        day = (datetime.now(UTC) + timedelta(days=1)).replace(hour=12)
        times = {"send_at": day, "expires_at": day + timedelta(hours=1)}
        assert refused(chat.enqueue, sender="q", to=number(1), **times) == {"expires_at"}
        assert refused(chat.enqueue, sender="q", to=number(1), text="", **times) == {"expires_at", "text"}
        assert refused(chat.enqueue, sender="q", to="abc", **times) == {"to"}
        (row,) = chat.enqueue_batch([{"to": number(1), "text": "", **times}], sender="q").rejections
        assert named(row.errors) == {"expires_at", "text"}


ROW_FAULTS = {"to": "abc", **OWN, "tenant": "other", "sender": "chat", **SHORT}


@fuzzed
@given(some_of(ROW_FAULTS))
def test_all_that_is_wrong_with_a_row_is_said(chat: OutboundChat, names: set[str]) -> None:
    rows = [spoiled({"to": number(1)}, ROW_FAULTS, names), spoiled({}, {**ROW_FAULTS, "to": MISSING}, names | {"to"})]
    receipt = chat.enqueue_batch(rows, sender="support")
    assert [named(row.errors) for row in receipt.rejections] == [names, names | {"to"}]
    assert chat.preflight_batch(rows, sender="support").rejections == receipt.rejections


CELLS = {
    "to": b"abc",
    "text": b"\xff",
    "send_at": b"yesterday",
    "expires_at": b"2020-01-01T00:00:00Z",
    "idempotency_key": b"x" * 256,
    "callback_url": b"ftp://example.com/",
    "tenant": b"other",
    "chat_duration_in_minutes": b"long",
    "attributes.order": b"\xfe",
    "attributes.a b": b"x",
    "segment_attributes.wave": b"x" * 1_025,
    "order": b"\xff",
}


@fuzzed
@given(some_of(CELLS))
def test_all_that_is_wrong_with_a_row_of_a_file_is_said(chat: OutboundChat, names: set[str]) -> None:
    """What is no text or no time, with what the row asks for."""
    cells = {"to": number(1).encode(), "order": b"7", **{name: CELLS[name] for name in names}}
    template = "Order {order}"
    reader = CsvReader(template=Template.parse(template))
    content = b",".join(name.encode() for name in cells) + b"\n" + b",".join(cells.values()) + b"\n"
    jobs = [row.job() for row in (*reader.feed(content), *reader.end())]
    (row,) = chat.preflight_batch(jobs, sender="support", template=template).rejections
    wanted = {name.partition(".")[0] for name in names}
    assert named(row.errors) == wanted
    if {"attributes.order", "attributes.a b"} <= names:
        assert {error.code for error in row.errors} >= {"not_unicode", "invalid_key"}


def test_all_that_is_wrong_with_a_json_row_is_said(chat: OutboundChat) -> None:
    reader = JsonReader()
    line = b'{"to":"abc","send_at":"soon","attributes":{"a b":"x"},"attributes.b":"y","attributes.c":"z","txt":"x"}\n'
    jobs = [row.job() for row in (*reader.feed(line), *reader.end())]
    (row,) = chat.enqueue_batch(jobs, sender="support").rejections
    assert sorted((error.field, error.code) for error in row.errors) == [
        ("attributes", "given_twice"),
        ("attributes.#1", "invalid_key"),
        ("send_at", "invalid_time"),
        ("to", "invalid_number"),
        ("txt", "unknown_field"),
    ]


SHARED_FAULTS = {
    **{name: OWN[name] for name in ("tenant", "priority", "callback_url", "durability")},
    **SHORT,
    "sender": "nix",
    "name": "\n",
    "batch_key": "",
    "weight": 0,
    "concurrency": 0,
    "template": {"text": "{", "display_name": 7, "attributes": []},
    "to": number(1),
    "send_at": PAST,
}


@fuzzed
@given(some_of(SHARED_FAULTS))
def test_all_that_is_wrong_with_the_options_of_a_batch_is_said(
    chat: OutboundChat, redis: fakeredis.FakeRedis, names: set[str]
) -> None:
    shared = spoiled({"sender": "support"}, SHARED_FAULTS, names)
    assert refused(chat.enqueue_batch, [{"to": number(1)}], **shared) == names
    for of_a_batch in ("name", "batch_key"):
        shared.pop(of_a_batch, None)
    if names - {"name", "batch_key"}:
        assert refused(chat.preflight_batch, [], **shared) == names - {"name", "batch_key"}
    assert redis.keys() == []


def test_text_and_template_together_hide_nothing(chat: OutboundChat) -> None:
    shared: dict[str, Any] = {"text": "", "template": "Hello {name", "weight": 0}
    assert refused(chat.enqueue_batch, [], sender="nix", **shared) == {"sender", "text", "template", "weight"}
    with pytest.raises(InvalidJob) as caught:
        chat.enqueue_batch([], sender="support", text="Hello", template={"text": "Hello {name}", "display_name": ""})
    assert [(error.field, error.code) for error in caught.value.errors] == [
        ("text", "given_twice"),
        ("display_name", "too_short"),
    ]
    with pytest.raises(InvalidJob) as caught:
        chat.enqueue_batch([], sender="support", template={"txt": "x", "attributes": 7, "text": 7})
    assert [error.field for error in caught.value.errors] == ["template", "template.attributes", "template.text"]


def test_a_placeholder_without_a_value_says_nothing_about_the_text(chat: OutboundChat) -> None:
    """The text would be empty without it, and is not what has to be repaired."""
    (row,) = chat.enqueue_batch([{"to": "abc", "name": None}], sender="support", template="{name}").rejections
    assert [(error.field, error.code) for error in row.errors] == [("name", "required"), ("to", "invalid_number")]


def test_all_that_is_wrong_with_other_calls_is_said(chat: OutboundChat) -> None:
    assert refused(chat.hold, reason=" ") == {"scope", "reason"}
    assert refused(chat.hold, reason="\n", tenant="a b") == {"tenant", "reason"}
    assert refused(chat.hold, reason="", sender="nix") == {"sender", "reason"}
    assert refused(chat.hold, reason="", budget="nix") == {"budget", "reason"}
    assert refused(chat.hold, reason="", batch="nix") == {"batch", "reason"}
    assert refused(chat.suppress, ["abc"], sender="nix", reason="\n") == {"sender", "reason"}
    assert refused(chat.dead_letters, state="sent", limit=0, cursor="x") == {"state", "limit", "cursor"}
    assert refused(chat.dead_webhooks, skip=-1, limit=0) == {"skip", "limit"}
    assert refused(chat.batches, cursor="x", limit=0) == {"cursor", "limit"}
    batch = chat.enqueue_batch([], sender="support").id
    assert refused(chat.batch_jobs, batch, "x", "x", 0) == {"state", "cursor", "limit"}
