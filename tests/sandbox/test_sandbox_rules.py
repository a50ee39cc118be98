"""Every rule of the operation is refused with the code and the field, and never with what the field holds."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from outbound_chat_worker.sandbox import SandboxClient

_SMS = {"connect:Subtype": {"ValueString": "connect:SMS"}}
_WHATSAPP = {"connect:Subtype": {"ValueString": "connect:WhatsApp"}}
_ARN = "arn:aws:connect:us-east-1:123456789012:phone-number/a"
_TEMPLATE = {"KnowledgeBaseId": "kb", "MessageTemplateId": "t"}


def _text(content: str) -> dict[str, str]:
    return {"ContentType": "text/plain", "Content": content}


_REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("unknown member", {"Foo": 1}, "unknown"),
    ("instance of a wrong type", {"InstanceId": 1}, "InstanceId must be a string"),
    ("instance null", {"InstanceId": None}, "InstanceId must be a string"),
    ("instance empty", {"InstanceId": ""}, "InstanceId"),
    ("instance too long", {"InstanceId": "i" * 101}, "InstanceId"),
    ("flow too long", {"ContactFlowId": "f" * 501}, "ContactFlowId"),
    ("flow empty", {"ContactFlowId": ""}, "ContactFlowId"),
    ("token too long", {"ClientToken": "t" * 501}, "ClientToken"),
    ("source no object", {"SourceEndpoint": "x"}, "SourceEndpoint must be an object"),
    ("source without address", {"SourceEndpoint": {"Type": "CONNECT_PHONENUMBER_ARN"}}, "SourceEndpoint.Address"),
    ("source of no type", {"SourceEndpoint": {"Type": "NOPE", "Address": _ARN}}, "SourceEndpoint.Type"),
    ("source of another type", {"SourceEndpoint": {"Type": "VOIP", "Address": _ARN}}, "SourceEndpoint.Type"),
    (
        "source no phone number",
        {"SourceEndpoint": {"Type": "CONNECT_PHONENUMBER_ARN", "Address": "arn:aws:connect:x:1:instance/a"}},
        "SourceEndpoint.Address",
    ),
    ("destination without type", {"DestinationEndpoint": {"Address": "+12025550100"}}, "DestinationEndpoint.Type"),
    (
        "destination of another type",
        {"DestinationEndpoint": {"Type": "EMAIL_ADDRESS", "Address": "+12025550100"}},
        "DestinationEndpoint.Type",
    ),
    *(
        (f"destination {address}", {"DestinationEndpoint": {"Type": "TELEPHONE_NUMBER", "Address": address}}, "E.164")
        for address in (
            "12025550100",
            "+02025550100",
            "+1 202 555 0100",
            "+1202555010012345",
            "+1٢",
            "",
            "+12025550100\n",
        )
    ),
    ("no subtype", {"SegmentAttributes": {}}, "connect:Subtype"),
    ("another subtype", {"SegmentAttributes": {"connect:Subtype": {"ValueString": "connect:Chat"}}}, "connect:Subtype"),
    ("subtype no string", {"SegmentAttributes": {"connect:Subtype": {"ValueInteger": 1}}}, "connect:Subtype"),
    ("subtype of no kind", {"SegmentAttributes": {"connect:Subtype": {}}}, "exactly one kind"),
    ("two kinds", {"SegmentAttributes": {**_SMS, "a": {"ValueString": "x", "ValueInteger": 1}}}, "exactly one kind"),
    ("two kinds deep", {"SegmentAttributes": {**_SMS, "a": {"ValueMap": {"b": {}}}}}, "exactly one kind"),
    ("unknown kind", {"SegmentAttributes": {**_SMS, "a": {"ValueFloat": 1}}}, "unknown"),
    ("own list", {"SegmentAttributes": {**_SMS, "a": {"ValueList": []}}}, "ValueList"),
    ("own arn", {"SegmentAttributes": {**_SMS, "a": {"ValueArn": _ARN}}}, "ValueArn"),
    ("list no list", {"SegmentAttributes": {**_SMS, "connect:a": {"ValueList": {}}}}, "must be a list"),
    ("segment name", {"SegmentAttributes": {**_SMS, "a b": {"ValueString": "x"}}}, "key of SegmentAttributes"),
    ("segment name in a map", {"SegmentAttributes": {**_SMS, "a": {"ValueMap": {"b c": {}}}}}, "key of a ValueMap"),
    ("segment name too long", {"SegmentAttributes": {**_SMS, "a" * 129: {"ValueString": "x"}}}, "SegmentAttributes"),
    ("segment text too long", {"SegmentAttributes": {**_SMS, "a": {"ValueString": "x" * 1025}}}, "ValueString"),
    ("segment number too big", {"SegmentAttributes": {**_SMS, "a": {"ValueInteger": 2**31}}}, "ValueInteger"),
    ("attribute name", {"Attributes": {"a.b": "x"}}, "key of Attributes"),
    ("attribute name empty", {"Attributes": {"": "x"}}, "key of Attributes"),
    ("attribute no string", {"Attributes": {"a": 1}}, "value of Attributes"),
    ("attributes too big", {"Attributes": {"a": "é" * 16_384}}, "32768 bytes"),
    ("duration short", {"ChatDurationInMinutes": 59}, "ChatDurationInMinutes"),
    ("duration long", {"ChatDurationInMinutes": 10_081}, "ChatDurationInMinutes"),
    ("duration no number", {"ChatDurationInMinutes": True}, "ChatDurationInMinutes"),
    ("duration fraction", {"ChatDurationInMinutes": 60.0}, "ChatDurationInMinutes"),
    ("name empty", {"ParticipantDetails": {"DisplayName": ""}}, "DisplayName"),
    ("name missing", {"ParticipantDetails": {}}, "DisplayName is required"),
    ("related empty", {"RelatedContactId": ""}, "RelatedContactId"),
    ("message empty", {"InitialSystemMessage": _text("")}, "Content"),
    ("message markdown", {"InitialSystemMessage": {**_text("x"), "ContentType": "text/markdown"}}, "ContentType"),
    ("SMS too long", {"InitialSystemMessage": _text("x" * 1025)}, "1024 characters"),
    ("SMS too long in UCS-2", {"InitialSystemMessage": _text("ş" * 631)}, "630 units"),
    ("SMS too long in emoji", {"InitialSystemMessage": _text("😀" * 316)}, "630 units"),
    ("SMS too long in escapes", {"InitialSystemMessage": _text("€" * 761)}, "10 message parts"),
    (
        "SMS an escape too long",
        {"InitialSystemMessage": _text(("x" + "€" * 76) * 9 + "€" * 77)},
        "10 message parts",
    ),
    (
        "WhatsApp too long",
        {"SegmentAttributes": _WHATSAPP, "InitialSystemMessage": _text("x" * 4097)},
        "4096 characters",
    ),
    ("message too long at all", {"InitialSystemMessage": _text("x" * 16_385)}, "16384 characters"),
    ("template incomplete", {"InitialTemplatedSystemMessage": _TEMPLATE}, "TemplateAttributes is required"),
    (
        "template profile no JSON",
        {"InitialTemplatedSystemMessage": {**_TEMPLATE, "TemplateAttributes": {"CustomerProfileAttributes": "{"}}},
        "must be JSON",
    ),
    ("types without plain", {"SupportedMessagingContentTypes": ["text/markdown"]}, "text/plain"),
    ("types unknown", {"SupportedMessagingContentTypes": ["text/plain", "text/html"]}, "SupportedMessaging"),
]


@pytest.mark.parametrize(("change", "says"), [row[1:] for row in _REFUSED], ids=[row[0] for row in _REFUSED])
def test_a_request_that_breaks_a_rule_is_invalid(
    signed_call: Callable[..., tuple[int, str | None, str]],
    sandbox: SandboxClient,
    request_body: dict[str, Any],
    change: dict[str, Any],
    says: str,
) -> None:
    """Most of these pass the checks of boto3, so that only the real service would find them."""
    status, code, body = signed_call({**request_body, **change})

    assert (status, code) == (400, "InvalidRequestException")
    assert says in json.loads(body)["Message"]
    assert sandbox.stats().accepted == 0


@pytest.mark.parametrize(
    "name", ["InstanceId", "ContactFlowId", "SourceEndpoint", "DestinationEndpoint", "SegmentAttributes"]
)
def test_a_required_parameter_that_is_missing_is_named(
    signed_call: Callable[..., tuple[int, str | None, str]], request_body: dict[str, Any], name: str
) -> None:
    """The message is all that a caller gets."""
    del request_body[name]

    assert signed_call(request_body)[1:] == (
        "InvalidRequestException",
        json.dumps({"Message": f"{name} is required."}),
    )


_ACCEPTED: list[tuple[str, dict[str, Any]]] = [
    ("1,024 GSM characters", {"InitialSystemMessage": _text("x" * 1024)}),
    ("630 UCS-2 characters", {"InitialSystemMessage": _text("ş" * 630)}),
    ("10 parts of escapes", {"InitialSystemMessage": _text("€" * 760)}),
    ("10 full parts", {"InitialSystemMessage": _text(("x" + "€" * 76) * 10)}),
    (
        "every character of the GSM alphabet",
        {"InitialSystemMessage": _text("@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ^{}\\[~]|€ÆæßÉ¤¡ÄÖÑÜ§¿äöñüà" * 15)},
    ),
    ("4,096 characters", {"SegmentAttributes": _WHATSAPP, "InitialSystemMessage": _text("ş" * 4096)}),
    ("32,768 bytes of attributes", {"Attributes": {"ab": "é" * 16_383}}),
    ("a week", {"ChatDurationInMinutes": 10_080}),
    ("an empty token", {"ClientToken": ""}),
]


@pytest.mark.parametrize("change", [row[1] for row in _ACCEPTED], ids=[row[0] for row in _ACCEPTED])
def test_a_request_at_the_edge_of_a_rule_is_accepted(
    signed_call: Callable[..., tuple[int, str | None, str]], request_body: dict[str, Any], change: dict[str, Any]
) -> None:
    """A sandbox that is stricter than its rules would send users after faults they do not have."""
    assert signed_call({**request_body, **change})[0] == 200


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"[]", "JSON object"),
        (b'{"InstanceId": "\xff"}', "not JSON"),
        (b'{"InstanceId": "\\ud800"}', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"SegmentAttributes":{"a":' + b'{"ValueMap":{"a":' * 400 + b"{}" + b"}}" * 400 + b"}}", "deeply|required"),
    ],
)
def test_a_body_that_is_no_json_object_is_invalid(
    signed_call: Callable[..., tuple[int, str | None, str]], body: bytes, says: str
) -> None:
    """Nothing a client sends may end in a stack trace."""
    status, code, answer = signed_call(body)

    assert (status, code) == (400, "InvalidRequestException")
    assert any(part in answer for part in says.split("|"))


def test_a_body_of_another_content_type_is_refused(
    signed_call: Callable[..., tuple[int, str | None, str]], request_body: dict[str, Any]
) -> None:
    """A hand-made client that forgets the header learns it here."""
    assert signed_call(request_body, headers={"Content-Type": "text/plain"})[:2] == (
        415,
        "UnsupportedMediaTypeException",
    )


def test_no_refusal_repeats_a_number_or_a_text(
    signed_call: Callable[..., tuple[int, str | None, str]], request_body: dict[str, Any]
) -> None:
    """Error messages end in logs, and logs must not hold what customers were told."""
    request_body["DestinationEndpoint"]["Address"] = "0049301234567"
    number_refused = signed_call(request_body)[2]
    request_body["DestinationEndpoint"]["Address"] = "+12025550100"
    request_body["InitialSystemMessage"] = _text("secret words " * 100)
    text_refused = signed_call(request_body)[2]

    assert "0049301234567" not in number_refused
    assert "secret" not in text_refused


_ID = "11111111-2222-3333-4444-555555555555"
_INSTANCE_ARN = f"arn:aws:connect:us-east-1:123456789012:instance/{_ID}"


@pytest.mark.parametrize("changes", [{"InstanceId": "short"}, {"InstanceId": f"{_ID}0"}, {"ContactFlowId": "flow-1"}])
def test_an_id_of_another_form_names_nothing(
    signed_call: Callable[..., tuple[int, str | None, str]], request_body: dict[str, Any], changes: dict[str, str]
) -> None:
    """A name that was typed in the place of an id is found before AWS says the same."""
    status, code, body = signed_call({**request_body, **changes})

    assert (status, code) == (404, "ResourceNotFoundException")
    assert next(iter(changes)) in body


@pytest.mark.parametrize(
    "changes",
    [
        {"InstanceId": _INSTANCE_ARN},
        {"ContactFlowId": f"{_INSTANCE_ARN}/contact-flow/{_ID}"},
        {"ContactFlowId": f"{_ID}:$LATEST"},
    ],
)
def test_an_id_may_be_written_in_each_of_its_forms(
    signed_call: Callable[..., tuple[int, str | None, str]], request_body: dict[str, Any], changes: dict[str, str]
) -> None:
    """As an ARN, and of a flow with a version."""
    assert signed_call({**request_body, **changes})[0] == 200
