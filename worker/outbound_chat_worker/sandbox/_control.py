"""The routes under `/_sandbox/`, by which a test asks what happened and changes what happens next.

Lists come in pages of NDJSON, so that 100,000 contacts neither stop the server nor fill its memory.
"""

import dataclasses
import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from outbound_chat_worker.sandbox._engine import Engine
from outbound_chat_worker.sandbox._http import HttpRequest, HttpResponse
from outbound_chat_worker.sandbox._ledger import Contact

PREFIX = "/_sandbox/"
_MAX_PAGE = 1000
_AFTER = re.compile(r"[0-9]{1,18}")

_Row = TypeVar("_Row")


def control(engine: Engine, request: HttpRequest) -> HttpResponse:
    """Answers a control request; an error is a sentence in plain text with status 400 or 404."""
    route = request.path.removeprefix(PREFIX)
    try:
        return _read(engine, route, request.query) if request.method == "GET" else _change(engine, route, request.body)
    except LookupError as error:
        return HttpResponse(status=404, body=str(error.args[0]).encode())
    except (ArithmeticError, TypeError, ValueError) as error:
        return HttpResponse(status=400, body=str(error).encode(errors="replace"))


def _read(engine: Engine, route: str, query: str) -> HttpResponse:
    match route:
        case "stats":
            return _json(dataclasses.asdict(engine.ledger.stats()))
        case "contacts":
            return _page(map(_contact_to_json, _slice(engine.ledger.contacts, query)))
        case "arrivals":
            return _page(dataclasses.asdict(arrival) for arrival in _slice(engine.ledger.arrivals, query))
        case _:
            raise LookupError("the sandbox has no such control route for GET")


def _change(engine: Engine, route: str, body: bytes) -> HttpResponse:
    match route:
        case "configure":
            engine.configure(_object(body))
        case "reset":
            engine.reset()
        case "close":
            if not engine.ledger.close_chat(str(_object(body).get("contact_id"))):
                raise LookupError("no open chat has this contact id")
        case _:
            raise LookupError("the sandbox has no such control route for POST")
    return _json({})


def _object(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except RecursionError:
        raise ValueError("the body is nested too deeply") from None
    if not isinstance(document, dict):
        raise ValueError("the body must be a JSON object")  # noqa: TRY004  # answered like other bad values
    return document


def _slice(rows: Sequence[_Row], query: str) -> Sequence[_Row]:
    after = query.removeprefix("after=") or "0"
    if not _AFTER.fullmatch(after):
        raise ValueError("the query must be after=N, the number of rows to skip, in at most 18 digits")
    return rows[int(after) : int(after) + _MAX_PAGE]


def _page(rows: Iterable[dict[str, Any]]) -> HttpResponse:
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    return HttpResponse(body=lines.encode(), headers={"Content-Type": "application/x-ndjson"})


def _json(document: dict[str, Any]) -> HttpResponse:
    return HttpResponse(body=json.dumps(document).encode(), headers={"Content-Type": "application/json"})


def _contact_to_json(contact: Contact) -> dict[str, Any]:
    return contact._asdict() | {"started_at": contact.started_at.isoformat(), "body": json.loads(contact.body)}
