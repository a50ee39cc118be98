"""What is stored is what was asked for."""

import copy
import json
from dataclasses import replace
from typing import Any

from hypothesis import given, settings, strategies as st

from outbound_chat.encryption import RequestCipher
from outbound_chat.model.jobs import Priority
from outbound_chat.request import ChatRequest, codec
from outbound_chat_config import EncryptionSettings

from .senders import SMS, WHATSAPP, sender

CIPHER = RequestCipher(EncryptionSettings())

_texts = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=40)
# A message of blanks alone is refused.
_messages = st.tuples(_texts, st.sampled_from("aя中!")).map("".join)
_keys = st.from_regex(r"[A-Za-z0-9_-]{1,12}", fullmatch=True)
_whole = st.integers(-(2**31), 2**31 - 1)
_values: st.SearchStrategy[dict[str, Any]] = st.recursive(
    st.one_of(st.builds(dict, ValueString=_texts), st.builds(dict, ValueInteger=_whole)),
    lambda inner: st.builds(dict, ValueMap=st.dictionaries(_keys, inner, max_size=3)),
    max_leaves=4,
)
_options = st.fixed_dictionaries(
    {"to": st.from_regex(r"\+1[2-9][0-9]{9}", fullmatch=True)},
    optional={
        "text": _messages,
        "contact_flow_id": _texts,
        "segment_attributes": st.dictionaries(_keys, st.one_of(_texts, _whole, _values), max_size=3),
        "attributes": st.dictionaries(_keys, _texts, max_size=3),
        "chat_duration_in_minutes": st.integers(60, 10_080),
        "display_name": _texts,
        "initial_templated_system_message": st.fixed_dictionaries(
            {
                "KnowledgeBaseId": _texts,
                "MessageTemplateId": _texts,
                "TemplateAttributes": st.fixed_dictionaries(
                    {},
                    optional={
                        "CustomAttributes": st.dictionaries(_keys, _texts, max_size=2),
                        "CustomerProfileAttributes": st.just('{"FirstName": "Ana"}'),
                    },
                ),
            },
        ),
        "related_contact_id": _texts,
        "supported_messaging_content_types": st.just(("text/plain", "text/markdown")),
        "client_token": _texts,
    },
)
_senders = st.sampled_from(
    [SMS, WHATSAPP, sender(attributes={"a": "b"}, segment_attributes={"c": "d"}, display_name="X")],
)


@given(_options, _senders)
def test_a_request_comes_back_from_json_as_it_was(options: dict[str, Any], by: Any) -> None:
    request = ChatRequest.from_short(options)
    again = ChatRequest.from_stored(json.loads(json.dumps(request.stored())))

    assert request.errors(by) == again.errors(by) == ()
    assert again == request
    assert again.api(by, "token") == request.api(by, "token")
    assert again.parts(by) == request.parts(by)


@given(_options, _senders)
def test_both_dialects_ask_for_the_same(options: dict[str, Any], by: Any) -> None:
    call = ChatRequest.from_short(options).api(by, "token")
    raw = ChatRequest.from_api(call)

    assert raw.errors(by) == ()
    assert raw.api(by, "another") == call
    assert ChatRequest.from_stored(json.loads(json.dumps(raw.stored()))).api(by, "another") == call


@given(_options, _options)
def test_a_row_over_a_shared_part_is_a_request_of_its_own(row: dict[str, Any], shared: dict[str, Any]) -> None:
    shared.pop("client_token", None)
    merged = ChatRequest.from_short(row).merged(ChatRequest.from_short(shared))

    assert merged.errors(SMS) == ()
    assert merged.stored().keys() == ChatRequest.from_short({**shared, **row}).stored().keys()
    assert merged.stored()["to"] == row["to"]


_junk: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.one_of(st.text(), st.integers()), inner)),
    max_leaves=8,
)
_members = st.sampled_from([*SMS.model_fields_set, "to", "text", "Attributes", "SegmentAttributes", "ClientToken"])


@given(st.dictionaries(st.one_of(_members, st.text()), _junk))
def test_no_value_makes_validation_raise(body: dict[str, Any]) -> None:
    for request in (ChatRequest.from_api(body), ChatRequest.from_stored(body)):
        for error in request.errors(SMS):
            assert error.field
            assert error.message
        assert request.parts(SMS) >= 0
        assert repr(request).startswith("ChatRequest(")


