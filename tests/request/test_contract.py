"""The spec table is the operation's input as botocore's own model has it, and what we send passes botocore's checks."""

from typing import Any

import botocore.session
import pytest
from botocore.model import ListShape, MapShape, Shape as ModelShape, StringShape, StructureShape
from botocore.validate import ParamValidator

from outbound_chat.request import RULES, SPEC, ChatRequest, Integer, ListOf, MapOf, Shape, Structure, Text
from outbound_chat_config import Sender

from .senders import SMS, TO, WHATSAPP, sender

# What we mirror, and what tells a client nothing about which values pass.
_KNOWN_METADATA = {"min", "max", "required", "enum", "idempotencyToken"}


@pytest.fixture(scope="module")
def model() -> ModelShape:
    connect = botocore.session.get_session().get_service_model("connect")
    shape = connect.operation_model("StartOutboundChatContact").input_shape
    assert shape is not None
    return shape


def described(shape: ModelShape, seen: tuple[str, ...] = ()) -> Any:
    """A shape of the model in words that can be compared; what contains itself ends at the second meeting."""
    assert shape.metadata.keys() <= _KNOWN_METADATA, f"{shape.name} has a new constraint"
    limits = (shape.metadata.get("min"), shape.metadata.get("max"))
    if isinstance(shape, StructureShape):
        if shape.name in seen:
            return "itself"
        members = {name: described(member, (*seen, shape.name)) for name, member in shape.members.items()}
        return "structure", shape.name, members, set(shape.required_members)
    if isinstance(shape, MapShape):
        return "map", described(shape.key, seen), described(shape.value, seen), limits
    if isinstance(shape, ListShape):
        return "list", described(shape.member, seen), limits
    if isinstance(shape, StringShape):
        return "string", limits, tuple(shape.enum)
    return shape.type_name, limits


def described_here(shape: Shape, seen: tuple[int, ...] = ()) -> Any:
    """One of our shapes in the same words."""
    if isinstance(shape, Structure):
        if id(shape) in seen:
            return "itself"
        members = {name: described_here(member, (*seen, id(shape))) for name, member in shape.members.items()}
        return "structure", shape.name, members, set(shape.required)
    if isinstance(shape, MapOf):
        return "map", described_here(shape.key, seen), described_here(shape.value, seen), (None, None)
    if isinstance(shape, ListOf):
        return "list", described_here(shape.item, seen), (None, None)
    if isinstance(shape, Text):
        return "string", (shape.min, shape.max), shape.choices
    assert isinstance(shape, Integer)
    return "integer", (shape.min, shape.max)


def test_the_spec_is_the_model_of_the_operation(model: ModelShape) -> None:
    """A member, type, limit or choice that AWS adds, drops or changes must be looked at by a person."""
    assert described_here(SPEC) == described(model)


def test_rules_belong_to_members_and_name_their_sources() -> None:
    assert RULES.keys() <= SPEC.members.keys()
    for rules in RULES.values():
        for rule in rules:
            assert rule.demand
            assert rule.sources
            assert all(source.startswith("https://docs.aws.amazon.com/") for source in rule.sources)


_EVERYTHING: dict[str, Any] = {
    "to": TO,
    "contact_flow_id": "flow-2",
    "segment_attributes": {
        "campaign": "spring",
        "wave": 3,
        "nested": {"ValueMap": {"a": {"ValueString": ""}}},
        "connect:List": {"ValueList": [{"ValueArn": "arn:aws:connect:us-east-1:123456789012:x/y"}]},
    },
    "attributes": {"order": "1"},
    "chat_duration_in_minutes": 60,
    "display_name": "Ana",
    "initial_templated_system_message": {
        "KnowledgeBaseId": "kb",
        "MessageTemplateId": "mt",
        "TemplateAttributes": {"CustomAttributes": {"a": "b"}, "CustomerProfileAttributes": "{}"},
    },
    "related_contact_id": "contact",
    "supported_messaging_content_types": ["text/plain", "text/markdown"],
    "client_token": "token",
}


@pytest.mark.parametrize(
    "by", [SMS, WHATSAPP, sender(attributes={"a": "b"}, display_name="X", chat_duration_minutes=90)]
)
@pytest.mark.parametrize(
    "options",
    [
        {"to": TO},
        {"to": TO, "text": "Hello"},
        {**_EVERYTHING, "text": "Hello"},
        {**_EVERYTHING, "initial_system_message": {"ContentType": "text/plain", "Content": "Hello"}},
    ],
    ids=["silent", "short", "every option", "every option, message in API form"],
)
def test_what_has_no_errors_passes_botocore(model: ModelShape, by: Sender, options: dict[str, Any]) -> None:
    request = ChatRequest.from_short(options)

    assert request.errors(by) == ()
    report = ParamValidator().validate(request.api(by, "token"), model)
    assert not report.has_errors(), report.generate_report()


def test_every_member_of_the_operation_can_be_given_and_is_sent(model: ModelShape) -> None:
    call = ChatRequest.from_short({**_EVERYTHING, "text": "Hello"}).api(SMS, "token")

    assert isinstance(model, StructureShape)
    assert call.keys() == set(model.members)
