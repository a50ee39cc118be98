"""The floor: a single-threaded loop of boto3 calls, and nothing else. `python -m benchmarks.peers.bare COUNT`.

Prints as JSON when it began and ended, by `time.monotonic()`, and its own CPU time.
"""

import json
import sys
import time

import boto3
from botocore.config import Config

from benchmarks.peers.work import ENDPOINT, call_arguments, job_of

WARM_UP = 50


def main() -> None:
    """Makes so many calls."""
    count = int(sys.argv[1])
    config = Config(retries={"mode": "standard", "total_max_attempts": 1})
    client = boto3.Session(region_name="us-east-1").client("connect", endpoint_url=ENDPOINT, config=config)
    for index in range(WARM_UP):
        client.start_outbound_chat_contact(**call_arguments(job_of(index), f"warm-{index}"))
    began, cpu = time.monotonic(), time.process_time()
    for index in range(count):
        client.start_outbound_chat_contact(**call_arguments(job_of(index), str(index)))
    print(json.dumps({"seconds": time.monotonic() - began, "cpu": time.process_time() - cpu}))


if __name__ == "__main__":
    main()
