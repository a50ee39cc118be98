"""The route for contact events, as EventBridge API destinations and SNS post them."""

from collections import Counter

from fastapi import APIRouter, Request
from starlette.responses import Response

from outbound_chat.http.access.authentication import CanIngest
from outbound_chat.http.wire.bodies import JSON_TYPE, json_value
from outbound_chat.http.wire.codes import ProblemCode
from outbound_chat.http.wire.problems import Problem
from outbound_chat.http.wire.request_schemas import EVENTS_BODY, MOST_EVENTS
from outbound_chat.http.wire.response_models import Ingested
from outbound_chat.http.wire.responses import OF_BODIES, json_response, responses
from outbound_chat.model.contact_events import Outcome
from outbound_chat.model.errors import FieldError, InvalidJob
from outbound_chat.request import FieldCode

router = APIRouter(prefix="/v1/contact-events", tags=["contact events"])

AT_ONCE = 100
"""Events that are read and applied before other requests have their turn."""


@router.post(
    "",
    operation_id="ingestContactEvents",
    summary="Ingest contact events",
    responses=responses(Ingested, *OF_BODIES),
    openapi_extra=EVENTS_BODY,
)
async def ingest(request: Request, scoped: CanIngest) -> Response:
    """Applies one event or a list of events about contacts and messages. Repeated and late events do no harm, so repeat
    a request that got no response, or `503`. An event that can't be read does not stop the others.
    """
    # SNS says text/plain. https://docs.aws.amazon.com/sns/latest/dg/sns-http-https-endpoint-as-subscriber.html
    body = await json_value(request, JSON_TYPE, "text/plain")
    if not isinstance(body, dict | list):
        raise Problem(ProblemCode.INVALID_JSON, "The body must be a JSON object or a list of objects.")
    events = body if isinstance(body, list) else [body]
    if len(events) > MOST_EVENTS:
        message = f"has more than {MOST_EVENTS} events; send several requests"
        raise InvalidJob([FieldError("body", FieldCode.OUT_OF_RANGE, message)])
    outcomes: list[Outcome] = []
    for first in range(0, len(events), AT_ONCE):
        outcomes += await scoped.events.ingest(events[first : first + AT_ONCE])
    counts = Counter(outcomes)
    return json_response({"counts": {word: counts[word] for word in Outcome}, "outcomes": outcomes})
