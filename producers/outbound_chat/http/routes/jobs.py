"""Routes of single jobs."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from outbound_chat.http.access.authentication import CanEnqueue, CanOperate, CanRead
from outbound_chat.http.service import service_of, unless_over
from outbound_chat.http.wire.bodies import json_object, key_in_header
from outbound_chat.http.wire.parameters import JobId, Wait
from outbound_chat.http.wire.request_schemas import JOB_BODY
from outbound_chat.http.wire.response_models import JobsById
from outbound_chat.http.wire.responses import OF_BODIES, json_response, responses
from outbound_chat.model.errors import FieldError, InvalidJob
from outbound_chat.model.jobs import Job
from outbound_chat.model.why import Why
from outbound_chat.request import FieldCode
from outbound_chat.request.options import OWN_OPTIONS, ROW_OPTIONS
from outbound_chat.rows import TIMES, parse_time

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

MOST_IDS = 500


@router.post(
    "",
    operation_id="enqueueJob",
    summary="Enqueue one message",
    status_code=201,
    responses=responses(Job, 409, *OF_BODIES, status=201, _200="The job that an earlier request made."),
    openapi_extra=JOB_BODY,
)
async def enqueue(request: Request, scoped: CanEnqueue) -> Response:
    """Enqueues one job, in the short form or as a raw StartOutboundChatContact request, and returns it.

    With an idempotency key the request may be repeated: it returns the same job, and the customer is texted once.
    """
    body = await json_object(request)
    options = _options(body, key_in_header(request))
    metrics = service_of(request).metrics
    try:
        job = await (scoped.jobs.enqueue_request(options) if _is_raw(body) else scoped.jobs.enqueue(options))
    except InvalidJob:
        metrics.count_jobs(0, rejected=1)
        raise
    metrics.count_jobs(0 if job.repeated else 1)
    return json_response(job, 200 if job.repeated else 201, Location=f"/v1/jobs/{job.id}")


@router.get(
    "",
    operation_id="readJobs",
    summary="Read many jobs",
    responses=responses(JobsById),
)
async def statuses(
    scoped: CanRead, ids: Annotated[str, Query(description=f"Up to {MOST_IDS} ids, separated by commas.")]
) -> Response:
    """Returns many jobs at once; null for an id that no job has."""
    wanted = [id_ for id_ in ids.split(",") if id_]
    if len(wanted) > MOST_IDS:
        raise InvalidJob(
            [FieldError("ids", FieldCode.OUT_OF_RANGE, f"has more than {MOST_IDS} ids; send several requests")]
        )
    return json_response({"jobs": await scoped.jobs.statuses(wanted)})


@router.get(
    "/{job_id}",
    operation_id="readJob",
    summary="Read a job, or wait for its end",
    responses=responses(Job, 404),
)
async def status(request: Request, scoped: CanRead, job_id: JobId, wait: Wait = 0.0) -> Response:
    """Returns the current state of the job; with `wait` once it is final, or when the time is over."""
    job = await unless_over(request, scoped.jobs.wait(job_id, wait)) if wait else None
    return json_response(job or await scoped.jobs.status(job_id))


@router.post(
    "/{job_id}/cancel",
    operation_id="cancelJob",
    summary="Cancel a job",
    responses=responses(Job, 404),
)
async def cancel(scoped: CanOperate, job_id: JobId) -> Response:
    """Stops a job that was not sent yet. While a worker calls Connect for it, the result of that call decides."""
    return json_response(await scoped.jobs.cancel(job_id))


@router.get(
    "/{job_id}/why",
    operation_id="explainJob",
    summary="Explain what a job waits for",
    responses=responses(Why, 404),
)
async def why(scoped: CanRead, job_id: JobId) -> Response:
    """Returns the first rule that stops the job, its place, and when it may be sent."""
    return json_response(await scoped.jobs.why(job_id))


def _is_raw(body: dict[str, Any]) -> bool:
    return any(name[:1].isupper() for name in body)


def _options(body: dict[str, Any], key: str | None) -> dict[str, Any]:
    """Returns the options for the client, with parsed times and the idempotency key of the header."""
    errors: list[FieldError] = []
    if _is_raw(body):
        message = "belongs to the short form, but the body has members of a raw request; use one form"
        short = sorted(body.keys() & (ROW_OPTIONS - OWN_OPTIONS))
        errors += [FieldError(name, FieldCode.NOT_ALLOWED, message) for name in short]
    options = dict(body)
    for name in TIMES:
        if name not in options:
            continue
        try:
            options[name] = parse_time(name, options[name])
        except InvalidJob as error:
            errors += error.errors
    if key is not None and options.setdefault("idempotency_key", key) != key:
        message = "differs from idempotency_key in the body; give one of the two"
        errors.append(FieldError("Idempotency-Key", FieldCode.GIVEN_TWICE, message))
    if errors:
        raise InvalidJob(errors)
    return options
