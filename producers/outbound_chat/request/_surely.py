"""Copies a request and finds out on the way whether it is surely valid, by a validator of pydantic.

Most requests are valid, and this costs a tenth of the walk over the shapes and the rules. Those say what is wrong with
all other requests: a request that is refused here may be valid, as rare forms are, but none that they refuse is
accepted here, which tests compare. The validator is built from the same shapes.
"""

from collections.abc import Mapping
from typing import Any

from pydantic_core import SchemaValidator, ValidationError
from pydantic_core.core_schema import (
    CoreSchema,
    any_schema,
    dict_schema,
    int_schema,
    list_schema,
    literal_schema,
    str_schema,
    typed_dict_field,
    typed_dict_schema,
    union_schema,
)

from outbound_chat.request._attribute_rules import ATTRIBUTE_BYTES
from outbound_chat.request._copy import normalize
from outbound_chat.request._message_rules import CONTENT_TYPES
from outbound_chat.request._shapes import SPEC, Integer, Shape, Structure, Text
from outbound_chat.request._walk import LARGEST, SMALLEST

_TEXT = "^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$"
_KEY = "^[A-Za-z0-9_-]+$"
_SEGMENT_KEY = "^(?:connect:)?[A-Za-z0-9_-]+$"
_PLAIN = ("text/plain",)
# So many attributes of such a length surely fit into a contact, with four bytes a character.
_MOST_ATTRIBUTES = 16
_LONGEST = ATTRIBUTE_BYTES // (4 * 2 * _MOST_ATTRIBUTES)


def copy_and_check(body: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """Returns a copy of the stored form, as `normalize` makes it, and whether its members are surely valid.

    That says nothing about `to`, `text`, the channel, and the bytes of all attributes: they depend on the sender.
    """
    try:
        copy: dict[str, Any] = _validator.validate_python(body)
    except ValidationError:
        return normalize(body), False
    return copy, "text/plain" in copy.get("SupportedMessagingContentTypes", _PLAIN)


def _schema(shape: Shape, *, filled: bool = False, pattern: str = _TEXT, longest: int | None = None) -> CoreSchema:
    """`filled`: it must not be empty, which the shape may not demand. `longest`: characters, where that is stricter."""
    match shape:
        case Text():
            least = max(shape.min or 0, int(filled))
            return str_schema(strict=True, pattern=pattern, min_length=least, max_length=longest or shape.max)
        case Integer():
            low, high = (SMALLEST if shape.min is None else shape.min), (LARGEST if shape.max is None else shape.max)
            return int_schema(strict=True, ge=low, le=high)
        case Structure():
            return _structure({name: _schema(member) for name, member in shape.members.items()}, shape.required)
    raise NotImplementedError(shape)


def _structure(members: Mapping[str, CoreSchema], required: frozenset[str] = frozenset()) -> CoreSchema:
    fields = {name: typed_dict_field(schema, required=name in required) for name, schema in members.items()}
    return typed_dict_schema(fields, strict=True, extra_behavior="forbid")


def _attributes(pattern: str) -> CoreSchema:
    text = _schema(Text(), longest=_LONGEST)
    return dict_schema(
        _schema(Text(min=1), pattern=pattern, longest=_LONGEST), text, strict=True, max_length=_MOST_ATTRIBUTES
    )


def _segment_attributes() -> CoreSchema:
    kinds = {"ValueString": Text(max=1_024), "ValueInteger": Integer()}
    plain = [_structure({kind: _schema(shape)}, frozenset({kind})) for kind, shape in kinds.items()]
    return dict_schema(_schema(Text(min=1, max=128), pattern=_SEGMENT_KEY), union_schema(plain), strict=True)


def _template() -> CoreSchema:
    shape = SPEC.members["InitialTemplatedSystemMessage"]
    assert isinstance(shape, Structure)  # noqa: S101  # for mypy
    members = {name: _schema(member) for name, member in shape.members.items() if isinstance(member, Text)}
    values = _structure({"CustomAttributes": _attributes(_TEXT)})
    return _structure({**members, "TemplateAttributes": values}, shape.required)


# Not here, so that they get a closer look: endpoints, messages that are not plain text, and the rare kinds of values.
_validator = SchemaValidator(
    _structure(
        {
            "ContactFlowId": _schema(SPEC.members["ContactFlowId"], filled=True),
            "SegmentAttributes": _segment_attributes(),
            "to": any_schema(),
            "text": any_schema(),
            "Attributes": _attributes(_KEY),
            "ChatDurationInMinutes": _schema(SPEC.members["ChatDurationInMinutes"]),
            "ParticipantDetails": _schema(SPEC.members["ParticipantDetails"]),
            "InitialTemplatedSystemMessage": _template(),
            "RelatedContactId": _schema(SPEC.members["RelatedContactId"]),
            "SupportedMessagingContentTypes": list_schema(literal_schema(list(CONTENT_TYPES)), strict=True),
            "ClientToken": _schema(SPEC.members["ClientToken"], filled=True),
        }
    )
)
