"""The routes under `/_sandbox/`, with which a test asks what happened and changes what happens next.

Lists are sent in pages of NDJSON, so that 100,000 contacts neither block the server nor fill its memory.
"""

import dataclasses
import json
import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qsl

from outbound_chat_worker.sandbox._client import NEXT_HEADER
from outbound_chat_worker.sandbox._engine import Engine
from outbound_chat_worker.sandbox._http import HttpRequest, HttpResponse
from outbound_chat_worker.sandbox._kept import Kept, Row
from outbound_chat_worker.sandbox._ledger import Call
from outbound_chat_worker.sandbox._messages import find_message, messages
from outbound_chat_worker.sandbox._reports import SandboxMessage

PREFIX = "/_sandbox/"
_MAX_PAGE = 1000
_AFTER = re.compile(r"[0-9]{1,18}")


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
            return _kept(engine.ledger.contacts, query, _contact_to_json)
        case "arrivals":
            return _kept(engine.ledger.arrivals, query, dataclasses.asdict)
        case "events":
            engine.ledger.settle()
            events, last = engine.ledger.events.after(_after(query), _MAX_PAGE)
            numbered = enumerate(events, start=last - len(events) + 1)
            return _page(({"number": number, "event": json.loads(event)} for number, event in numbered), last)
        case "inbox":
            rows = list(messages(engine.ledger, _after(query), _MAX_PAGE))
            return _page(map(_message_to_json, rows), rows[-1].number if rows else engine.ledger.inbox.total)
        case "message":
            found = find_message(engine.ledger, dict(parse_qsl(query)).get("id", ""))
            return _page(map(_message_to_json, [found] if found else []), 0)
        case _:
            raise LookupError("the sandbox has no such control route for GET")


def _change(engine: Engine, route: str, body: bytes) -> HttpResponse:
    match route:
        case "configure":
            engine.configure(_object(body))
        case "reset":
            engine.reset()
        case "opt-outs":
            engine.ledger.opt_outs.change(_object(body))
        case "shut":
            engine.ledger.events.shut(float(_object(body)["seconds"]))
        case "close":
            if not engine.ledger.chats.close(str(_object(body).get("contact_id"))):
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


def _after(query: str) -> int:
    after = query.removeprefix("after=") or "0"
    if not _AFTER.fullmatch(after):
        raise ValueError("the query must be after=N, the number of rows to skip, in at most 18 digits")
    return int(after)


def _kept(rows: Kept[Row], query: str, to_json: Callable[[Row], dict[str, Any]]) -> HttpResponse:
    found, last = rows.after(_after(query), _MAX_PAGE)
    return _page(map(to_json, found), last)


def _page(rows: Iterable[dict[str, Any]], last: int) -> HttpResponse:
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    return HttpResponse(body=lines.encode(), headers={"Content-Type": "application/x-ndjson", NEXT_HEADER: str(last)})


def _json(document: dict[str, Any]) -> HttpResponse:
    return HttpResponse(body=json.dumps(document).encode(), headers={"Content-Type": "application/json"})


def _contact_to_json(call: Call) -> dict[str, Any]:
    body = json.loads(call.body)
    return {
        "contact_id": call.contact_id,
        "instance_id": body["InstanceId"],
        "destination": body["DestinationEndpoint"]["Address"],
        "channel": body["SegmentAttributes"]["connect:Subtype"]["ValueString"].removeprefix("connect:"),
        "token": body.get("ClientToken") or None,
        "started_at": call.at.isoformat(),
        "body": body,
    }


def _message_to_json(message: SandboxMessage) -> dict[str, Any]:
    return dataclasses.asdict(message) | {"at": message.at.isoformat()}
