"""Raw requests: exactly what boto3 takes, and errors in its words."""

from collections.abc import Callable
from typing import Any

import pytest

from outbound_chat.request import ChatRequest
from tests.guards.counting import python_calls

from .senders import INSTANCE_ARN, SMS, SOURCE, TO, found, found_raw, raw_call


def test_a_raw_request_is_kept_without_what_its_sender_provides() -> None:
    request = ChatRequest.from_api(
        raw_call(InitialSystemMessage={"ContentType": "text/plain", "Content": "Hello"}),
    )
    assert request.errors(SMS) == ()
    assert request.stored() == {
        "to": TO,
        "text": "Hello",
        "ContactFlowId": "flow-1",
        "SegmentAttributes": {"connect:Subtype": {"ValueString": "connect:SMS"}},
    }
    assert repr(request) == "ChatRequest(ContactFlowId, SegmentAttributes, to, text)"


def test_what_the_sender_provides_may_be_left_out() -> None:
    call = {"DestinationEndpoint": {"Type": "TELEPHONE_NUMBER", "Address": TO}}
    request = ChatRequest.from_api(call)

    assert request.errors(SMS) == ()
    assert request.api(SMS, "token") == {**raw_call(), "ClientToken": "token"}


def test_arns_of_instance_and_flow_count_as_their_ids() -> None:
    call = raw_call(InstanceId=INSTANCE_ARN, ContactFlowId=f"{INSTANCE_ARN}/contact-flow/flow-2")
    request = ChatRequest.from_api(call)

    assert request.errors(SMS) == ()
    assert request.api(SMS, "token")["ContactFlowId"] == "flow-2"


@pytest.mark.parametrize(
    ("changes", "errors"),
    [
        ({"InstanceId": "other"}, [("InstanceId", "sender_mismatch")]),
        (
            {"SourceEndpoint": {"Type": "CONNECT_PHONENUMBER_ARN", "Address": SOURCE + "x"}},
            [("SourceEndpoint.Address", "sender_mismatch")],
        ),
        (
            {"SourceEndpoint": {"Type": "CONNECT_PHONENUMBER_ARN", "Address": SOURCE.replace("aws", "aws-us-gov", 1)}},
            [("SourceEndpoint.Address", "sender_mismatch")],
        ),
        (
            {"SourceEndpoint": {"Type": "TELEPHONE_NUMBER", "Address": TO}},
            [("SourceEndpoint.Address", "invalid_arn"), ("SourceEndpoint.Type", "not_allowed")],
        ),
        ({"SourceEndpoint": {}}, [("SourceEndpoint.Address", "required"), ("SourceEndpoint.Type", "required")]),
        ({"SourceEndpoint": SOURCE}, [("SourceEndpoint", "wrong_type")]),
        ({"DestinationEndpoint": None}, [("DestinationEndpoint", "required")]),
        ({"DestinationEndpoint": TO}, [("DestinationEndpoint", "wrong_type")]),
        ({"DestinationEndpoint": {"Address": TO}}, [("DestinationEndpoint.Type", "required")]),
        ({"DestinationEndpoint": {"Type": "TELEPHONE_NUMBER"}}, [("DestinationEndpoint.Address", "required")]),
        ({"DestinationEndpoint": {"Type": "VOIP", "Address": TO}}, [("DestinationEndpoint.Type", "not_allowed")]),
        (
            {"DestinationEndpoint": {"Type": "NOPE", "Address": "5"}},
            [("DestinationEndpoint.Address", "invalid_number"), ("DestinationEndpoint.Type", "not_allowed")],
        ),
        (
            {"DestinationEndpoint": {"Type": "TELEPHONE_NUMBER", "Address": 12065550100}},
            [("DestinationEndpoint.Address", "wrong_type")],
        ),
        (
            {"InitialSystemMessage": {"ContentType": "text/plain", "Content": ""}},
            [("InitialSystemMessage.Content", "too_short")],
        ),
        (
            {"InitialSystemMessage": {"ContentType": "application/json", "Content": "{}"}},
            [("InitialSystemMessage.ContentType", "not_allowed")],
        ),
        ({"InitialSystemMessage": {"Content": "x"}}, [("InitialSystemMessage.ContentType", "required")]),
        ({"InitialSystemMessage": "Hello"}, [("InitialSystemMessage", "wrong_type")]),
        (
            {"SegmentAttributes": {"connect:Subtype": {"ValueString": "connect:WhatsApp"}}},
            [("SegmentAttributes.connect:Subtype.ValueString", "sender_mismatch")],
        ),
        ({"SegmentAttributes": {"a": "plain"}}, [("SegmentAttributes.a", "wrong_type")]),
        ({"to": TO}, [("to", "not_allowed")]),
        ({"clientToken": "x"}, [("clientToken", "unknown_field")]),
        ({"ClientToken": ""}, [("ClientToken", "too_short")]),
        ({"ContactFlowId": ""}, [("ContactFlowId", "too_short")]),
        ({"ContactFlowId": "x" * 501}, [("ContactFlowId", "too_long")]),
        ({"ParticipantDetails": {"DisplayName": "x" * 257}}, [("ParticipantDetails.DisplayName", "too_long")]),
    ],
)
def test_a_raw_request_is_refused_in_words_of_the_api(changes: dict[str, Any], errors: list[tuple[str, str]]) -> None:
    assert found_raw(changes) == errors


