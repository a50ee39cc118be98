"""FastAPI with the asyncio client: a page that waits for its message holds no thread.

uvicorn --app-dir examples fastapi_app:app
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Annotated, Any

from fastapi import FastAPI, Header, HTTPException, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from outbound_chat import AsyncOutboundChat, IdempotencyConflict, InvalidJob, Job, OutboundChatError, WaitTimeout


class Message(BaseModel):
    to: str
    text: str
    order: str


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, Any]]:
    async with AsyncOutboundChat.from_settings() as chat:
        yield {"chat": chat}


app = FastAPI(lifespan=lifespan)
Shop = Annotated[str, Header(alias="X-Shop")]  # stands for your login, which knows whose request this is


@app.post("/messages", status_code=202)
async def send(new: Message, request: Request, shop: Shop) -> dict[str, Any]:
    key = f"order-{new.order}"
    job = await request.state.chat.enqueue(sender="demo", tenant=shop, to=new.to, text=new.text, idempotency_key=key)
    return shown(job)


@app.get("/messages/{id_}")
async def show(id_: str, request: Request, shop: Shop, wait: Annotated[float, Query(le=30)] = 0) -> dict[str, Any]:
    job = (await request.state.chat.statuses([id_]))[id_]
    if job is None or job.tenant != shop:  # an id is no permission
        raise HTTPException(404, "no such message")
    with suppress(WaitTimeout):  # then it is shown as it stood
        job = await request.state.chat.wait(id_, timeout=wait)
    return shown(job)


def shown(job: Job) -> dict[str, Any]:
    return {"id": job.id, "state": job.state, "final": job.final, "error": job.error.code if job.error else None}


@app.exception_handler(OutboundChatError)
async def refused(_: Request, error: Exception) -> JSONResponse:
    if isinstance(error, InvalidJob):
        return JSONResponse({"detail": {fault.field: fault.message for fault in error.errors}}, 422)
    if isinstance(error, IdempotencyConflict):
        return JSONResponse({"detail": "this order has another message already"}, 409)
    return JSONResponse({"detail": "try again in a moment"}, 503, {"Retry-After": "2"})
