"""Routes of single jobs."""

from collections.abc import Mapping
from typing import Any, cast

from fastapi import APIRouter, Request
from starlette.responses import Response

from outbound_chat.http.access.authentication import CanEnqueue, CanOperate, CanRead
from outbound_chat.http.access.scoped_client import ScopedClient
from outbound_chat.http.service import service_of, unless_over
from outbound_chat.http.wire.bodies import JSON_TYPE, json_value, key_in_header
from outbound_chat.http.wire.codes import ProblemCode
from outbound_chat.http.wire.fields import ids_in_body
from outbound_chat.http.wire.parameters import JobId, Wait, WaitUntil
from outbound_chat.http.wire.problems import Problem, problem_of
from outbound_chat.http.wire.request_schemas import IDS_BODY, JOB_BODY
from outbound_chat.http.wire.response_models import JobOutcomes
from outbound_chat.http.wire.responses import OF_BODIES, json_response, listed, responses
from outbound_chat.http.wire.turns import Turns
from outbound_chat.model.errors import FieldError, InvalidJob, StoreError
from outbound_chat.model.jobs import Job
from outbound_chat.model.operations import Cancellation
from outbound_chat.model.why import Why
from outbound_chat.request import FieldCode, with_report
from outbound_chat.rows import TIMES

router = APIRouter(prefix="/v1", tags=["jobs"])

MOST_JOBS = 500


@router.post(
    "/jobs",
    operation_id="enqueueJob",
    summary="Enqueue one message or a list",
    status_code=201,
    responses={
        **responses(
            Job,
            409,
            *OF_BODIES,
            status=201,
            _200="The job that an earlier request with the same idempotency key created.",
        ),
        207: {"model": JobOutcomes, "description": "For a list: the result of each job."},
    },
    openapi_extra=JOB_BODY,
)
async def enqueue(request: Request, scoped: CanEnqueue) -> Response:
    """Enqueues a message, in the short form or as a raw StartOutboundChatContact request, and returns its job.

    With an idempotency key the request can be repeated safely: it returns the same job, and the customer is texted
    once. A list has up to 500 messages. Each is accepted or refused on its own, and counts toward the rate of the key.
    """
    body = await json_value(request)
    if isinstance(body, list):
        return await _enqueue_list(request, scoped, body)
    if not isinstance(body, dict):
        raise Problem(ProblemCode.INVALID_JSON, "The body must be a JSON object or a list of objects.")
    options = _options(body, key_in_header(request))
    metrics = service_of(request).metrics
    try:
        job = await scoped.jobs.enqueue(options)
    except InvalidJob:
        metrics.count_jobs(0, rejected=1)
        raise
    metrics.count_jobs(0 if job.repeated else 1)
    return json_response(job, 200 if job.repeated else 201, Location=f"/v1/jobs/{job.id}")


async def _enqueue_list(request: Request, scoped: ScopedClient, jobs: list[Any]) -> Response:
    errors: list[FieldError] = []
    if key_in_header(request) is not None:
        message = "applies to a single job; give each job of the list its own idempotency_key"
        errors.append(FieldError("Idempotency-Key", FieldCode.NOT_ALLOWED, message))
    if len(jobs) > MOST_JOBS:
        message = f"has more than {MOST_JOBS} jobs; send several requests or a batch"
        errors.append(FieldError("body", FieldCode.OUT_OF_RANGE, message))
    if errors:
        raise InvalidJob(errors)
    turns = Turns(request)
    passing = await scoped.jobs.among_rate(len(jobs))
    outcomes = await scoped.jobs.enqueue_many(turns.each(map(_options_of, jobs[:passing])))
    if outcomes and all(isinstance(one, StoreError) for one in outcomes):
        raise cast("StoreError", outcomes[0])
    outcomes += [Problem(ProblemCode.RATE_LIMITED, "The API key has reached its rate limit; retry later.")] * (
        len(jobs) - passing
    )
    service_of(request).metrics.count_jobs(
        sum(isinstance(one, Job) and not one.repeated for one in outcomes),
        sum(isinstance(one, InvalidJob) for one in outcomes),
    )
    root_path: str = request.scope.get("root_path", "")
    results = (_outcome(one, root_path) for one in outcomes)
    return Response(await listed("jobs", results, turns), 207, media_type=JSON_TYPE)


def _options_of(job: Any) -> Mapping[str, Any] | InvalidJob:
    if isinstance(job, dict):
        return _options(job, None)
    return InvalidJob([FieldError("job", FieldCode.WRONG_TYPE, "must be a JSON object")])


def _outcome(one: Job | Exception, root_path: str) -> dict[str, Any]:
    if isinstance(one, Job):
        return {"status": 200 if one.repeated else 201, "job": one, "problem": None}
    problem = problem_of(one)
    return {"status": problem.status, "job": None, "problem": problem.body(root_path)}


@router.post(
    "/cancellations",
    operation_id="cancelJobs",
    summary="Cancel many jobs",
    responses=responses(Cancellation, *OF_BODIES),
    openapi_extra=IDS_BODY,
)
async def cancel_many(request: Request, scoped: CanOperate) -> Response:
    """Cancels up to 1,000 jobs that have not been sent, and counts them by the state they have now.

    An unknown id does not stop the others. A second request changes nothing more.
    """
    return json_response(await scoped.jobs.cancel_many(await ids_in_body(request)))


@router.get(
    "/jobs/{job_id}",
    operation_id="readJob",
    summary="Read a job or wait until it is final",
    responses=responses(Job, 404),
)
async def status(
    request: Request, scoped: CanRead, job_id: JobId, *, wait: Wait = 0.0, until: WaitUntil = "final"
) -> Response:
    """Returns the job at once or, with `wait`, as soon as it is final. If it is not final in time, `why` explains what
    it waits for.

    With `until=ended` or `until=delivered`, a job that was sent is returned once its contact has ended, or once it is
    known what became of the message. `contact` and `delivery` say what is known, which is often nothing.
    """
    job = await unless_over(request, scoped.jobs.wait(job_id, wait, until)) if wait else None
    return json_response(job or await scoped.jobs.status(job_id))


@router.post(
    "/jobs/{job_id}/cancel",
    operation_id="cancelJob",
    summary="Cancel a job",
    responses=responses(Job, 404),
)
async def cancel(scoped: CanOperate, job_id: JobId) -> Response:
    """Cancels a job that has not been sent. If a worker is calling Connect for it, the result of that call decides."""
    return json_response(await scoped.jobs.cancel(job_id))


@router.get(
    "/jobs/{job_id}/why",
    operation_id="explainJob",
    summary="Explain why a job waits",
    responses=responses(Why, 404),
)
async def why(scoped: CanRead, job_id: JobId) -> Response:
    """Returns what stops the job, its position, and when it is expected to be sent."""
    return json_response(await scoped.jobs.why(job_id))


def _options(body: dict[str, Any], key: str | None) -> Mapping[str, Any]:
    """Returns the options for the client, with parsed times and the idempotency key from the header."""
    errors: list[FieldError] = []
    options = dict(body)
    for name, parse in TIMES.items():
        if name in options:
            options[name] = parse(name, options[name])
    if key is not None and options.setdefault("idempotency_key", key) != key:
        message = "differs from idempotency_key in the body; send only one of the two"
        errors.append(FieldError("Idempotency-Key", FieldCode.GIVEN_TWICE, message))
    return with_report(options, errors)
