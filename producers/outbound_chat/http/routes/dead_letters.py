"""Routes of failed and uncertain jobs."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from starlette.responses import Response

from outbound_chat.client.steps.dead_letters import check_page
from outbound_chat.http.access.authentication import CanOperate, CanRead
from outbound_chat.http.service import while_there
from outbound_chat.http.wire.bodies import json_object
from outbound_chat.http.wire.fields import known_options, read_fields
from outbound_chat.http.wire.parameters import Budget, Code, Cursor, JobId, Limit, OfSender, OfTenant, of_filter
from outbound_chat.http.wire.problems import problem_of
from outbound_chat.http.wire.request_schemas import REPLAY_BODY, REPLAYS_BODY
from outbound_chat.http.wire.response_models import Replays
from outbound_chat.http.wire.responses import OF_BODIES, json_response, responses
from outbound_chat.http.wire.turns import Turns
from outbound_chat.model.errors import (
    DuplicateRisk,
    FieldError,
    InvalidJob,
    MissingEncryptionKey,
    NotReplayable,
    WrittenByNewerVersion,
)
from outbound_chat.model.jobs import Job
from outbound_chat.model.operations import DeadLetters
from outbound_chat.request import FieldCode, with_report
from outbound_chat.request.options import ROW_OPTIONS

router = APIRouter(prefix="/v1", tags=["dead letters"])

_OF_ONE_JOB = (InvalidJob, MissingEncryptionKey, WrittenByNewerVersion, NotReplayable, DuplicateRisk)
"""Errors that concern one job only."""
_FILTER: dict[str, type] = dict.fromkeys(("budget", "state", "code", "sender", "tenant", "batch"), str)
_KNOWN: dict[str, type] = {**_FILTER, "cursor": str, "limit": int, "force": bool}


@router.get(
    "/dead-letters",
    operation_id="readDeadLetters",
    summary="List failed and uncertain jobs",
    responses=responses(DeadLetters, 404),
)
async def dead_letters(
    request: Request,
    scoped: CanRead,
    *,
    budget: Budget = None,
    state: Annotated[Literal["failed", "uncertain"] | None, of_filter("state")] = None,
    code: Code = None,
    sender: OfSender = None,
    tenant: OfTenant = None,
    batch: Annotated[str | None, of_filter("batch")] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Response:
    """Lists failed and uncertain jobs that were not replayed, newest first. A page may have a few more than `limit`."""
    chosen = {"budget": budget, "state": state, "code": code, "sender": sender, "tenant": tenant, "batch": batch}
    return json_response(await while_there(request, scoped.dead_letters.page(chosen, limit=limit, cursor=cursor)))


@router.post(
    "/dead-letters/replay",
    operation_id="replayDeadLetters",
    summary="Replay failed and uncertain jobs",
    responses=responses(Replays, 404, *OF_BODIES),
    openapi_extra=REPLAYS_BODY,
)
async def replay_many(request: Request, scoped: CanOperate) -> Response:
    """Replays a page of matching jobs; one that can't be replayed does not stop the others. Continue with `cursor`."""
    chosen = read_fields(await json_object(request), _KNOWN, check=_check_page)
    limit, cursor = chosen.pop("limit", 100), chosen.pop("cursor", None)
    force = chosen.pop("force", False)
    page = await while_there(request, scoped.dead_letters.page(chosen, limit=limit, cursor=cursor))
    turns = Turns(request)
    jobs: list[Job] = []
    refused: list[dict[str, str]] = []
    async with scoped.audited("replay", f"{len(page.jobs)} jobs"):
        for job in page.jobs:
            await turns.rest()
            try:
                jobs.append(await scoped.jobs.replay(job.id, force=force, changes={}, alone=False))
            except _OF_ONE_JOB as error:
                problem = problem_of(error)
                detail = str(error) if isinstance(error, InvalidJob) else problem.detail
                refused.append({"id": job.id, "code": problem.code, "detail": detail})
    return json_response({"jobs": jobs, "refused": refused, "cursor": page.cursor})


def _check_page(given: Mapping[str, Any], errors: list[FieldError]) -> None:
    check_page(given.get("state"), given.get("limit", 100), given.get("cursor"), errors)


@router.post(
    "/jobs/{job_id}/replay",
    operation_id="replayJob",
    summary="Replay a failed or uncertain job",
    tags=["jobs"],
    status_code=201,
    responses=responses(Job, 404, 409, *OF_BODIES, status=201),
    openapi_extra=REPLAY_BODY,
)
async def replay(request: Request, scoped: CanOperate, job_id: JobId) -> Response:
    """Sends the message again as a new job, and returns that. A repeated request returns the same new job."""
    body = await json_object(request, may_be_empty=True)
    force, errors = body.pop("force", False), list[FieldError]()
    if not isinstance(force, bool):
        errors.append(FieldError("force", FieldCode.WRONG_TYPE, "must be true or false"))
    changes = with_report(known_options(body, ROW_OPTIONS, errors), errors)
    job = await scoped.jobs.replay(job_id, force=force is True, changes=changes)
    return json_response(job, 201, Location=f"/v1/jobs/{job.id}")
