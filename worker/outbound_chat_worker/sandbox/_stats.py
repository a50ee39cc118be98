"""The totals of a sandbox."""

from collections.abc import Mapping
from dataclasses import dataclass


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
