"""The events of a budget as server-sent events. https://html.spec.whatwg.org/multipage/server-sent-events.html"""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response, StreamingResponse

from outbound_chat.http.access.authentication import CanRead
from outbound_chat.http.access.scoped_client import ScopedClient
from outbound_chat.http.service import Service, service_of, unless_stopping
from outbound_chat.http.wire.parameters import Budget, only
from outbound_chat.http.wire.problems import Problem
from outbound_chat.http.wire.responses import responses
from outbound_chat.model.errors import StoreError
from outbound_chat.model.json import to_json
from outbound_chat.model.operations import Event, Events
from outbound_chat_config import whole_number

router = APIRouter(prefix="/v1/events", tags=["events"])

BEAT_SECONDS = 15.0
"""After this much silence a comment is sent, so that proxies keep the connection open."""
RETRY_MS = 2_000
FARTHEST = 10**15
TYPE = "text/event-stream"


class EventStream(StreamingResponse):
    """A response of events."""

    media_type = TYPE


def _is_number(text: str) -> bool:
    number = whole_number(text)
    return number is not None and number <= FARTHEST


@router.get(
    "",
    operation_id="followEvents",
    summary="Follow the events of a budget",
    response_class=EventStream,
    responses={
        **responses(None, 404),
        200: {
            "model": Event,
            "description": "Server-sent events: `id` is the number of the event, `data` is the event as JSON.",
        },
    },
)
async def events(
    request: Request,
    scoped: CanRead,
    budget: Budget = None,
    since: Annotated[
        int,
        Query(
            ge=0, le=FARTHEST, description="Number of the last event that you know. Default: 0, for all that are kept."
        ),
    ] = 0,
    last_event_id: Annotated[
        str | None,
        Header(description="Same as `since`; browsers send it when they reconnect."),
        only(_is_number, "must be the number of an event"),
    ] = None,
) -> Response:
    """Streams events until the client disconnects. A `missed` event says how many events were trimmed before they could
    be read.
    """
    number = since if last_event_id is None else whole_number(last_event_id) or 0
    first = await scoped.events.read(budget, number, wait=0.0)
    stream = _stream(scoped, budget, first, service_of(request))
    return EventStream(stream, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})


async def _stream(scoped: ScopedClient, budget: str | None, first: Events, service: Service) -> AsyncIterator[bytes]:
    yield b"retry: %d\n\n" % RETRY_MS
    found: Events | None = first
    while found:
        yield b"".join(_written(found))
        try:
            found = await unless_stopping(service, scoped.events.read(budget, found.next, wait=BEAT_SECONDS))
        except StoreError:
            # The reader reconnects with the number of its last event, and then gets the error.
            yield b": Redis is unavailable\n\n"
            return
        except Problem:
            # Its key has ended; the reader gets the error when it reconnects.
            yield b": the API key is no longer valid\n\n"
            return
        if found and not found.events and not found.missed:
            yield b": nothing new\n\n"


def _written(found: Events) -> list[bytes]:
    parts = [b'event: missed\ndata: {"missed":%d}\n\n' % found.missed] if found.missed else []
    parts += [
        b"id: %d\nevent: %s\ndata: %s\n\n" % (event.number, event.kind.encode(), to_json(event))
        for event in found.events
    ]
    return parts
