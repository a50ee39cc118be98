"""The floor of the HTTP service: FastAPI routes that make one call of redis.asyncio, under the service's own uvicorn.

`python -m benchmarks.peers.bare_http PORT`.
"""

import itertools
import json
import sys
from typing import Any

import redis.asyncio
import uvicorn
from fastapi import FastAPI

from benchmarks.peers.work import REDIS_URL
from outbound_chat.http import server
from outbound_chat_config import load_settings

app = FastAPI()
_redis: Any = redis.asyncio.Redis.from_url(REDIS_URL, decode_responses=True)
_ids = itertools.count()


@app.get("/healthz")
async def healthz() -> dict[str, str]:
    """Whether it serves."""
    return {}


@app.post("/v1/jobs", status_code=201)
async def keep(body: dict[str, Any]) -> dict[str, str]:
    """Keeps the request."""
    id_ = f"main.{next(_ids):026d}"
    await _redis.set(f"bare:{id_}", json.dumps(body), ex=3600)
    return {"id": id_, "state": "queued"}


@app.get("/v1/jobs/{job_id}")
async def read(job_id: str) -> dict[str, str | None]:
    """Reads it."""
    return {"id": job_id, "body": await _redis.get(f"bare:{job_id}")}


def main() -> None:
    """Serves until SIGTERM."""
    listener = server._listener("127.0.0.1", int(sys.argv[1]))  # noqa: SLF001  # all but the app is to be the same
    config = server._config(load_settings(), listener)  # noqa: SLF001  # as above
    config.app = app
    uvicorn.Server(config).run([listener])


if __name__ == "__main__":
    main()
