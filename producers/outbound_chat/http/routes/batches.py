"""Routes of batches."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response, StreamingResponse

from outbound_chat.client import FileKey
from outbound_chat.http.access.authentication import CanEnqueue, CanOperate, CanRead
from outbound_chat.http.access.scoped_client import ScopedClient
from outbound_chat.http.service import service_of, unless_over, while_there
from outbound_chat.http.wire.bodies import JSON_TYPE, json_object, key_in_header, media_type
from outbound_chat.http.wire.fields import check_hold, known_options, read_fields
from outbound_chat.http.wire.parameters import (
    LONGEST_NAME,
    BatchId,
    Budget,
    Cursor,
    Limit,
    OfSender,
    OfTenant,
    StreamedOptions,
    Wait,
    of_filter,
)
from outbound_chat.http.wire.problems import Problem, problem_of
from outbound_chat.http.wire.request_schemas import BATCH_BODY, PART_BODY, REASON_BODY
from outbound_chat.http.wire.response_models import Receipt
from outbound_chat.http.wire.responses import OF_BODIES, json_response, responses
from outbound_chat.http.wire.row_streams import CSV_TYPE, JSON_LINES_TYPES, Rejections, RowsBody
from outbound_chat.http.wire.turns import Turns
from outbound_chat.model.batches import Batch, BatchReceipt, Rejection
from outbound_chat.model.errors import FieldError, InvalidJob, OutboundChatError
from outbound_chat.model.jobs import JobState
from outbound_chat.model.json import json_default, to_json
from outbound_chat.model.operations import BatchPage, JobPage
from outbound_chat.request import FieldCode, with_report
from outbound_chat.request.options import BATCH_OPTIONS, JOB_ONLY
from outbound_chat.request.templates import Template
from outbound_chat.rows import Form, converted

router = APIRouter(prefix="/v1/batches", tags=["batches"])


@router.post(
    "",
    operation_id="enqueueBatch",
    summary="Enqueue many messages as one batch",
    status_code=201,
    responses=responses(
        Receipt,
        409,
        *OF_BODIES,
        status=201,
        _200="The batch that an earlier request with the same key created and closed.",
    ),
    openapi_extra=BATCH_BODY,
)
async def enqueue(
    request: Request, scoped: CanEnqueue, streamed: Annotated[StreamedOptions, Depends(StreamedOptions)]
) -> Response:
    """Accepts rows as JSON, or any number of rows as CSV or NDJSON. Invalid rows are rejected; the others are accepted.

    The response starts once the whole body has arrived. It lists every rejected row with its line and the reasons. With
    an `Idempotency-Key`, an interrupted request can be repeated with the same rows and options: no row is added twice.
    """
    kind = media_type(request, JSON_TYPE, CSV_TYPE, *JSON_LINES_TYPES)
    rejections = Rejections()
    key = key_in_header(request)
    try:
        if kind == JSON_TYPE:
            receipt = await _enqueue_json(request, scoped, streamed, key, rejections)
        else:
            form = Form.parse(streamed.faults, **streamed.form)
            body = RowsBody(request, kind, _template(streamed.given), form)
            keyed = FileKey("", key, form.read_as) if key and form.read_as else key
            options = _checked(streamed.given, keyed, streamed.faults)
            receipt = await _enqueue_stream(scoped, body, options, rejections)
    except BaseException:
        rejections.close()
        raise
    if not receipt.repeated:
        service_of(request).metrics.count_jobs(receipt.accepted, receipt.rejected)
    headers = {"Location": f"/v1/batches/{receipt.id}"}
    status = 200 if receipt.repeated else 201
    return StreamingResponse(_written(receipt, rejections), status, headers=headers, media_type=JSON_TYPE)


async def _enqueue_json(
    request: Request, scoped: ScopedClient, streamed: StreamedOptions, key: str | None, rejections: Rejections
) -> BatchReceipt:
    body = await json_object(request)
    message = "belongs in the body, since that is JSON"
    errors = [FieldError(name, FieldCode.NOT_ALLOWED, message) for name in streamed.given]
    message = "is for rows in a body of CSV or NDJSON"
    errors += [FieldError(name, FieldCode.NOT_ALLOWED, message) for name in streamed.form]
    rows = body.pop("rows", None)
    if not isinstance(rows, list):
        errors.append(FieldError("rows", FieldCode.WRONG_TYPE, "must be a list of objects, one per message"))
        rows = []

    template = _template(body)
    named = template.names if template else frozenset()

    given = (converted(row, named) if isinstance(row, dict) else row for row in rows)
    options = _checked({**streamed.given, **body}, key, [*streamed.faults, *errors])
    return await scoped.batches.enqueue(
        Turns(request).each(given), options, lambda rejection: rejections.add(rejection, None)
    )


async def _enqueue_stream(
    scoped: ScopedClient, body: RowsBody, options: Mapping[str, Any], rejections: Rejections
) -> BatchReceipt:
    def reject(rejection: Rejection) -> None:
        rejections.add(rejection, body.line_of(rejection.row))

    try:
        return await scoped.batches.enqueue(body.rows(), options, reject)
    except InvalidJob:
        raise
    except (Problem, OutboundChatError) as error:
        problem = problem_of(error)
        # The notes say what was stored of an interrupted batch.
        problem.detail = " ".join([problem.detail, *(f"{note}." for note in getattr(error, "__notes__", ()))])
        raise problem from error


def _template(options: dict[str, Any]) -> Template | None:
    with suppress(InvalidJob):  # the client reports it with the other faults
        return None if options.get("template") is None else Template.parse(options["template"])
    return None


def _checked(options: dict[str, Any], key: str | FileKey | None, faults: Sequence[FieldError]) -> Mapping[str, Any]:
    """Returns the options for the client. `faults`: those found so far."""
    errors = [*faults]
    name = options.get("name")
    if name is not None and not (isinstance(name, str) and len(name) <= LONGEST_NAME):
        message = f"must be a string of at most {LONGEST_NAME} characters"
        errors.append(FieldError("name", FieldCode.TOO_LONG, message))
        options["name"] = None
    # The client reports options that belong in rows.
    known = known_options(options, BATCH_OPTIONS | JOB_ONLY | {"name"}, errors)
    return with_report({**known, "batch_key": key}, errors)


async def _written(receipt: BatchReceipt, rejections: Rejections) -> AsyncIterator[bytes]:
    counts = {**json_default(receipt), "rejections_omitted": rejections.omitted}
    del counts["rejections"]
    yield to_json(counts).removesuffix(b"}") + b',"rejections":['
    async for part in rejections.parts():
        yield part
    yield b"]}"


@router.get(
    "",
    operation_id="readBatches",
    summary="List batches",
    responses=responses(BatchPage, 404),
)
async def page(
    request: Request,
    scoped: CanRead,
    *,
    budget: Budget = None,
    sender: OfSender = None,
    tenant: OfTenant = None,
    only_open: Annotated[bool, Query(alias="open", description="Only batches that are not final.")] = False,
    cursor: Cursor = None,
    limit: Annotated[int, of_filter("limit", ge=1, le=100)] = 50,
) -> Response:
    """Lists batches: first those that are not final, newest first; then the final ones, last ended first. A page may be
    short or empty: continue until `cursor` is null.
    """
    chosen = {"budget": budget, "sender": sender, "tenant": tenant, "open": only_open}
    return json_response(await while_there(request, scoped.batches.page(chosen, cursor, limit)))


@router.get(
    "/{batch_id}",
    operation_id="readBatch",
    summary="Read a batch or wait until it is final",
    responses=responses(Batch, 404),
)
async def status(request: Request, scoped: CanRead, batch_id: BatchId, wait: Wait = 0.0) -> Response:
    """Returns live counts, rate and expected end. With `wait`, it returns as soon as the batch is final; if it is not
    final in time, `why` explains what its next job waits for.
    """
    batch = await unless_over(request, scoped.batches.wait(batch_id, wait)) if wait else None
    return json_response(batch or await scoped.batches.status(batch_id))


@router.get(
    "/{batch_id}/jobs",
    operation_id="readBatchJobs",
    summary="List the jobs of a batch",
    responses=responses(JobPage, 404),
)
async def jobs(
    request: Request,
    scoped: CanRead,
    batch_id: BatchId,
    *,
    state: Annotated[JobState | None, of_filter("state")] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Response:
    """Lists jobs in the order of the rows. A page may be short or empty: continue until `cursor` is null."""
    return json_response(await while_there(request, scoped.batches.jobs(batch_id, state, cursor, limit)))


@router.post(
    "/{batch_id}/hold",
    operation_id="holdBatch",
    summary="Hold a batch",
    responses=responses(Batch, 404, 409, *OF_BODIES),
    openapi_extra=REASON_BODY,
)
async def hold(request: Request, scoped: CanOperate, batch_id: BatchId) -> Response:
    """Stops the batch within a second, until it is released. Its jobs keep their places and can still expire."""
    given = read_fields(await json_object(request), {"reason": str}, required=("reason",), check=check_hold)
    await scoped.holds.hold({"batch": batch_id}, given["reason"])
    return json_response(await scoped.batches.status(batch_id))


@router.post(
    "/{batch_id}/release",
    operation_id="releaseBatch",
    summary="Release a batch",
    responses=responses(Batch, 404),
)
async def release(scoped: CanOperate, batch_id: BatchId) -> Response:
    """Ends a person's hold of the batch. If there is none, nothing changes."""
    await scoped.holds.release({"batch": batch_id})
    return json_response(await scoped.batches.status(batch_id))


@router.post(
    "/{batch_id}/cancel",
    operation_id="cancelBatch",
    summary="Cancel a batch, or a part of it",
    responses=responses(Batch, 404, *OF_BODIES),
    openapi_extra=PART_BODY,
)
async def cancel(request: Request, scoped: CanOperate, batch_id: BatchId) -> Response:
    """Cancels all of its jobs that have not been sent, and closes it.

    With `rows` or `state` it cancels only those jobs, and the batch stays open; `part` has their counts. A second
    request changes nothing more.
    """
    part = read_fields(await json_object(request, may_be_empty=True), {"rows": str, "state": str})
    return json_response(
        await (scoped.batches.cancel_part(batch_id, part) if part else scoped.batches.cancel(batch_id))
    )
