"""Routes that read many jobs: by their ids, or by what they have in common."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from outbound_chat.http.access.authentication import CanRead
from outbound_chat.http.access.scoped_client import ScopedClient
from outbound_chat.http.service import while_there
from outbound_chat.http.wire.bodies import JSON_TYPE, json_object
from outbound_chat.http.wire.fields import MOST_IDS, checked_ids, ids_in_body, read_fields
from outbound_chat.http.wire.parameters import Budget, Code, Cursor, Limit, OfSender, OfTenant, of_filter
from outbound_chat.http.wire.request_schemas import IDS_BODY, SEARCH_BODY
from outbound_chat.http.wire.response_models import JobsById
from outbound_chat.http.wire.responses import OF_BODIES, json_response, keyed, responses
from outbound_chat.http.wire.turns import Turns
from outbound_chat.model.errors import FieldError, InvalidJob
from outbound_chat.model.jobs import JobState
from outbound_chat.model.operations import JobPage
from outbound_chat.request import FieldCode
from outbound_chat.rows import parse_time

router = APIRouter(prefix="/v1", tags=["jobs"])

_TIMES = ("since", "until")
_FILTER: dict[str, type] = dict.fromkeys(
    ("budget", "sender", "tenant", "state", "code", *_TIMES, "idempotency_key", "to", "cursor"), str
)


@router.get(
    "/jobs",
    operation_id="readJobs",
    summary="List single messages, or read many jobs by their ids",
    responses=responses(JobPage | JobsById, 404),
)
async def jobs(
    request: Request,
    scoped: CanRead,
    *,
    ids: Annotated[
        str | None,
        Query(description=f"Up to {MOST_IDS:,} ids, separated by commas, as far as the address has room for them."),
    ] = None,
    budget: Budget = None,
    sender: OfSender = None,
    tenant: OfTenant = None,
    state: Annotated[JobState | None, of_filter("state")] = None,
    code: Code = None,
    since: Annotated[str | None, of_filter("since")] = None,
    until: Annotated[str | None, of_filter("until")] = None,
    idempotency_key: Annotated[str | None, of_filter("idempotency_key")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    """Lists single messages, newest first. A page may have fewer than `limit`, or none: continue with `cursor`.

    With `ids` alone, it returns these jobs by their ids instead; null for an unknown id.
    """
    chosen = {"budget": budget, "sender": sender, "tenant": tenant, "state": state, "code": code}
    chosen |= {"since": since, "until": until, "idempotency_key": idempotency_key}
    if ids is None:
        return await _page(request, scoped, chosen, cursor, limit)
    if any(value is not None for value in (*chosen.values(), cursor)):
        message = "can't be combined with a filter or a cursor; send two requests"
        raise InvalidJob([FieldError("ids", FieldCode.NOT_ALLOWED, message)])
    return await _statuses(request, scoped, checked_ids([id_ for id_ in ids.split(",") if id_]))


@router.post(
    "/jobs/search",
    operation_id="searchJobs",
    summary="Find the messages to a number",
    responses=responses(JobPage, 404, *OF_BODIES),
    openapi_extra=SEARCH_BODY,
)
async def search(request: Request, scoped: CanRead) -> Response:
    """Lists jobs as `GET /v1/jobs` does. The body may have a phone number, which must not be in a URL or a log.

    With `to`, it finds single messages and rows of batches; this requires `results.find_by_number` in the settings.
    """
    chosen = read_fields(await json_object(request), {**_FILTER, "limit": int})
    limit, cursor = chosen.pop("limit", 50), chosen.pop("cursor", None)
    return await _page(request, scoped, chosen, cursor, limit)


async def _page(
    request: Request, scoped: ScopedClient, chosen: Mapping[str, Any], cursor: str | None, limit: int
) -> Response:
    times = {name: parse_time(name, chosen.get(name)) for name in _TIMES}
    return json_response(await while_there(request, scoped.jobs.page({**chosen, **times}, cursor, limit)))


@router.post(
    "/statuses",
    operation_id="readManyJobs",
    summary="Read many jobs, with the ids in the body",
    responses=responses(JobsById, *OF_BODIES),
    openapi_extra=IDS_BODY,
)
async def statuses_of_body(request: Request, scoped: CanRead) -> Response:
    """Returns up to 1,000 jobs at once, for ids that don't fit into a URL; null for an unknown id."""
    return await _statuses(request, scoped, await ids_in_body(request))


async def _statuses(request: Request, scoped: ScopedClient, ids: list[str]) -> Response:
    found = await scoped.jobs.statuses(ids)
    return Response(await keyed("jobs", found, Turns(request)), media_type=JSON_TYPE)
