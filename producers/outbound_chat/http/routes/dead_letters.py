"""Routes of failed and uncertain jobs, and of actions on many of them."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from outbound_chat.client.steps.dead_letters import OF_ONE_JOB, check_page
from outbound_chat.http.access.authentication import CanOperate, CanRead
from outbound_chat.http.service import while_there
from outbound_chat.http.wire.bodies import json_object
from outbound_chat.http.wire.fields import known_options, read_fields
from outbound_chat.http.wire.parameters import Budget, Code, Cursor, JobId, Limit, OfSender, OfTenant, of_filter
from outbound_chat.http.wire.request_schemas import ACTION_BODY, REPLAY_BODY, REPLAYS_BODY
from outbound_chat.http.wire.response_models import ActionList, Replays
from outbound_chat.http.wire.responses import OF_BODIES, json_response, responses
from outbound_chat.http.wire.turns import Turns
from outbound_chat.model.actions import BulkAction, Refusal
from outbound_chat.model.errors import FieldError
from outbound_chat.model.jobs import Job
from outbound_chat.model.operations import DeadLetters
from outbound_chat.request import FieldCode, with_report
from outbound_chat.request.options import ROW_OPTIONS

router = APIRouter(prefix="/v1", tags=["dead letters"])

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
    """Lists failed and uncertain jobs that were not replayed, newest first."""
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
    refused: list[Refusal] = []
    async with scoped.audited("replay", f"{len(page.jobs)} jobs"):
        for job in page.jobs:
            await turns.rest()
            try:
                jobs.append(await scoped.jobs.replay(job.id, force=force, changes={}, alone=False))
            except OF_ONE_JOB as error:
                refused.append(Refusal.of(job.id, error))
    return json_response({"jobs": jobs, "refused": refused, "cursor": page.cursor})


def _check_page(given: Mapping[str, Any], errors: list[FieldError]) -> None:
    check_page(given.get("state"), given.get("limit", 100), given.get("cursor"), errors)
    if given.get("kind", "replay") != "replay":
        errors.append(FieldError("kind", FieldCode.NOT_ALLOWED, 'must be "replay"'))


@router.post(
    "/actions",
    operation_id="startAction",
    summary="Start a bulk action",
    status_code=201,
    responses=responses(BulkAction, 404, *OF_BODIES, status=201),
    openapi_extra=ACTION_BODY,
)
async def start_action(request: Request, scoped: CanOperate) -> Response:
    """Replays all matching dead letters. Workers do it. If the same action is running, that is returned."""
    known = {**_FILTER, "force": bool, "kind": str}
    chosen = read_fields(await json_object(request), known, required=("kind",), check=_check_page)
    force, _ = chosen.pop("force", False), chosen.pop("kind")
    return json_response(await scoped.actions.start_replay(chosen, force=force), 201)


@router.get("/actions", operation_id="readActions", summary="List bulk actions", responses=responses(ActionList))
async def actions(scoped: CanRead) -> Response:
    """Lists the last 100 of each budget, for at least 30 days."""
    return json_response({"actions": await scoped.actions.all()})


@router.post(
    "/actions/{action_id}/stop",
    operation_id="stopAction",
    summary="Stop a bulk action",
    responses=responses(BulkAction, 404),
)
async def stop_action(scoped: CanOperate, action_id: Annotated[str, Path(description="Id of the action.")]) -> Response:
    """Stops it at once; what it did remains. An action that has ended does not change."""
    return json_response(await scoped.actions.stop(action_id))


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