@pytest.mark.parametrize("value", [None, True, 1, 1.5, "x", b"x", [], {}, (), object()])
@pytest.mark.parametrize(
    "member",
    [
        "InstanceId",
        "SourceEndpoint",
        "DestinationEndpoint",
        "SegmentAttributes",
        "Attributes",
        "ContactFlowId",
        "ChatDurationInMinutes",
        "ParticipantDetails",
        "InitialSystemMessage",
        "InitialTemplatedSystemMessage",
        "RelatedContactId",
        "SupportedMessagingContentTypes",
        "ClientToken",
    ],
)
def test_values_of_any_type_are_reported_and_never_raise(member: str, value: object) -> None:
    call = {**raw_call(), member: value}
    for field, _ in found(ChatRequest.from_api(call)):
        assert field.split(".")[0] == member


def test_unknown_members_are_refused_with_the_nearest_known_one() -> None:
    (error,) = ChatRequest.from_api(raw_call(ContactFlowID="x")).errors(SMS)
    assert error.message == 'is not a known name; did you mean "ContactFlowId"?'


def test_limits_of_numbers_are_inclusive_and_true_is_no_number() -> None:
    for minutes, codes in [(59, ["out_of_range"]), (60, []), (10_080, []), (10_081, ["out_of_range"])]:
        assert [code for _, code in found_raw({"ChatDurationInMinutes": minutes})] == codes
    for wrong in (True, 60.0, "60"):
        assert found_raw({"ChatDurationInMinutes": wrong}) == [("ChatDurationInMinutes", "wrong_type")]


@pytest.mark.parametrize(
    ("member", "longest"),
    [("ContactFlowId", 500), ("RelatedContactId", 256), ("ClientToken", 500)],
)
def test_limits_of_texts_are_inclusive(member: str, longest: int) -> None:
    assert found_raw({member: "x"}) == []
    assert found_raw({member: "x" * longest}) == []
    assert found_raw({member: "x" * (longest + 1)}) == [(member, "too_long")]
    assert found_raw({member: ""}) == [(member, "too_short")]


def test_names_that_are_unknown_by_the_thousand_cost_what_a_few_do() -> None:
    """A body of 1 MB has 45,000; what each was meant to be is looked for in all that are known."""

    def errors_of(names: int) -> Callable[[], object]:
        return lambda: ChatRequest.from_api({f"Texxt{place}": 1 for place in range(names)}).errors(SMS)

    assert python_calls(errors_of(10_000)) < python_calls(errors_of(100)) + 20_000
