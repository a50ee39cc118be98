"""Plain Celery: one message a job, `autoretry_for` with back-off, results in Redis, late acknowledgement.

`BENCH_ADAPTIVE=1`: boto3 retries by itself in its adaptive mode, and Celery only what is left. Else boto3's retries are
off. `BENCH_RATE_LIMIT=1`: `rate_limit` is the account's rate, shared evenly by the workers, since it holds per worker.
"""

import os
from collections.abc import Sequence
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from celery import Celery, group

from benchmarks.peers.work import (
    ENDPOINT,
    LONGEST_PAUSE_SECONDS,
    MAX_ATTEMPTS,
    PROCESSES,
    RATE,
    RECOVERY_SECONDS,
    REDIS_URL,
    THROTTLES,
    once,
)

ADAPTIVE = os.environ.get("BENCH_ADAPTIVE") == "1"
RATE_LIMIT = f"{RATE / PROCESSES:g}/s" if RATE and os.environ.get("BENCH_RATE_LIMIT") == "1" else None

app = Celery("peer", broker=REDIS_URL, backend=REDIS_URL)
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    # Celery's way to priorities on Redis: a queue each, the first that has a message is served.
    task_default_queue="bulk",
    broker_transport_options={
        "queue_order_strategy": "priority",
        "visibility_timeout": RECOVERY_SECONDS,
        "unacked_restore_interval": 5,
    },
    result_expires=7 * 24 * 3600,
    broker_connection_retry_on_startup=True,
)


class Throttled(Exception):
    """AWS refused the call for its rate."""


@once
def _client() -> Any:
    retries = {"mode": "adaptive", "max_attempts": 10} if ADAPTIVE else {"mode": "standard", "total_max_attempts": 1}
    config = Config(retries=retries, max_pool_connections=32)  # type: ignore[arg-type]
    return boto3.Session(region_name="us-east-1").client("connect", endpoint_url=ENDPOINT, config=config)


@app.task(
    autoretry_for=(Throttled, BotoCoreError),
    retry_backoff=True,
    retry_backoff_max=LONGEST_PAUSE_SECONDS,
    retry_jitter=True,
    max_retries=MAX_ATTEMPTS,
    rate_limit=RATE_LIMIT,
)
def send(job: dict[str, Any]) -> str:
    """Makes the call; the ContactId."""
    try:
        answer = _client().start_outbound_chat_contact(**job)
    except ClientError as error:
        if error.response["Error"]["Code"] in THROTTLES:
            raise Throttled from error
        raise
    return str(answer["ContactId"])


class Producer:
    """See `producer.Peer`."""

    def enqueue(self, job: dict[str, Any], *, urgent: bool) -> str:
        """Sends a message."""
        return str(send.apply_async((job,), queue="urgent" if urgent else "bulk").id)

    def enqueue_bulk(self, jobs: Sequence[dict[str, Any]]) -> str:
        """Sends a group; the id of its last message."""
        sent: Any = group(send.s(job) for job in jobs).apply_async()
        return str(sent.results[-1].id)

    def is_sent(self, job_id: str) -> bool:
        """Reads the result."""
        return bool(app.AsyncResult(job_id).successful())
