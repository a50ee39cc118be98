"""Schemas of what Amazon Connect takes, made of its shapes in `request`, so that the document says what is checked."""

from typing import Any

from outbound_chat.request import Integer, ListOf, MapOf, Shape, Structure, Text

_REFERENCE = "https://docs.aws.amazon.com/connect/latest/APIReference/"
SCHEMAS: dict[str, Any] = {}
"""Schemas that have a name, to which others refer."""


def named(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Gives the schema a name, and returns a reference to it. Generated clients name a type after it."""
    SCHEMAS[name] = {"title": name, **schema}
    return {"$ref": f"#/components/schemas/{name}"}


def closed(properties: dict[str, Any], *required: str, **more: Any) -> dict[str, Any]:
    """Returns the schema of an object that has these members and no other."""
    schema = {"type": "object", "properties": properties, "additionalProperties": False, **more}
    return {**schema, "required": list(required)} if required else schema


def schema_of(shape: Shape) -> dict[str, Any]:
    """Returns the schema of a shape; that of a structure is a reference."""
    match shape:
        case Text():
            limits = {"minLength": shape.min, "maxLength": shape.max, "enum": list(shape.choices)}
            return {"type": "string", **{word: limit for word, limit in limits.items() if limit}}
        case Integer():
            limits = {"minimum": shape.min, "maximum": shape.max}
            given = {word: limit for word, limit in limits.items() if limit is not None}
            return {"type": "integer", "format": "int32", **given}
        case ListOf():
            return {"type": "array", "items": schema_of(shape.item)}
        case MapOf():
            return {"type": "object", "additionalProperties": schema_of(shape.value)}
        case Structure():
            return _reference(shape)


def _reference(shape: Structure) -> dict[str, Any]:
    if shape.name not in SCHEMAS:
        found = named(shape.name, {})  # before its members: a segment attribute may hold segment attributes
        members = {name: schema_of(member) for name, member in shape.members.items()}
        page = f"As in the [API of Amazon Connect]({_REFERENCE}API_{shape.name}.html)."
        SCHEMAS[shape.name] |= closed(members, *sorted(shape.required), description=page)
        return found
    return {"$ref": f"#/components/schemas/{shape.name}"}
