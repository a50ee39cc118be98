"""docs/http-api.md, a page for people, from docs/openapi.json, a page for programs."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docs.generate._words import linked

_HEAD = """# HTTP API

This page is generated from the [OpenAPI document](openapi.json). A running service has it at `/openapi.json`, and as a
page to try out at `/docs`. For how to use the API, see [Send from any language](http.md). Every error has a stable
`code` ([all codes](errors.md#codes-of-http-answers)); the statuses below say which of them a path can return.
"""
_COMMON = {
    "at": "When it happened.",
    "attempts": "How many were made.",
    "attributes": "Contact attributes, for the flow.",
    "batch": "Id of a batch.",
    "batch_id": "Id of its batch; null: it is a single job.",
    "budget": "Name of a budget.",
    "changed": "How many were changed.",
    "channel": "`sms` or `whatsapp`.",
    "code": "Stable word for programs.",
    "concurrency": "At most this many calls of the batch at a time.",
    "created_at": "When it was accepted.",
    "dead_at": "When it was given up.",
    "detail": "A sentence for people.",
    "display_name": "Display name of the customer.",
    "finished_at": "When it became final; null: it is not final.",
    "force": "Accept that the customer may get the message twice.",
    "host": "Name of the host.",
    "id": "Its id.",
    "limit": "How many to return at most.",
    "name": "Its name.",
    "number": "Phone number, beginning with `+`.",
    "priority": "Urgent jobs are sent first, then normal ones, then bulk ones.",
    "reason": "Why, in words for people.",
    "rejected": "Rows that were refused.",
    "released": "Whether there was a hold to release.",
    "sender": "Name of a sender.",
    "since": "When it began.",
    "scope": "What is held.",
    "state": "The state.",
    "status": "The status.",
    "tenant": "Name of a tenant.",
    "text": "The message.",
    "title": "What kind of error it is.",
    "type": "Where its code is explained.",
    "waiting": "How many wait.",
    "weight": "Turns of the batch for each turn of another batch.",
}
"""Meanings of fields about which the document says nothing."""
_OF_AWS = "As in the [request to AWS](https://docs.aws.amazon.com/connect/latest/APIReference/API_StartOutboundChatContact.html)."
"""Meaning of fields that have the names of AWS."""


def page(file: Path) -> str:
    """The whole page."""
    document = json.loads(file.read_text(encoding="utf-8"))
    parts = [_HEAD]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            parts.append(_operation(method.upper(), path, operation, document))
    parts.append("## Objects\n\nThe objects in requests and responses.\n")
    sent = _sent(document)
    for name, schema in document["components"]["schemas"].items():
        parts.append(_object(name, schema, document, sent=name in sent))
    return linked("\n".join(parts))


def _sent(document: dict[str, Any]) -> set[str]:
    """Names of the objects that requests are made of; of an answer it is of no use to say what is required."""
    asked = [
        operation.get("requestBody", {}) for methods in document["paths"].values() for operation in methods.values()
    ]
    found: set[str] = set()
    while names := _references(asked) - found:
        found |= names
        asked = [document["components"]["schemas"][name] for name in names]
    return found


def _references(value: object) -> set[str]:
    return set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(value)))


def _operation(method: str, path: str, operation: dict[str, Any], document: dict[str, Any]) -> str:
    lines = [f"## `{method} {path}`", "", operation.get("description") or f"{operation['summary']}.", ""]
    given = [_parameter(one, document) for one in operation.get("parameters", [])]
    forms = list(_forms(operation.get("requestBody")))
    if len(forms) == 1:
        given += _fields(_resolved(forms[0][1], document), document)
    if given:
        lines += ["| parameter | in | type | meaning |", "|---|---|---|---|", *given, ""]
    if len(forms) > 1:
        lines += ["The body is one of these:", "", *(_form(*form, document) for form in forms), ""]
    lines += _examples(operation.get("requestBody"))
    lines += [_answers(operation["responses"]), ""]
    return "\n".join(lines)


def _parameter(one: dict[str, Any], document: dict[str, Any]) -> str:
    return _row(
        f"`{one['name']}`",
        one["in"],
        _type(one["schema"]).removesuffix(" or null"),
        _meaning(one["name"], one, document, required=one.get("required", False)),
    )


def _forms(body: dict[str, Any] | None) -> Iterator[tuple[str, dict[str, Any]]]:
    """The schemas that a body may have, each with its media type."""
    for media, content in (body or {}).get("content", {}).items():
        schema = content.get("schema", {})
        for form in schema.get("oneOf", [schema]):
            yield media, form


def _form(media: str, form: dict[str, Any], document: dict[str, Any]) -> str:
    said = _text(_resolved(form, document).get("description", ""))
    return f"- {_type(form)}, as `{media}`{': ' if said else '.'}{said}"


def _fields(found: dict[str, Any], document: dict[str, Any]) -> Iterator[str]:
    for name, field in found.get("properties", {}).items():
        required = name in found.get("required", [])
        yield _row(f"`{name}`", "body", _type(field), _meaning(name, field, document, required=required))


def _examples(body: dict[str, Any] | None) -> Iterator[str]:
    for media, content in (body or {}).get("content", {}).items():
        several = [one["value"] for one in content.get("examples", {}).values()]
        for example in several or [content[word] for word in ("example",) if word in content]:
            if isinstance(example, str):
                yield f"`{media}`:\n\n```text\n{example.rstrip()}\n```\n"
            else:
                yield f"```json\n{json.dumps(example, indent=2, ensure_ascii=False)}\n```\n"


def _resolved(schema: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    found: dict[str, Any] = document["components"]["schemas"][name] if name else schema
    return found


def _answers(responses: dict[str, Any]) -> str:
    """Statuses in their order, those that end well with what they carry."""
    good = [_answer(status, one) for status, one in sorted(responses.items()) if status < "4"]
    bad = [status for status in sorted(responses) if status >= "4"]
    return f"Returns {', or '.join(good)}." + (f" Errors: {', '.join(bad)}." if bad else "")


def _answer(status: str, response: dict[str, Any]) -> str:
    schemas = [content.get("schema", {}) for content in response.get("content", {}).values()]
    name = schemas[0].get("$ref", "").rpartition("/")[2] if schemas else ""
    return f"{status} with [{name}](#{name.lower()})" if name else status


def _object(name: str, schema: dict[str, Any], document: dict[str, Any], *, sent: bool) -> str:
    lines = [f"### {name}", "", _text(schema.get("description", "")), ""]
    if members := schema.get("enum"):
        lines += [f"One of {', '.join(f'`{one}`' for one in members)}.", ""]
    if fields := schema.get("properties"):
        required = schema.get("required", [])
        rows = [
            _row(f"`{key}`", _type(one), _meaning(key, one, document, required=sent and key in required))
            for key, one in fields.items()
        ]
        lines += ["| field | type | meaning |", "|---|---|---|", *rows, ""]
    return "\n".join(lines)


def _meaning(name: str, one: dict[str, Any], document: dict[str, Any], *, required: bool) -> str:
    """What the document says of a field or of the object in it, else what such fields mean everywhere."""
    schema = one.get("schema", one)
    said = one.get("description") or schema.get("description") or _COMMON.get(name)
    if not said and name[0].isupper():
        said = _OF_AWS
    if not said:
        named = [document["components"]["schemas"][object_] for object_ in sorted(_references(schema))]
        said = next((other["description"] for other in named if other.get("description")), "")
    return " ".join(part for part in (_text(said), _bounds(schema), "Required." if required else "") if part)


def _bounds(schema: dict[str, Any]) -> str:
    forms = [schema, *schema.get("anyOf", [])]
    numbers: dict[str, float] = next((one for one in forms if "minimum" in one or "maximum" in one), {})
    least, most = (f"{numbers[key]:,.16g}" if key in numbers else "" for key in ("minimum", "maximum"))
    if least and most:
        return f"{least} to {most}."
    return f"At least {least}." if least else f"At most {most}." if most else ""


def _type(schema: dict[str, Any]) -> str:
    return " or ".join(dict.fromkeys(_types(schema)))


def _types(schema: dict[str, Any]) -> Iterator[str]:
    if name := schema.get("$ref", "").rpartition("/")[2]:
        yield f"[{name}](#{name.lower()})"
    elif options := schema.get("anyOf") or schema.get("oneOf"):
        for option in options:
            yield from _types(option)
    elif schema.get("type") == "array":
        yield f"list of {_type(schema.get('items', {}))}"
    elif members := schema.get("enum"):
        yield ", ".join(f"`{one}`" for one in members)
    elif isinstance(schema.get("additionalProperties"), dict):
        yield f"object of {_type(schema['additionalProperties'])}"
    else:
        yield (schema.get("type") == "string" and schema.get("format")) or schema.get("type", "any")


def _text(text: str) -> str:
    return " ".join(text.split())


def _row(*cells: str) -> str:
    return "".join(f"| {cell.replace('|', chr(92) + '|')} " if cell else "| " for cell in cells) + "|"
