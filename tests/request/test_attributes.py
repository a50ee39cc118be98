"""Attributes of the contact and of its segment."""

from typing import Any

import pytest

from .senders import SMS, TO, WHATSAPP, found, found_raw, sender, short

ARN = "arn:aws:connect:us-east-1:123456789012:instance/i"


@pytest.mark.parametrize("key", ["a", "A-b_9", "x" * 32_000])
def test_keys_of_attributes_have_letters_digits_dashes_and_underscores(key: str) -> None:
    assert found(short(attributes={key: "x"})) == []


@pytest.mark.parametrize("key", ["a b", "a.b", "é", "connect:Subtype", "a\n"])
def test_other_keys_of_attributes_are_refused(key: str) -> None:
    assert [code for _, code in found(short(attributes={key: "x"}))] == ["invalid_key"]


def test_an_empty_key_is_too_short_and_a_number_is_no_key() -> None:
    assert found(short(attributes={"": "x"})) == [("attributes.#1", "too_short")]
    assert found(short(attributes={7: "x"})) == [("attributes.#1", "wrong_type")]


@pytest.mark.parametrize("value", ["", "x" * 32_767])
def test_values_of_attributes_may_be_empty_and_long(value: str) -> None:
    assert found(short(attributes={"a": value})) == []


def test_attributes_are_counted_together_in_utf8_bytes() -> None:
    assert found(short(attributes={"a": "é" * 8_000, "b": "x" * 16_766})) == []
    assert found(short(attributes={"a": "é" * 8_000, "b": "x" * 16_767})) == [("attributes", "too_long")]


def test_attributes_are_counted_with_those_of_the_sender() -> None:
    by = sender(attributes={"team": "x" * 30_000})
    assert found(short(attributes={"a": "x" * 2_763}), by) == []
    assert found(short(attributes={"a": "x" * 2_764}), by) == [("attributes", "too_long")]
    assert found(short(attributes={"team": "x"}), by) == []


def test_two_things_wrong_with_one_attribute_are_both_told() -> None:
    assert found(short(attributes={"a b": 7, "c": "x" * 40_000})) == [
        ("attributes", "too_long"),
        ("attributes.#1", "invalid_key"),
        ("attributes.#1", "wrong_type"),
        ("attributes.c", "too_long"),
    ]


def segment(value: Any, *, key: str = "a") -> list[tuple[str, str]]:
    """What is wrong with one segment attribute, by the path below it; the same in both dialects."""
    in_short = found(short(segment_attributes={key: value}))
    in_raw = found_raw({"SegmentAttributes": {key: value}})
    short_place, raw_place = f"segment_attributes.{key}", f"SegmentAttributes.{key}"
    below = [(field.removeprefix(raw_place), code) for field, code in in_raw]
    assert [(field.removeprefix(short_place), code) for field, code in in_short] == below
    return below


@pytest.mark.parametrize(
    ("value", "errors"),
    [
        ({"ValueString": ""}, []),
        ({"ValueString": "x" * 1_024}, []),
        ({"ValueString": "x" * 1_025}, [(".ValueString", "too_long")]),
        ({"ValueInteger": -(2**31)}, []),
        ({"ValueInteger": 2**31 - 1}, []),
        ({"ValueInteger": 2**31}, [(".ValueInteger", "out_of_range")]),
        ({"ValueInteger": True}, [(".ValueInteger", "wrong_type")]),
        ({"ValueMap": {"a": {"ValueInteger": 1}}}, []),
        ({"ValueMap": {"a b": {"ValueInteger": 1}}}, [(".ValueMap.#1", "invalid_key")]),
        ({"ValueMap": {"a": {}}}, [(".ValueMap.a", "one_kind")]),
        ({"ValueMap": {"a": {"ValueArn": ARN}}}, [(".ValueMap.a.ValueArn", "not_allowed")]),
        ({"ValueMap": []}, [(".ValueMap", "wrong_type")]),
        ({}, [("", "one_kind")]),
        ({"ValueString": "x", "ValueInteger": 1}, [("", "one_kind")]),
        ({"Value": "x"}, [(".Value", "unknown_field")]),
        ({"ValueList": [{"ValueString": "x"}]}, [(".ValueList", "not_allowed")]),
        ({"ValueArn": ARN}, [(".ValueArn", "not_allowed")]),
        (True, [("", "wrong_type")]),
        ([], [("", "wrong_type")]),
    ],
)
def test_a_segment_attribute_has_exactly_one_value_of_a_kind(value: object, errors: list[tuple[str, str]]) -> None:
    assert segment(value) == errors


@pytest.mark.parametrize(
    ("value", "errors"),
    [
        ({"ValueList": [{"ValueString": "x"}, {"ValueArn": ARN}]}, []),
        ({"ValueList": [{}, "x"]}, [(".ValueList.0", "one_kind"), (".ValueList.1", "wrong_type")]),
        ({"ValueArn": ARN}, []),
        ({"ValueArn": "number"}, [(".ValueArn", "invalid_arn")]),
    ],
)
def test_lists_and_arns_are_for_system_attributes(value: object, errors: list[tuple[str, str]]) -> None:
    assert segment(value, key="connect:Something") == errors


def test_plain_segment_attributes_are_texts_and_whole_numbers() -> None:
    request = short(segment_attributes={"campaign": "spring", "wave": 3})
    assert request.stored() == {
        "to": TO,
        "SegmentAttributes": {"campaign": {"ValueString": "spring"}, "wave": {"ValueInteger": 3}},
    }


@pytest.mark.parametrize("key", ["a b", "connect:", "connect:a:b", "other:a"])
def test_keys_of_segment_attributes_have_at_most_the_system_prefix(key: str) -> None:
    codes = [code for _, code in found(short(segment_attributes={key: "x"}))]
    assert codes == (["invalid_key"] if key != "connect:" else [])


def test_keys_of_segment_attributes_have_128_characters_at_most() -> None:
    assert found(short(segment_attributes={"x" * 128: "x"})) == []
    assert found(short(segment_attributes={"x" * 129: "x"})) == [("segment_attributes.#1", "too_long")]


def test_the_subtype_is_the_channel_of_the_sender() -> None:
    for by, subtype in [(SMS, "connect:SMS"), (WHATSAPP, "connect:WhatsApp")]:
        assert found(short(segment_attributes={"connect:Subtype": subtype}), by) == []
    assert found(short(segment_attributes={"connect:Subtype": "connect:SMS"}), WHATSAPP) == [
        ("segment_attributes.connect:Subtype", "sender_mismatch"),
    ]
    assert found(short(segment_attributes={"connect:Subtype": {"ValueInteger": 1}})) == [
        ("segment_attributes.connect:Subtype.ValueString", "sender_mismatch"),
    ]


def test_values_nested_without_end_are_refused() -> None:
    value: dict[str, Any] = {"ValueString": "x"}
    for _ in range(8):
        value = {"ValueMap": {"a": value}}
    assert segment(value) == []

    for _ in range(5_000):
        value = {"ValueMap": {"a": value}}
    assert [code for _, code in segment(value)] == ["too_deep"]

    itself: dict[str, Any] = {}
    itself["ValueMap"] = {"a": itself}
    assert [code for _, code in segment(itself)] == ["too_deep"]
