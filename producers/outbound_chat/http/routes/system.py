"""Routes for those who run the service: is it alive, is it ready, what did it count."""

import asyncio

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from outbound_chat.http.access.authentication import COUNTERS, CanRead
from outbound_chat.http.service import service_of
from outbound_chat.http.store_metrics import store_text
from outbound_chat.http.wire.responses import json_response, responses
from outbound_chat.model.errors import StoreError, StoreUnavailable

router = APIRouter(tags=["service"])
READY_SECONDS = 1.0
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Health(BaseModel):
    """That the service answers."""

    status: str


@router.get("/healthz", operation_id="health", summary="Say that the process answers", responses=responses(Health))
async def health() -> Response:
    """Asks nobody: right for deciding whether to restart the process."""
    return json_response({"status": "ok"})


@router.get("/readyz", operation_id="readiness", summary="Say whether Redis answers", responses=responses(Health))
async def readiness(request: Request) -> Response:
    """Asks Redis, for at most a second: right for deciding whether to send requests here."""
    service = service_of(request)
    try:
        async with asyncio.timeout(READY_SECONDS):
            await service.client.ping()
    except TimeoutError:
        raise StoreUnavailable(f"Redis did not answer within {READY_SECONDS:g} s") from None
    return json_response({"status": "ok"})


@router.get(
    "/metrics",
    operation_id=COUNTERS,
    summary="Say what was counted, for Prometheus",
    responses={
        **responses(Health),
        200: {"description": "Text of Prometheus.", "content": {"text/plain": {"schema": {"type": "string"}}}},
    },
)
async def metrics(request: Request, scoped: CanRead) -> Response:
    """Requests of this service, and what the store knows of each budget."""
    try:
        store_metrics = store_text(await scoped.budgets.status())
    except StoreError:
        # What the service counted itself is wanted most of all when Redis is away; `outbound_chat_store_up` says so.
        store_metrics = store_text(None)
    return Response(service_of(request).metrics.text() + store_metrics, media_type=CONTENT_TYPE)
