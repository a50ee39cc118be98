"""Templates: what the columns of a row fill in, and what is refused before anybody is texted nonsense."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import fakeredis
import pytest

from outbound_chat import InvalidJob, OutboundChat
from outbound_chat.encryption import RequestCipher
from outbound_chat.request import codec
from outbound_chat.request.templates import Template
from outbound_chat_config import EncryptionSettings
from tests.support.harness import number

ANN = {"to": number(1), "first_name": "Ann", "order": 17}


def requests_of(redis: fakeredis.FakeRedis) -> list[dict[str, Any]]:
    """What the jobs ask for, in the order of their rows."""
    records = [str(redis.get(name)) for name in sorted(redis.scan_iter("*:j:*"))]
    plain = RequestCipher(EncryptionSettings())
    return [codec.decode(plain, record.partition("\n")[2]).stored() for record in records]


@pytest.mark.parametrize(
    ("template", "row", "text"),
    [
        ("Hello {first_name}, {order}!", ANN, "Hello Ann, 17!"),
        ("{first_name|there}", {}, "there"),
        ("{first_name|there}{x|}", {"first_name": ""}, "there"),
        ("{{first_name}} {Größe 1}", {"Größe 1": "{first_name}"}, "{first_name} {first_name}"),
    ],
)
def test_placeholders_are_filled_in_once(
    chat: OutboundChat, redis: fakeredis.FakeRedis, template: str, row: dict[str, Any], text: str
) -> None:
    """What a column brings is text, also where it looks like a placeholder."""
    receipt = chat.enqueue_batch([{"to": number(1), **row}], sender="support", template=template)
    assert receipt.accepted == 1, receipt.rejections
    assert [one["text"] for one in requests_of(redis)] == [text]


def test_a_text_with_braces_stays_what_it_is(chat: OutboundChat, redis: fakeredis.FakeRedis) -> None:
    """Only `template` is filled in: texts of before meant their braces."""
    chat.enqueue_batch([{"to": number(1), "text": "{first_name}"}], sender="support")
    assert requests_of(redis)[0]["text"] == "{first_name}"


def test_attributes_and_names_are_filled_in_and_a_row_brings_its_own(
    chat: OutboundChat, redis: fakeredis.FakeRedis
) -> None:
    """What a row says itself wins, as over everything that its batch shares."""
    template = {"text": "Hi {first_name}", "display_name": "{first_name}", "attributes": {"order": "A-{order}"}}
    rows = [ANN, {**ANN, "text": "Own", "attributes": {"order": "own", "more": "x"}}]
    assert chat.enqueue_batch(rows, sender="support", template=template, attributes={"all": "y"}).accepted == 2
    first, second = requests_of(redis)
    assert (first["text"], first["Attributes"]) == ("Hi Ann", {"order": "A-17"})
    assert first["ParticipantDetails"] == {"DisplayName": "Ann"}
    assert (second["text"], second["Attributes"]) == ("Own", {"order": "own", "more": "x"})


@pytest.mark.parametrize(
    ("row", "errors"),
    [
        ({}, {("first_name", "required")}),
        ({"first_name": ""}, {("first_name", "required")}),
        ({"first_name": "  "}, {("first_name", "required")}),
        ({"first_name": None}, {("first_name", "required")}),
        ({"first_name": float("nan")}, {("first_name", "required")}),
        ({"first_name": float("inf")}, {("first_name", "wrong_type")}),
        ({"first_name": float("-inf")}, {("first_name", "wrong_type")}),
        ({"first_name": ["Ann"]}, {("first_name", "wrong_type")}),
        ({"first_name": True}, {("first_name", "wrong_type")}),
        ({"first_name": "x" * 2_000}, {("text", "too_long")}),
        ({"first_name": "Ann", "last_name": "Lee"}, {("#3", "unknown_field"), ("last_name", "unknown_field")}),
    ],
)
def test_a_row_that_does_not_fit_is_rejected_alone(
    chat: OutboundChat, row: dict[str, Any], errors: set[tuple[str, str]]
) -> None:
    """Nobody gets a message with a hole in it."""
    rows = [{"to": number(1), **row}, ANN]
    receipt = chat.enqueue_batch([*rows[:1], {"to": number(2), "first_name": "Bo"}], sender="support", template=TEXT)
    assert (receipt.accepted, receipt.rejected) == (1, 1)
    found = {(error.field, error.code) for error in receipt.rejections[0].errors}
    assert found
    assert found <= errors


@pytest.mark.parametrize("template", ["{a|}", "{a|} {b|}", "{a|\u00a0}\n"])
def test_a_text_that_is_left_without_a_word_is_rejected(chat: OutboundChat, template: str) -> None:
    """Nobody gets a message of blanks."""
    receipt = chat.enqueue_batch([{"to": number(1)}], sender="support", template=template)
    assert [(error.field, error.code) for error in receipt.rejections[0].errors] == [("text", "too_short")]


class NotATime(datetime):
    """As NaT of pandas: a time that is unlike itself."""

    def __ne__(self, other: object) -> bool:
        return True

    __hash__ = datetime.__hash__


class NotAvailable:
    """As NA of pandas: whatever it is compared with, the answer is itself, which is neither true nor false."""

    def __ne__(self, other: object) -> "NotAvailable":  # type: ignore[override]
        return self

    def __bool__(self) -> bool:
        raise TypeError("boolean value of NA is ambiguous")

    __hash__ = object.__hash__


NOTHING = [None, float("nan"), Decimal("nan"), Decimal("snan"), NotATime(2000, 1, 1), NotAvailable()]


@pytest.mark.parametrize("nothing", NOTHING, ids=lambda nothing: type(nothing).__name__)
def test_what_stands_for_no_value_is_never_a_word_in_a_text(
    chat: OutboundChat, redis: fakeredis.FakeRedis, nothing: Any
) -> None:
    """A table of pandas has NaN where a cell is empty: nobody is called "nan"."""
    template = {"text": "Hello {first_name|there}", "attributes": {"order": "{order|none}"}}
    row = {"to": number(1), "first_name": nothing, "order": nothing, "send_at": nothing, "display_name": nothing}
    maps = {"attributes": {"a": nothing, "b": "x"}, "segment_attributes": {"c": nothing, "d": 1}}
    receipt = chat.enqueue_batch([{**row, **maps}], sender="support", template=template)
    assert receipt.rejections == ()
    (stored,) = requests_of(redis)
    assert (stored["text"], stored["Attributes"]) == ("Hello there", {"b": "x", "order": "none"})
    assert stored["SegmentAttributes"] == {"d": {"ValueInteger": 1}}
    assert "ParticipantDetails" not in stored
    chat.enqueue(sender="support", to=number(1), text="Hello", display_name=nothing)


TEXT = "Hello {first_name}"


@pytest.mark.parametrize(
    ("template", "field", "code"),
    [
        ("Hello {a.b}", "template.text", "invalid_template"),
        ("Hello {a!r}", "template.text", "invalid_template"),
        ("Hello {a:>9}", "template.text", "invalid_template"),
        ("Hello {0}", "template.text", "invalid_template"),
        ("Hello {}", "template.text", "invalid_template"),
        ("Hello {a", "template.text", "invalid_template"),
        ("Hello a}", "template.text", "invalid_template"),
        ({"text": "x", "attributes": {"k": "{"}}, "template.attributes.#1", "invalid_template"),
        ({"text": 7}, "template.text", "wrong_type"),
        ({"to": "{number}"}, "template", "wrong_type"),
        ({}, "template", "wrong_type"),
        (7, "template", "wrong_type"),
        ({"attributes": {"a b": "x"}}, "attributes.#1", "invalid_key"),
        ("x" * 2_000, "text", "too_long"),
    ],
)
def test_a_template_that_is_none_is_refused_before_anything_is_stored(
    chat: OutboundChat, redis: fakeredis.FakeRedis, template: Any, field: str, code: str
) -> None:
    """Else each of 100,000 rows would be rejected, or sent, for the same reason."""
    with pytest.raises(InvalidJob) as caught:
        chat.enqueue_batch([ANN], sender="support", template=template)
    assert [(error.field, error.code) for error in caught.value.errors] == [(field, code)]
    assert redis.keys() == []


def test_a_text_beside_a_template_is_refused(chat: OutboundChat) -> None:
    """Which of the two was meant, nobody knows."""
    with pytest.raises(InvalidJob, match="text: is also in the template"):
        chat.enqueue_batch([ANN], sender="support", template=TEXT, text="Hello")


def test_a_template_tells_the_columns_that_it_needs() -> None:
    """By them a file is refused before its first row."""
    template = Template.parse({"text": "{a} {b|}", "attributes": {"k": "{c}"}})
    assert template.names == frozenset("abc")
    assert template.needed == frozenset("ac")


@pytest.mark.parametrize(
    ("template", "field"),
    [
        ("{{" * 40_000, "template.text"),
        ("{a}" * 501, "template"),
        ({"attributes": {f"k{place}": "{a}" for place in range(501)}}, "template"),
    ],
)
def test_a_template_beyond_any_message_is_refused(template: object, field: str) -> None:
    """Each row fills in all of it, and may lack each value: work that whoever sends it need not send."""
    with pytest.raises(InvalidJob) as refused:
        Template.parse(template)
    assert [(error.field, error.code) for error in refused.value.errors] == [(field, "too_long")]
