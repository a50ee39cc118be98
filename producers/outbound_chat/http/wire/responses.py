"""Makes and documents responses: JSON of our records, and the problems that a route may return."""

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
    400: "The request is invalid; `errors` has every field.",
    404: "Not found, or the API key may not see it.",
    409: "Not possible in the present state.",
    429: "Too many requests; wait `Retry-After` seconds.",
    503: "Redis can't be reached or refuses, or a key is missing; try again after `Retry-After` seconds.",
}
_ALWAYS = (400, 431, 500)
_OF_KEYS = (401, 403, 429, 503)
OF_BODIES = (408, 413, 415)


def json_response(value: Any, status: int = 200, **headers: str) -> Response:
    """Returns a response with a record of ours as JSON."""
    return Response(to_json(value), status, headers=headers, media_type="application/json")


def with_why(record: Job | Batch, why: Why) -> dict[str, Any]:
    """Returns a job or batch, for a caller whose `wait` ran out, with what it waits for."""
    explained = json_default(why)
    del explained["job"]
    return {**json_default(record), "why": explained}


async def listed(name: str, items: Iterable[Any], turns: Turns) -> bytes:
    """Returns an object with one list as JSON, and lets others take turns with that."""
    parts = [to_json(item) async for item in turns.each(items)]
    return b'{"%b":[%b]}' % (name.encode(), b",".join(parts))


async def keyed(name: str, items: Mapping[str, Any], turns: Turns) -> bytes:
    """Does the same for an object in place of the list."""
    parts = [b"%b:%b" % (to_json(key), to_json(value)) async for key, value in turns.each(items.items())]
    return b'{"%b":{%b}}' % (name.encode(), b",".join(parts))


def responses(
    answer: type | UnionType | None, *problems: int, status: int = 200, public: bool = False, **others: str
) -> Responses:
    """Documents the responses of a route: its model, its problems, and those that every route may return.

    `public`: the route asks for no API key.

    `others`: descriptions of more responses with the same model by their status, such as `_200="…"`.
    """
    found: Responses = {status: {"model": answer}} if answer else {}
    for name, description in others.items():
        found[int(name.removeprefix("_"))] = {"model": answer, "description": description}
    for number in sorted({*_ALWAYS, *(() if public else _OF_KEYS), *problems}):
        found[number] = {"description": _DESCRIPTIONS[number], "content": {MEDIA_TYPE: {"schema": PROBLEM}}}
    return found
