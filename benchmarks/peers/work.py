"""The job that all peers do, with nothing but the standard library, and where they find Redis and Connect."""

import os
import re
import threading
import uuid
from collections.abc import Callable
from typing import Any

REDIS_URL = os.environ.get("BENCH_REDIS_URL", "redis://127.0.0.1:6379/0")
ENDPOINT = os.environ.get("BENCH_ENDPOINT", "http://127.0.0.1:8500")
RATE = float(os.environ.get("BENCH_RATE", "0"))
"""Calls a second that the account allows, as its owner would configure them; 0: no limit."""
PROCESSES = int(os.environ.get("BENCH_PROCESSES", "2"))

INSTANCE_ID = "0a1b2c3d-1111-4222-8333-444455556666"
FLOW_ID = "1b2c3d4e-1111-4222-8333-444455556666"
SOURCE = "arn:aws:connect:us-east-1:123456789012:phone-number/2c3d4e5f-1111-4222-8333-444455556666"
TEXT = "Your appointment is tomorrow at ten o'clock."
RECOVERY_SECONDS = 30
"""After so long without a sign of life a worker's jobs go to another: the lease of outbound-chat."""
MAX_ATTEMPTS = 50
LONGEST_PAUSE_SECONDS = 30
THROTTLES = frozenset({"ThrottlingException", "TooManyRequestsException"})

_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
_MOST_CHARACTERS = 1024


def call_arguments(job: dict[str, str], job_id: str) -> dict[str, Any]:
    """Arguments of the call; the token makes a repeat harmless. Raises `ValueError` for a bad job."""
    if not _NUMBER.fullmatch(job["to"]):
        raise ValueError("to is a number like +12025550123")
    if not 0 < len(job["text"]) <= _MOST_CHARACTERS:
        raise ValueError("text has 1 to 1,024 characters")
    return {
        "InstanceId": INSTANCE_ID,
        "ContactFlowId": FLOW_ID,
        "SourceEndpoint": {"Type": "CONNECT_PHONENUMBER_ARN", "Address": SOURCE},
        "DestinationEndpoint": {"Type": "TELEPHONE_NUMBER", "Address": job["to"]},
        "SegmentAttributes": {"connect:Subtype": {"ValueString": "connect:SMS"}},
        "InitialSystemMessage": {"ContentType": "text/plain", "Content": job["text"]},
        "ClientToken": str(uuid.uuid5(uuid.NAMESPACE_OID, job_id)),
    }


def job_of(index: int) -> dict[str, str]:
    """A possible number for each index; of 7,000,000 that follow each other it is a different one."""
    return {"to": f"+1212{2_000_000 + index % 7_000_000}", "text": TEXT}


def once(make: Callable[[], Any]) -> Callable[[], Any]:
    """A function that makes its value once a process, whoever asks first; `functools.cache` may make one a thread."""
    lock = threading.Lock()
    made: list[Any] = []

    def get() -> Any:
        with lock:
            if not made:
                made.append(make())
        return made[0]

    return get
