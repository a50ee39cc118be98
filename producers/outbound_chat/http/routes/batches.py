"""Routes of batches."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response, StreamingResponse

from outbound_chat.client.steps.rejections import FaultCounter
from outbound_chat.http.access.authentication import CanEnqueue, CanOperate, CanRead
from outbound_chat.http.service import service_of, unless_over, while_there
from outbound_chat.http.wire.batch_bodies import taken_rows, written
from outbound_chat.http.wire.bodies import JSON_TYPE, json_object, key_in_header
from outbound_chat.http.wire.fields import check_hold, read_fields
from outbound_chat.http.wire.parameters import (
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
from outbound_chat.http.wire.request_schemas import BATCH_BODY, PART_BODY, PREFLIGHT_BODY, REASON_BODY
from outbound_chat.http.wire.response_models import Receipt
from outbound_chat.http.wire.responses import OF_BODIES, json_response, responses
from outbound_chat.http.wire.row_streams import Rejections
from outbound_chat.model.batches import Batch, Preflight
from outbound_chat.model.jobs import JobState
from outbound_chat.model.json import json_default
from outbound_chat.model.operations import BatchPage, JobPage

Streamed = Annotated[StreamedOptions, Depends(StreamedOptions)]
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
async def enqueue(request: Request, scoped: CanEnqueue, streamed: Streamed) -> Response:
    """Accepts rows as JSON, or any number of rows as CSV or NDJSON. Invalid rows are rejected; the others are accepted.

    The response starts once the whole body has arrived. It lists every rejected row with its line and the reasons. With
    an `Idempotency-Key`, an interrupted request can be repeated with the same rows and options: no row is added twice.
    """
    rejections = Rejections()
    receipt = await taken_rows(request, streamed, scoped.batches.enqueue, rejections, key_in_header(request))
    if not receipt.repeated:
        service_of(request).metrics.count_jobs(receipt.accepted, receipt.rejected)
    headers = {"Location": f"/v1/batches/{receipt.id}"}
    status = 200 if receipt.repeated else 201
    body = written(json_default(receipt), rejections)
    return StreamingResponse(body, status, headers=headers, media_type=JSON_TYPE)


@router.post(
    "/preflight",
    operation_id="preflightBatch",
    summary="Check the rows of a batch and predict when they are sent",
    responses=responses(Preflight, *OF_BODIES),
    openapi_extra=PREFLIGHT_BODY,
)
async def preflight(request: Request, scoped: CanEnqueue, streamed: Streamed) -> Response:
    """Takes what `POST /v1/batches` takes, and stores nothing. The response says what would happen to the rows if they
    were enqueued now.
    """
    lines = FaultCounter()
    rejections = Rejections(lines)
    found = json_default(await taken_rows(request, streamed, scoped.batches.preflight, rejections))
    # Both counters got the same faults in the same order, one with rows, the other with lines.
    found["faults"] = [
        {**json_default(one), "first_lines": [line for line in same.first_rows if line]}
        for one, same in zip(found["faults"], lines.faults, strict=True)
    ]
    # The rest of a preview's request is from the settings, which callers don't see.
    found["previews"] = [{"row": one.row, "text": one.text, "parts": one.parts} for one in found["previews"]]
    return StreamingResponse(written(found, rejections), media_type=JSON_TYPE)


@router.get("", operation_id="readBatches", summary="List batches", responses=responses(BatchPage, 404))
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
