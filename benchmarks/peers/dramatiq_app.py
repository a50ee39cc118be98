"""Dramatiq: one message a job, its own retries with back-off, a window rate limiter and results in Redis."""

from collections.abc import Sequence
from typing import Any

import boto3
import dramatiq
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from dramatiq.brokers.redis import RedisBroker
from dramatiq.rate_limits import WindowRateLimiter
from dramatiq.rate_limits.backends import RedisBackend as LimiterBackend
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend
from dramatiq.results.errors import ResultMissing

from benchmarks.peers.work import (
    ENDPOINT,
    LONGEST_PAUSE_SECONDS,
    MAX_ATTEMPTS,
    RATE,
    RECOVERY_SECONDS,
    REDIS_URL,
    THROTTLES,
    once,
)

WEEK_MS = 7 * 24 * 3_600_000

broker = RedisBroker(url=REDIS_URL, heartbeat_timeout=RECOVERY_SECONDS * 1000)
results = RedisBackend(url=REDIS_URL)
broker.add_middleware(Results(backend=results, result_ttl=WEEK_MS))
dramatiq.set_broker(broker)
_limiter = WindowRateLimiter(LimiterBackend(url=REDIS_URL), "connect", limit=int(RATE), window=1) if RATE else None


@once
def _client() -> Any:
    config = Config(retries={"mode": "standard", "total_max_attempts": 1}, max_pool_connections=32)
    return boto3.Session(region_name="us-east-1").client("connect", endpoint_url=ENDPOINT, config=config)


class Throttled(Exception):
    """The rate is used up, by our own count or by that of AWS."""


def _should_retry(retries: int, error: Exception) -> bool:
    return retries < MAX_ATTEMPTS and isinstance(error, Throttled | BotoCoreError)


def _send(job: dict[str, Any]) -> str:
    if _limiter is not None:
        with _limiter.acquire(raise_on_failure=False) as acquired:
            if not acquired:
                raise Throttled
    try:
        answer = _client().start_outbound_chat_contact(**job)
    except ClientError as error:
        if error.response["Error"]["Code"] in THROTTLES:
            raise Throttled from error
        raise
    return str(answer["ContactId"])


_OPTIONS: dict[str, Any] = {
    "store_results": True,
    "retry_when": _should_retry,
    "min_backoff": 500,
    "max_backoff": LONGEST_PAUSE_SECONDS * 1000,
}
# Priorities of dramatiq belong to an actor, and order only what a worker has fetched already.
send = dramatiq.actor(_send, actor_name="send", queue_name="bulk", priority=10, **_OPTIONS)
send_urgent = dramatiq.actor(_send, actor_name="send_urgent", queue_name="urgent", priority=0, **_OPTIONS)


class Producer:
    """See `producer.Peer`. An id carries the queue, which dramatiq's results are kept under."""

    def enqueue(self, job: dict[str, Any], *, urgent: bool) -> str:
        """Sends a message."""
        message = (send_urgent if urgent else send).send(job)
        return str(message.encode().decode())

    def enqueue_bulk(self, jobs: Sequence[dict[str, Any]]) -> str:
        """Sends a group; the last message."""
        group = dramatiq.group([send.message(job) for job in jobs]).run()
        return str(group.children[-1].encode().decode())

    def is_sent(self, job_id: str) -> bool:
        """Reads the result."""
        try:
            results.get_result(dramatiq.Message.decode(job_id.encode()), block=False)
        except ResultMissing:
            return False
        return True