def test_a_request_can_be_copied() -> None:
    request = ChatRequest.from_short({"to": "+12065550100", "display_name": "", "segment_attributes": {"a": 1}})
    again = copy.deepcopy(request)
    assert again == request
    assert again.errors(SMS) == request.errors(SMS)


_odd: st.SearchStrategy[Any] = st.sampled_from(
    [
        *(
            "",
            " ",
            "\x00",
            "a\x0b",
            "\x7f",
            "\x85",
            "\ud800",
            "\\u0001",
            "\\b",
            "é\u00a0\u200d",
            "line\nbreak\t",
            "connect:Subtype",
        ),
        *("x" * 129, "x" * 256, "x" * 257, "x" * 501, "é" * 1_025, "text/plain", "text/html", "+12062000001"),
        *(0, 59, 60, 10_081, 2**31, -(2**31) - 1, True, 1.5, None, float("nan"), b"a", Priority.URGENT),
        *((), [], {}, ["text/plain"], ["text/markdown"], [["text/plain"]], {"ValueString": "a", "ValueInteger": 1}),
        *({"ValueList": []}, {"ValueString": "connect:SMS"}, {"": ""}, {1: "a"}, {f"k{i}": "v" for i in range(17)}),
        {"CustomAttributes": {"~": "é"}},
    ]
)


@st.composite
def _spoilt(draw: st.DrawFn) -> dict[str, Any]:
    """Valid options, some of which have a value or a name that may be wrong, at any depth."""
    options = draw(_options)
    for _ in range(draw(st.integers(0, 3))):
        place: Any = options
        while place:
            name = draw(st.sampled_from(list(place))) if isinstance(place, dict) else 0
            if not isinstance(place[name], dict | list) or draw(st.booleans()):
                break
            place = place[name]
        if isinstance(place, list):
            place.append(copy.deepcopy(draw(_odd)))
        elif isinstance(place, dict):
            name = draw(st.one_of(st.sampled_from(list(place) or ["a"]), _keys, st.just("é"), st.just("connect:x")))
            if place is not options or name in options:
                place[name] = copy.deepcopy(draw(_odd))
    return options


@settings(max_examples=500)
@given(_spoilt(), _senders)
def test_the_quick_check_accepts_nothing_that_the_rules_refuse(options: dict[str, Any], by: Any) -> None:
    """And what is stored comes back as the same request, with the same errors, however it was checked."""
    request = ChatRequest.from_short(options)
    errors = replace(request, surely_valid=False).errors(by)
    assert request.errors(by) == errors

    if request.surely_valid or not errors:
        read = codec.decode(CIPHER, codec.encode(CIPHER, request))
        assert read == request
        assert read.surely_valid == request.surely_valid
        assert [error.code for error in read.errors(by)] == [error.code for error in errors]
    if request.surely_valid:
        assert codec.encode(CIPHER, replace(request, json="")) != codec.encode(CIPHER, request)
        assert codec.decode(CIPHER, codec.encode(CIPHER, replace(request, json=""))) == request


@settings(max_examples=300)
@given(_spoilt(), _spoilt(), _senders)
def test_the_quick_check_of_a_row_accepts_nothing_that_the_rules_refuse(
    row: dict[str, Any], common: dict[str, Any], by: Any
) -> None:
    common.pop("client_token", None)
    shared = ChatRequest.from_short(common)
    merged = ChatRequest.from_short(row).merged(shared)
    checked = None if shared.errors(by) else shared
    assert merged.errors(by, checked=checked) == replace(merged, surely_valid=False).errors(by, checked=checked)


def test_most_requests_are_surely_valid() -> None:
    """With all that the operation takes, in both dialects, so that the quick check is the one that is used."""
    options = {
        "to": "+12062000001",
        "text": "Hello é",
        "contact_flow_id": SMS.contact_flow_id,
        "segment_attributes": {"a": "b", "connect:Subtype": {"ValueString": "connect:SMS"}},
        "attributes": {"a": "b"},
        "chat_duration_in_minutes": 60,
        "display_name": "Ana",
        "initial_templated_system_message": {
            "KnowledgeBaseId": "a",
            "MessageTemplateId": "b",
            "TemplateAttributes": {"CustomAttributes": {"a": "b"}},
        },
        "related_contact_id": "a",
        "supported_messaging_content_types": ["text/plain"],
        "client_token": "a",
    }
    request = ChatRequest.from_short(options)
    assert request.surely_valid
    assert not request.errors(SMS)
    assert ChatRequest.from_api(request.api(SMS, "")).surely_valid
    assert request.merged(request.from_short({"text": "Hello"})).surely_valid
