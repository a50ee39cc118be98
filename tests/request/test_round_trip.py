"""What is stored is what was asked for."""

import copy
import json
from typing import Any

from hypothesis import given, strategies as st

from outbound_chat.request import ChatRequest

from .senders import SMS, WHATSAPP, sender

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
