"""huey: one message a job, its own retries after a pause, results in Redis. It keeps to no rate."""

from collections.abc import Sequence
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from huey import CancelExecution, RedisHuey

from benchmarks.peers.work import ENDPOINT, MAX_ATTEMPTS, REDIS_URL, THROTTLES, once

# An error that is followed by a retry is no result.
huey = RedisHuey("peer", url=REDIS_URL, store_intermediate_errors=False)


@once
def _client() -> Any:
    config = Config(retries={"mode": "standard", "total_max_attempts": 1}, max_pool_connections=32)
    return boto3.Session(region_name="us-east-1").client("connect", endpoint_url=ENDPOINT, config=config)


class Throttled(Exception):
    """AWS refused the call for its rate."""


@huey.task(retries=MAX_ATTEMPTS, retry_delay=2)  # type: ignore[untyped-decorator]
def send(job: dict[str, Any]) -> str:
    """Makes the call; the ContactId."""
    try:
        answer = _client().start_outbound_chat_contact(**job)
    except ClientError as error:
        if error.response["Error"]["Code"] in THROTTLES:
            raise Throttled from error
        raise CancelExecution(retry=False) from error
    return str(answer["ContactId"])


class Producer:
    """See `producer.Peer`."""

    def enqueue(self, job: dict[str, Any], *, urgent: bool) -> str:  # noqa: ARG002  # `RedisHuey` has no priorities
        """Sends a message."""
        return str(send(job).id)

    def enqueue_bulk(self, jobs: Sequence[dict[str, Any]]) -> str:
        """Sends one after the other: huey has no other way."""
        return [str(send(job).id) for job in jobs][-1]

    def is_sent(self, job_id: str) -> bool:
        """Reads the result and leaves it."""
        return huey.result(job_id, preserve=True) is not None
