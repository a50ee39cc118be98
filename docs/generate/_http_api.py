"""docs/http-api.md, a page for people, from docs/openapi.json, a page for programs."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_HEAD = """# HTTP API

Every path, from [`openapi.json`](openapi.json), which a running service gives at `/openapi.json` too, and as a page to
try out at `/docs`. How to use them: [http.md](http.md). Errors are problems with a stable `code`
([all codes](errors.md#codes-of-http-answers)); the statuses below say which of them a path can give.
"""


def page(file: Path) -> str:
    """The whole page."""
    document = json.loads(file.read_text(encoding="utf-8"))
    parts = [_HEAD]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            parts.append(_operation(method.upper(), path, operation, document))
    parts.append("## Objects\n\nWhat requests and answers are made of.\n")
    parts += [_object(name, schema) for name, schema in document["components"]["schemas"].items()]
    return "\n".join(parts)


def _operation(method: str, path: str, operation: dict[str, Any], document: dict[str, Any]) -> str:
    lines = [f"## `{method} {path}`", "", operation.get("description") or f"{operation['summary']}.", ""]
    given = [_parameter(one) for one in operation.get("parameters", [])]
    given += _body(operation.get("requestBody"), document)
    if given:
        lines += ["| parameter | in | type | meaning |", "|---|---|---|---|", *given, ""]
    lines += _examples(operation.get("requestBody"))
    lines += [f"Answers {_answers(operation['responses'])}.", ""]
    return "\n".join(lines)


def _parameter(one: dict[str, Any]) -> str:
    return _row(
        f"`{one['name']}`",
        one["in"],
        _type(one["schema"]).removesuffix(" or null"),
        _meaning(one, required=one.get("required", False)),
    )


def _body(body: dict[str, Any] | None, document: dict[str, Any]) -> Iterator[str]:
    for media, content in (body or {}).get("content", {}).items():
        schema = content.get("schema", {})
        for form in schema.get("oneOf", [schema]):
            found = _resolved(form, document)
            fields, required = found.get("properties", {}), found.get("required", [])
            if not fields or "oneOf" in schema:
                yield _row("", f"body, `{media}`", _type(form), _text(found.get("description", "")))
                continue
            for name, field in fields.items():
                yield _row(f"`{name}`", "body", _type(field), _meaning(field, required=name in required))


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
    return ", ".join(_answer(status, one) for status, one in sorted(responses.items()))


def _answer(status: str, response: dict[str, Any]) -> str:
    schemas = [content.get("schema", {}) for content in response.get("content", {}).values()]
    name = schemas[0].get("$ref", "").rpartition("/")[2] if schemas else ""
    return f"{status} with [{name}](#{name.lower()})" if name and status.startswith("2") else status


def _object(name: str, schema: dict[str, Any]) -> str:
    lines = [f"### {name}", "", _text(schema.get("description", "")), ""]
    if members := schema.get("enum"):
        lines += [f"One of {', '.join(f'`{one}`' for one in members)}.", ""]
    if fields := schema.get("properties"):
        required = schema.get("required", [])
        some = len(required) < len(fields)  # an answer has all
        rows = [
            _row(f"`{key}`", _type(one), _meaning(one, required=some and key in required))
            for key, one in fields.items()
        ]
        lines += ["| field | type | meaning |", "|---|---|---|", *rows, ""]
    return "\n".join(lines)


def _meaning(one: dict[str, Any], *, required: bool) -> str:
    text = _text(one.get("description") or one.get("schema", {}).get("description", ""))
    return f"{text} Required.".strip() if required else text


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
