"""Routes of batches, except those that take rows."""

from typing import Annotated

from fastapi import Query, Request
from starlette.responses import Response

from outbound_chat.http.access.authentication import CanOperate, CanRead
from outbound_chat.http.routes.batch_rows import router
from outbound_chat.http.service import unless_over, while_there
from outbound_chat.http.wire.bodies import json_object
from outbound_chat.http.wire.fields import check_hold, read_fields
from outbound_chat.http.wire.parameters import (
    BatchId,
    Budget,
    Cursor,
    Limit,
    OfSender,
    OfTenant,
    Wait,
    of_filter,
)
from outbound_chat.http.wire.request_schemas import PART_BODY, REASON_BODY
from outbound_chat.http.wire.responses import OF_BODIES, json_response, responses
from outbound_chat.model.batches import Batch
from outbound_chat.model.jobs import JobState
from outbound_chat.model.operations import BatchPage, JobPage


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
