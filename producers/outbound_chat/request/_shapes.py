"""The operation's input as AWS's own model declares it. A test compares it with botocore's model.

Stricter rules of the documentation are in `_rules`.
https://docs.aws.amazon.com/connect/latest/APIReference/API_StartOutboundChatContact.html
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Text:
    """A string of `min` to `max` characters (Unicode code points), one of `choices` if there are any.

    https://smithy.io/2.0/spec/constraint-traits.html#length-trait
    """

    min: int | None = None
    max: int | None = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Integer:
    """An integer from `min` to `max`."""

    min: int | None = None
    max: int | None = None


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of values of one shape."""

    item: "Shape"


@dataclass(frozen=True, slots=True)
class MapOf:
    """Names chosen by the caller, each with a value of one shape."""

    key: Text
    value: "Shape"


@dataclass(frozen=True, slots=True)
class Structure:
    """Fixed members, some of them required. It may contain itself, so its `repr` omits the members."""

    members: Mapping[str, "Shape"] = field(repr=False)
    required: frozenset[str] = frozenset()
    name: str = ""
    """Its name in the model."""


Shape: TypeAlias = Text | Integer | ListOf | MapOf | Structure

_ENDPOINT = Structure(
    {
        "Type": Text(
            choices=("TELEPHONE_NUMBER", "VOIP", "CONTACT_FLOW", "CONNECT_PHONENUMBER_ARN", "EMAIL_ADDRESS"),
        ),
        "Address": Text(min=0, max=256),
    },
    name="Endpoint",
)
_ATTRIBUTES = MapOf(Text(min=1, max=32_767), Text(min=0, max=32_767))

# A segment attribute may contain segment attributes, so the members are filled in once the structure exists.
_kinds: dict[str, Shape] = {}
_SEGMENT_ATTRIBUTE = Structure(_kinds, name="SegmentAttributeValue")
_SEGMENT_ATTRIBUTES = MapOf(Text(min=1, max=128), _SEGMENT_ATTRIBUTE)
_kinds.update(
    ValueString=Text(min=0, max=1_024),
    ValueMap=_SEGMENT_ATTRIBUTES,
    ValueInteger=Integer(),
    ValueList=ListOf(_SEGMENT_ATTRIBUTE),
    ValueArn=Text(min=0, max=1_024),
)

SPEC = Structure(
    {
        "SourceEndpoint": _ENDPOINT,
        "DestinationEndpoint": _ENDPOINT,
        "InstanceId": Text(min=1, max=100),
        "SegmentAttributes": _SEGMENT_ATTRIBUTES,
        "Attributes": _ATTRIBUTES,
        "ContactFlowId": Text(max=500),
        "ChatDurationInMinutes": Integer(min=60, max=10_080),
        "ParticipantDetails": Structure(
            {"DisplayName": Text(min=1, max=256)},
            required=frozenset({"DisplayName"}),
            name="ParticipantDetails",
        ),
        "InitialSystemMessage": Structure(
            {"ContentType": Text(min=1, max=100), "Content": Text(min=1, max=16_384)},
            required=frozenset({"ContentType", "Content"}),
            name="ChatMessage",
        ),
        "InitialTemplatedSystemMessage": Structure(
            {
                "KnowledgeBaseId": Text(min=1, max=500),
                "MessageTemplateId": Text(min=1, max=500),
                "TemplateAttributes": Structure(
                    {"CustomAttributes": _ATTRIBUTES, "CustomerProfileAttributes": Text()}, name="TemplateAttributes"
                ),
            },
            required=frozenset({"KnowledgeBaseId", "MessageTemplateId", "TemplateAttributes"}),
            name="TemplatedMessageConfig",
        ),
        "RelatedContactId": Text(min=1, max=256),
        "SupportedMessagingContentTypes": ListOf(Text(min=1, max=100)),
        "ClientToken": Text(max=500),
    },
    required=frozenset(
        {"SourceEndpoint", "DestinationEndpoint", "InstanceId", "SegmentAttributes", "ContactFlowId"},
    ),
    name="StartOutboundChatContactRequest",
)
"""Input of StartOutboundChatContact: members, types, lengths, ranges and choices of the service model."""
