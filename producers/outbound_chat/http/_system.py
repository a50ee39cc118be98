"""Routes for those who run the service: is it alive, is it ready, what did it count."""

import asyncio

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from outbound_chat.errors import StoreUnavailable
from outbound_chat.http._answers import answered, documented
from outbound_chat.http._service import service_of

router = APIRouter(tags=["service"])
READY_SECONDS = 1.0


class Health(BaseModel):
    """That the service answers."""

    status: str


@router.get("/healthz", operation_id="health", summary="Say that the process answers", responses=documented(Health))
async def health() -> Response:
    """Asks nobody: right for deciding whether to restart the process."""
    return answered({"status": "ok"})


@router.get("/readyz", operation_id="readiness", summary="Say whether Redis answers", responses=documented(Health))
async def readiness(request: Request) -> Response:
    """Asks Redis, for at most a second: right for deciding whether to send requests here."""
    service = service_of(request)
    try:
        async with asyncio.timeout(READY_SECONDS):
            await service.client.ping()
    except TimeoutError:
        raise StoreUnavailable(f"Redis did not answer within {READY_SECONDS:g} s") from None
    return answered({"status": "ok"})
