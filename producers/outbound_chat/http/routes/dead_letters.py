"""Routes of failed and uncertain jobs, and of actions on many of them."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from outbound_chat.client.steps.dead_letters import check_page
from outbound_chat.http.access.authentication import CanOperate, CanRead
from outbound_chat.http.service import while_there
from outbound_chat.http.wire.bodies import json_object
from outbound_chat.http.wire.fields import known_options, read_fields
from outbound_chat.http.wire.parameters import Budget, Code, Cursor, JobId, Limit, OfSender, OfTenant, of_filter
from outbound_chat.http.wire.request_schemas import ACTION_BODY, REPLAY_BODY
from outbound_chat.http.wire.response_models import ActionList
from outbound_chat.http.wire.responses import OF_BODIES, json_response, responses
from outbound_chat.model.actions import BulkAction
from outbound_chat.model.errors import FieldError
from outbound_chat.model.jobs import Job
from outbound_chat.model.operations import DeadLetters
from outbound_chat.request import FieldCode, with_report
from outbound_chat.request.options import ROW_OPTIONS

router = APIRouter(prefix="/v1", tags=["dead letters"])

_ACTION: dict[str, type] = {
    **dict.fromkeys(("kind", "budget", "state", "code", "sender", "tenant", "batch"), str),
    "force": bool,
}


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


def _check(given: Mapping[str, Any], errors: list[FieldError]) -> None:
    check_page(given.get("state"), 1, None, errors)
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
    chosen = read_fields(await json_object(request), _ACTION, required=("kind",), check=_check)
    del chosen["kind"]
    return json_response(await scoped.actions.start_replay(chosen), 201)


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
