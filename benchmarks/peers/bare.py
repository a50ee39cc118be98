"""The floor: boto3 calls, and nothing else: `python -m benchmarks.peers.bare COUNT THREADS`.

Prints as JSON how many they were, how many seconds they took, and their CPU time.
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config

from benchmarks.peers.work import ENDPOINT, job_of

WARM_UP = 20


def main() -> None:
    """Makes so many calls, shared evenly by the threads."""
    count, threads = map(int, sys.argv[1:])
    config = Config(retries={"mode": "standard", "total_max_attempts": 1}, max_pool_connections=threads)
    client = boto3.Session(region_name="us-east-1").client("connect", endpoint_url=ENDPOINT, config=config)

    share = count // threads
    jobs = iter([job_of(index) for index in range(threads * (WARM_UP + share))])

    def call(times: int) -> None:
        for _ in range(times):
            client.start_outbound_chat_contact(**next(jobs))

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(call, [WARM_UP] * threads))
        began, cpu = time.monotonic(), time.process_time()
        list(pool.map(call, [share] * threads))
        seconds, spent = time.monotonic() - began, time.process_time() - cpu
        print(json.dumps({"calls": threads * share, "seconds": seconds, "cpu": spent}))


if __name__ == "__main__":
    main()
