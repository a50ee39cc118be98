"""Validators that pydantic compiles from the shapes: a check that copies a request, and the short JSON for Redis.

Most requests are valid, and this check costs a tenth of the walk over the shapes and rules. Only the walk decides what
is wrong with the others: a request that is refused here may be valid in a rare form, but a request that the walk
refuses is never accepted here. Tests compare the two.

The short JSON begins with a space and has `SHORT` names for the long names of the API: a job takes a fifth less memory.
Requests that are refused here are stored as plain JSON.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import PydanticSerializationError, SchemaSerializer, SchemaValidator, ValidationError
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

SHORT = {
    "ContactFlowId": "f",
    "SegmentAttributes": "s",
    "ValueString": "s",
    "ValueInteger": "i",
    "Attributes": "a",
    "ChatDurationInMinutes": "m",
    "ParticipantDetails": "p",
    "DisplayName": "n",
    "InitialTemplatedSystemMessage": "t",
    "KnowledgeBaseId": "k",
    "MessageTemplateId": "t",
    "TemplateAttributes": "a",
    "CustomAttributes": "c",
    "RelatedContactId": "r",
    "SupportedMessagingContentTypes": "y",
    "ClientToken": "k",
}
"""Names in the short JSON. They are stored, so they must never change."""

_KEY = "^[A-Za-z0-9_-]+$"
_SEGMENT_KEY = "^(?:connect:)?[A-Za-z0-9_-]+$"
_PLAIN = ("text/plain",)
_C1 = re.compile("[\x7f-\x9f]").search
# So many attributes of a row and of its batch, of such a length, surely fit into a contact with 4 bytes a character.
_MOST_ATTRIBUTES = 16
_LONGEST = ATTRIBUTE_BYTES // (4 * 2 * 2 * _MOST_ATTRIBUTES)


def copy_and_check(body: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Returns a copy of the stored form, as `normalize` makes it, and its short JSON if it is certainly valid, else "".

    It does not check `to`, `text`, the channel, and the bytes of all attributes: they depend on the sender.
    """
    try:
        copy: dict[str, Any] = _of_objects.validate_python(body)
        json = " " + _serializer.to_json(copy, by_alias=True).decode()
    except (ValidationError, PydanticSerializationError):
        return normalize(body), ""
    return copy, json if _is_clean(json) and _has_plain_text(copy) else ""


def read_short(text: str) -> tuple[dict[str, Any], bool]:
    """Returns the stored form of short JSON, and whether it is certainly valid.

    Raises:
        ValueError: it is not short JSON.
    """
    try:
        body: dict[str, Any] = _of_json.validate_json(text)
    except ValidationError:
        return _of_any_json.validate_json(text), False
    return body, _is_clean(text) and _has_plain_text(body)


def _is_clean(json: str) -> bool:
    """Returns whether no string has control characters except line breaks and tabs."""
    raw = "\x7f" in json if json.isascii() else _C1(json)
    return not raw and "\\u00" not in json and "\\b" not in json and "\\f" not in json


def _has_plain_text(body: Mapping[str, Any]) -> bool:
    return "text/plain" in body.get("SupportedMessagingContentTypes", _PLAIN)


@dataclass(frozen=True, slots=True)
class _Builder:
    """Builds the schema of a request, without endpoints, messages other than plain text, and rare kinds of values."""

    short: bool
    """Whether to read members under their short names."""
    checks: bool = True

    def request(self) -> CoreSchema:
        given = {name: self._of(SPEC.members[name]) for name in ("ChatDurationInMinutes", "RelatedContactId")}
        return self._structure(
            {
                "ContactFlowId": self._of(SPEC.members["ContactFlowId"], filled=True),
                "SegmentAttributes": self._segment_attributes(),
                "to": self._of(Text()),
                "text": self._of(Text()),
                "Attributes": self._attributes(_KEY),
                **given,
                "ParticipantDetails": self._of(SPEC.members["ParticipantDetails"]),
                "InitialTemplatedSystemMessage": self._template(),
                "SupportedMessagingContentTypes": list_schema(
                    self._leaf(literal_schema(list(CONTENT_TYPES))), strict=True
                ),
                "ClientToken": self._of(SPEC.members["ClientToken"], filled=True),
            }
        )

    def _leaf(self, schema: CoreSchema) -> CoreSchema:
        return schema if self.checks else any_schema()

    def _of(
        self, shape: Shape, *, filled: bool = False, pattern: str | None = None, longest: int | None = None
    ) -> CoreSchema:
        """`filled`: it must not be empty, even if the shape allows it. `longest`: a stricter limit of characters."""
        match shape:
            case Text():
                least = max(shape.min or 0, int(filled))
                text = str_schema(strict=True, pattern=pattern, min_length=least, max_length=longest or shape.max)
                return self._leaf(text)
            case Integer():
                low = SMALLEST if shape.min is None else shape.min
                return self._leaf(int_schema(strict=True, ge=low, le=LARGEST if shape.max is None else shape.max))
            case Structure():
                members = {name: self._of(member) for name, member in shape.members.items()}
                return self._structure(members, shape.required)
        raise NotImplementedError(shape)

    def _structure(self, members: Mapping[str, CoreSchema], required: frozenset[str] = frozenset()) -> CoreSchema:
        fields = {
            name: typed_dict_field(
                schema,
                required=name in required,
                serialization_alias=SHORT.get(name, name),
                validation_alias=SHORT.get(name, name) if self.short else name,
            )
            for name, schema in members.items()
        }
        return typed_dict_schema(fields, strict=True, extra_behavior="forbid")

    def _attributes(self, pattern: str | None = None) -> CoreSchema:
        name, value = self._of(Text(min=1), pattern=pattern, longest=_LONGEST), self._of(Text(), longest=_LONGEST)
        return dict_schema(name, value, strict=True, max_length=_MOST_ATTRIBUTES)

    def _segment_attributes(self) -> CoreSchema:
        kinds: dict[str, Shape] = {"ValueString": Text(max=1_024), "ValueInteger": Integer()}
        plain: list[Any] = [
            self._structure({kind: self._of(shape)}, frozenset({kind})) for kind, shape in kinds.items()
        ]
        name = self._of(Text(min=1, max=128), pattern=_SEGMENT_KEY)
        return dict_schema(name, union_schema(plain), strict=True)

    def _types(self) -> CoreSchema:
        return list_schema(self._leaf(literal_schema(list(CONTENT_TYPES))), strict=True)

    def _template(self) -> CoreSchema:
        shape = SPEC.members["InitialTemplatedSystemMessage"]
        assert isinstance(shape, Structure)  # noqa: S101  # for mypy
        ids = {name: self._of(member) for name, member in shape.members.items() if isinstance(member, Text)}
        values = self._structure({"CustomAttributes": self._attributes()})
        return self._structure({**ids, "TemplateAttributes": values}, shape.required)


_of_objects = SchemaValidator(_Builder(short=False).request())
_of_json = SchemaValidator(_Builder(short=True).request())
_of_any_json = SchemaValidator(_Builder(short=True, checks=False).request())
_serializer = SchemaSerializer(_Builder(short=True).request())
