"""What a sandbox tells about itself when it is asked: totals, contacts, arrivals."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class SandboxStats:
    """The totals since the start or the last reset; always `calls == sum(by_code.values())`."""

    calls: int
    accepted: int
    """Contacts that were started, also those whose answer was withheld by a fault."""
    repeated: int
    """Calls with a ClientToken that already had its contact; they started nothing."""
    throttled: int
    """Calls refused for their rate, by the bucket or by a fault."""
    refused: int
    """Calls that were answered with an error, throttled ones included."""
    by_code: Mapping[str, int]
    """How calls ended: `accepted`, `repeated`, an AWS error code, or the kind of a fault that has no code."""
    open_chats: int
    """Contacts that are neither closed nor past their duration, over all instances."""


@dataclass(frozen=True, slots=True)
class SandboxContact:
    """A contact the sandbox started. Its `repr` shows neither number nor text."""

    contact_id: str
    instance_id: str
    destination: str = field(repr=False)
    channel: str
    """`SMS` or `WhatsApp`."""
    token: str | None
    """The ClientToken of the call that started it."""
    started_at: datetime
    body: Mapping[str, Any] = field(repr=False)
    """The request with all its parameters."""


@dataclass(frozen=True, slots=True)
class SandboxArrival:
    """A call as it came in. Its `repr` does not show the number."""

    seconds: float
    """On the sandbox's monotonic clock; only differences mean something."""
    code: str
    """How the call ended, as in `SandboxStats.by_code`."""
    destination: str | None = field(repr=False)
    """None when the body could not be read."""
