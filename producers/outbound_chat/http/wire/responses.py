"""How responses are made and documented: JSON of our records, and the problems that a route may return."""

from typing import Any

from starlette.responses import Response

from outbound_chat.http.wire.problems import MEDIA_TYPE
from outbound_chat.http.wire.response_models import ProblemDetails
from outbound_chat.model.json import to_json

Responses = dict[int | str, dict[str, Any]]
PROBLEM = {"$ref": f"#/components/schemas/{ProblemDetails.__name__}"}

_SENTENCES = {
    400: "Something in the request is refused; `errors` has every field.",
    401: "An API key is needed.",
    403: "The API key does not allow this.",
    404: "There is no such thing, or the API key does not show it.",
    405: "This path does not have this method.",
    408: "The body did not come in time.",
    409: "Not possible in the present state.",
    413: "The body is too long.",
    415: "Bodies of this kind are not taken here.",
    429: "Too many requests; wait `Retry-After` seconds.",
    500: "An error of the service.",
    503: "Redis can't be reached or refuses, or a key is missing; try again after `Retry-After` seconds.",
}
_ALWAYS = (400, 401, 403, 429, 500, 503)
OF_BODIES = (408, 413, 415)


def json_response(value: Any, status: int = 200, **headers: str) -> Response:
    """A response with a record of ours as its JSON."""
    return Response(to_json(value), status, headers=headers, media_type="application/json")


def responses(answer: type, *problems: int, status: int = 200, **others: str) -> Responses:
    """The responses of a route: its model, its problems, and those that every route may return.

    `others`: descriptions of further answers of the same model by their status, such as `_200="…"`.
    """
    found: Responses = {status: {"model": answer}}
    for name, description in others.items():
        found[int(name.removeprefix("_"))] = {"model": answer, "description": description}
    for number in sorted({*_ALWAYS, *problems}):
        found[number] = {"description": _SENTENCES[number], "content": {MEDIA_TYPE: {"schema": PROBLEM}}}
    return found
