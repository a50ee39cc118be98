"""Routes for those who run the service: liveness, readiness and metrics."""

import asyncio

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from outbound_chat.http.access.authentication import COUNTERS, CanRead
from outbound_chat.http.service import service_of
from outbound_chat.http.store_metrics import store_text
from outbound_chat.http.wire.parameters import Cursor, Limit
from outbound_chat.http.wire.responses import json_response, responses
from outbound_chat.model.audit import AuditPage
from outbound_chat.model.errors import StoreError, StoreUnavailable

router = APIRouter(tags=["service"])
READY_SECONDS = 1.0
METRIC_HOURS = 2
"""This hour and the one before: carriers report within minutes in most cases."""
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Health(BaseModel):
    """The health of the service."""

    status: str = Field(description="`ok`.")


@router.get(
    "/healthz",
    operation_id="health",
    summary="Check liveness",
    responses=responses(Health, public=True),
)
async def health() -> Response:
    """Checks only that the process responds. Use it to decide whether to restart the process."""
    return json_response({"status": "ok"})


@router.get(
    "/readyz",
    operation_id="readiness",
    summary="Check readiness",
    responses=responses(Health, 503, public=True),
)
async def readiness(request: Request) -> Response:
    """Checks that Redis responds within a second. Use it to decide whether to route requests here."""
    service = service_of(request)
    try:
        async with asyncio.timeout(READY_SECONDS):
            await service.client.ping()
    except TimeoutError:
        raise StoreUnavailable(f"Redis did not answer within {READY_SECONDS:g} s") from None
    return json_response({"status": "ok"})


@router.get(
    "/v1/audit", operation_id="readAudit", summary="List changes made over HTTP", responses=responses(AuditPage)
)
async def audit(scoped: CanRead, cursor: Cursor = None, limit: Limit = 100) -> Response:
    """Lists who changed what over HTTP and in the pages, by API key, newest first."""
    return json_response(await scoped.audit.page(cursor, limit))


@router.get(
    "/metrics",
    operation_id=COUNTERS,
    summary="Read metrics for Prometheus",
    response_class=Response,
    responses={
        **responses(None),
        200: {
            "description": "Metrics in the text format of Prometheus.",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        },
    },
)
async def metrics(request: Request, scoped: CanRead) -> Response:
    """Returns metrics of the requests of this service, and of each budget."""
    try:
        read = scoped.unrestricted
        store_metrics = store_text(await read.budgets(), await read.receipts(hours=METRIC_HOURS))
    except StoreError:
        # The service's own counters matter most when Redis is away, which `outbound_chat_store_up` reports.
        store_metrics = store_text(None)
    return Response(service_of(request).metrics.text() + store_metrics, media_type=CONTENT_TYPE)
