"""FastAPI with the asyncio client: a page that waits for its message holds no thread.

uvicorn --app-dir examples fastapi_app:app
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from outbound_chat import AsyncOutboundChat, InvalidJob, Job, StoreError, UnknownJob, WaitTimeout


class Message(BaseModel):
    to: str
    text: str
    order: str


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, Any]]:
    async with AsyncOutboundChat.from_settings() as chat:
        yield {"chat": chat}


app = FastAPI(lifespan=lifespan)


@app.post("/messages", status_code=202)
async def send(message: Message, request: Request) -> dict[str, Any]:
    chat: AsyncOutboundChat = request.state.chat
    key = f"order-{message.order}"
    try:
        job = await chat.enqueue(sender="demo", to=message.to, text=message.text, idempotency_key=key)
    except InvalidJob as error:
        raise HTTPException(422, {fault.field: fault.message for fault in error.errors}) from error
    return shown(job)


@app.get("/messages/{job_id}")
async def show(job_id: str, request: Request, wait: Annotated[float, Query(ge=0, le=30)] = 0) -> dict[str, Any]:
    chat: AsyncOutboundChat = request.state.chat
    try:
        return shown(await chat.wait(job_id, timeout=wait))
    except WaitTimeout:
        return shown(await chat.status(job_id))
    except UnknownJob as error:
        raise HTTPException(404, "no such message") from error


def shown(job: Job) -> dict[str, Any]:
    return {"id": job.id, "state": job.state, "final": job.final, "error": job.error.code if job.error else None}


@app.exception_handler(StoreError)
async def away(_: Request, __: Exception) -> JSONResponse:
    return JSONResponse({"detail": "try again in a moment"}, 503, {"Retry-After": "2"})
