"""Builds and documents responses: records as JSON, and the problems that a route may return."""

from collections.abc import Iterable, Mapping
from types import UnionType
from typing import Any

from starlette.responses import Response

from outbound_chat.http.wire.codes import TITLES
from outbound_chat.http.wire.problems import MEDIA_TYPE
from outbound_chat.http.wire.response_models import ProblemDetails
from outbound_chat.http.wire.turns import Turns
from outbound_chat.model.batches import Batch
from outbound_chat.model.jobs import Job
from outbound_chat.model.json import json_default, to_json
from outbound_chat.model.why import Why

Responses = dict[int | str, dict[str, Any]]
PROBLEM = {"$ref": f"#/components/schemas/{ProblemDetails.__name__}"}

_DESCRIPTIONS = {status: f"{title}." for status, title in TITLES.values()} | {
    400: "The request is invalid; `errors` lists every invalid field.",
    401: "The API key is missing or invalid.",
    403: "The API key does not allow this.",
    404: "It does not exist, or the API key does not allow access to it.",
    409: "The current state does not allow this; `code` says why.",
    415: "The media type, charset or encoding of the body is not supported.",
    429: "Too many requests. Retry after `Retry-After` seconds.",
    503: "Redis is unavailable or refused this, or an encryption key is missing. Retry after `Retry-After` seconds.",
}
_ALWAYS = (400, 431, 500)
_OF_KEYS = (401, 403, 429, 503)
OF_BODIES = (408, 413, 415)


def json_response(value: Any, status: int = 200, **headers: str) -> Response:
    """Returns a response with a record as JSON."""
    return Response(to_json(value), status, headers=headers, media_type="application/json")


def with_why(record: Job | Batch, why: Why) -> dict[str, Any]:
    """Returns a job or batch that is not final after `wait`, with the reason why it waits."""
    explained = json_default(why)
    del explained["job"]
    return {**json_default(record), "why": explained}


async def listed(name: str, items: Iterable[Any], turns: Turns) -> bytes:
    """Returns an object with one list as JSON, taking turns with other requests."""
    parts = [to_json(item) async for item in turns.each(items)]
    return b'{"%b":[%b]}' % (name.encode(), b",".join(parts))


async def keyed(name: str, items: Mapping[str, Any], turns: Turns) -> bytes:
    """Does the same for an object instead of the list."""
    parts = [b"%b:%b" % (to_json(key), to_json(value)) async for key, value in turns.each(items.items())]
    return b'{"%b":{%b}}' % (name.encode(), b",".join(parts))


def responses(
    answer: type | UnionType | None, *problems: int, status: int = 200, public: bool = False, **others: str
) -> Responses:
    """Documents the responses of a route: its model, its own problems, and those of every route.

    `public`: the route needs no API key.

    `others`: more statuses with the same model and their descriptions, such as `_200="…"`.
    """
    found: Responses = (
        {status: {"model": answer, "description": " ".join((answer.__doc__ or "").split())}} if answer else {}
    )
    for name, description in others.items():
        found[int(name.removeprefix("_"))] = {"model": answer, "description": description}
    for number in sorted({*_ALWAYS, *(() if public else _OF_KEYS), *problems}):
        found[number] = {"description": _DESCRIPTIONS[number], "content": {MEDIA_TYPE: {"schema": PROBLEM}}}
    return found
