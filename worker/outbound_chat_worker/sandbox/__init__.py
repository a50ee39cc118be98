"""A stand-in for Amazon Connect's `StartOutboundChatContact`, to test a flow against before it costs money.

It is a real HTTP server for the real signed request of boto3 or of the `aws` command. It checks signature, shape and
rules, keeps 7-day tokens, a rate bucket and the quota of open chats, and can be told to throttle, fail, hang up or
answer late. What it allows can be asked by `GetServiceQuota` of Service Quotas. It sends nothing to anybody. It is not
a stand-in for any other operation.

The one idea: it is stricter than botocore and knows what *really* started, so that a test can compare the counts of a
sender with the contacts that exist. It shares no code with that sender: two witnesses are better than one.
"""

from ._client import SandboxClient, SandboxError
from ._clock import Clock, SystemClock
from ._faults import MAGIC_DESTINATIONS, Fault, FaultKind, MagicDestination
from ._options import SandboxChanges, SandboxOptions
from ._process import running_sandbox
from ._reports import SandboxArrival, SandboxContact, SandboxStats
from ._server import serve
from ._signature import SANDBOX_ACCESS_KEY_ID, SANDBOX_SECRET_ACCESS_KEY

__all__ = [
    "MAGIC_DESTINATIONS",
    "SANDBOX_ACCESS_KEY_ID",
    "SANDBOX_SECRET_ACCESS_KEY",
    "Clock",
    "Fault",
    "FaultKind",
    "MagicDestination",
    "SandboxArrival",
    "SandboxChanges",
    "SandboxClient",
    "SandboxContact",
    "SandboxError",
    "SandboxOptions",
    "SandboxStats",
    "SystemClock",
    "running_sandbox",
    "serve",
]
