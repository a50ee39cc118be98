"""A stand-in for Amazon Connect's `StartOutboundChatContact`, for testing before it costs money.

It is a real HTTP server for the real signed request of boto3 or of the `aws` command. It checks signature, shape and
rules, keeps 7-day tokens, a rate bucket and the quota of open chats, and throttles, fails, hangs up or answers late on
request. It reports the starts and ends of its chats as contact events, through a queue of SQS, a URL or its client, and
answers `DescribeContact`, `SearchContacts` and `GetServiceQuota`. It sends nothing to anybody.

The main idea: it is stricter than botocore and knows which contacts *really* started, so that a test can compare the
counts of a sender with the existing contacts. It shares no code with that sender, so both are independent witnesses.
"""

from outbound_chat_worker.sandbox._client import SandboxClient, SandboxError
from outbound_chat_worker.sandbox._clock import Clock
from outbound_chat_worker.sandbox._faults import MAGIC_DESTINATIONS, Fault, FaultKind, MagicDestination
from outbound_chat_worker.sandbox._options import KEEP, EventOptions, SandboxChanges, SandboxOptions
from outbound_chat_worker.sandbox._process import running_sandbox
from outbound_chat_worker.sandbox._reports import (
    SandboxArrival,
    SandboxContact,
    SandboxEvent,
    SandboxMessage,
    SandboxStats,
)
from outbound_chat_worker.sandbox._server import serve
from outbound_chat_worker.sandbox._signature import (
    SANDBOX_ACCESS_KEY_ID,
    SANDBOX_ENVIRONMENT,
    SANDBOX_SECRET_ACCESS_KEY,
)
from outbound_chat_worker.sandbox._sqs import QUEUE_PATH

__all__ = [
    "KEEP",
    "MAGIC_DESTINATIONS",
    "QUEUE_PATH",
    "SANDBOX_ACCESS_KEY_ID",
    "SANDBOX_ENVIRONMENT",
    "SANDBOX_SECRET_ACCESS_KEY",
    "Clock",
    "EventOptions",
    "Fault",
    "FaultKind",
    "MagicDestination",
    "SandboxArrival",
    "SandboxChanges",
    "SandboxClient",
    "SandboxContact",
    "SandboxError",
    "SandboxEvent",
    "SandboxMessage",
    "SandboxOptions",
    "SandboxStats",
    "running_sandbox",
    "serve",
]
