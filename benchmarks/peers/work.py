"""The job that all peers do, with nothing but the standard library, and where they find Redis and Connect."""

import os
import threading
from collections.abc import Callable
from typing import Any

REDIS_URL = os.environ.get("BENCH_REDIS_URL", "redis://127.0.0.1:6379/0")
ENDPOINT = os.environ.get("BENCH_ENDPOINT", "http://127.0.0.1:8500")
RATE = float(os.environ.get("BENCH_RATE", "0"))
"""Calls a second that the account allows, as its owner would configure them; 0: no limit."""
PROCESSES = int(os.environ.get("BENCH_PROCESSES", "2"))

SOURCE = "arn:aws:connect:us-east-1:123456789012:phone-number/2c3d4e5f-1111-4222-8333-444455556666"
RECOVERY_SECONDS = 30
"""After so long without a sign of life a worker's jobs go to another: the lease of outbound-chat."""
MAX_ATTEMPTS = 50
LONGEST_PAUSE_SECONDS = 30
THROTTLES = frozenset({"ThrottlingException", "TooManyRequestsException"})

SHARED: dict[str, Any] = {
    "ContactFlowId": "1b2c3d4e-1111-4222-8333-444455556666",
    "ChatDurationInMinutes": 1500,
    "RelatedContactId": "4b2c3d4e-1111-4222-8333-444455556666",
    "SupportedMessagingContentTypes": ["text/plain"],
}
"""What the requests of a campaign have in common."""
CAMPAIGN, LANGUAGE = "autumn", "en"


def number_of(index: int) -> str:
    """A possible number for each index; of 7,000,000 that follow each other it is a different one."""
    return f"+1212{2_000_000 + index % 7_000_000}"


def job_of(index: int) -> dict[str, Any]:
    """A full request, as boto3 takes it: all 13 parameters. Number, texts, attributes and token are of the index."""
    return {
        **SHARED,
        "InstanceId": "0a1b2c3d-1111-4222-8333-444455556666",
        "SourceEndpoint": {"Type": "CONNECT_PHONENUMBER_ARN", "Address": SOURCE},
        "DestinationEndpoint": {"Type": "TELEPHONE_NUMBER", "Address": number_of(index)},
        "SegmentAttributes": {
            "connect:Subtype": {"ValueString": "connect:SMS"},
            "campaign": {"ValueString": CAMPAIGN},
            "order_number": {"ValueString": f"A{index}"},
        },
        "Attributes": {"customerId": f"c-{index}", "orderId": f"o-{index * 3}", "language": LANGUAGE},
        "ParticipantDetails": {"DisplayName": f"Customer {index}"},
        "InitialSystemMessage": {
            "ContentType": "text/plain",
            "Content": f"Hello customer {index}, your appointment number {index * 7} is tomorrow at ten o'clock.",
        },
        "InitialTemplatedSystemMessage": {
            "KnowledgeBaseId": "2b2c3d4e-1111-4222-8333-444455556666",
            "MessageTemplateId": "3b2c3d4e-1111-4222-8333-444455556666",
            "TemplateAttributes": {"CustomAttributes": {"name": f"Customer {index}"}},
        },
        "ClientToken": f"token-{index:030d}",
    }


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
