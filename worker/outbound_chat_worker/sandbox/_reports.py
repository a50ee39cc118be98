"""Reports of a sandbox: totals, contacts, arrivals, messages."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class SandboxStats:
    """Totals since the start or the last reset; `calls` is always the sum of `by_code`."""

    calls: int
    accepted: int
    """Contacts that were started, including those whose answer a fault withheld."""
    repeated: int
    """Calls whose ClientToken already had a contact. They started nothing."""
    throttled: int
    """Calls refused because of their rate, by the bucket or by a fault."""
    refused: int
    """Calls that were answered with an error, including throttled ones."""
    by_code: Mapping[str, int]
    """How many calls ended as `accepted`, `repeated`, an AWS error code, or the kind of a fault without a code."""
    open_chats: int
    """Contacts that are neither closed nor past their duration, on all instances."""
    events: int
    """Contact events that were delivered, repeated ones too."""
    others: Mapping[str, int]
    """How many calls of `DescribeContact`, `SearchContacts` and SQS were answered; `DescribeContact
    ThrottlingException` counts refused ones."""


@dataclass(frozen=True, slots=True)
class SandboxContact:
    """A contact that the sandbox started. Its `repr` shows neither number nor text."""

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
    """A call that arrived. Its `repr` does not show the number."""

    seconds: float
    """By the sandbox's monotonic clock; only differences are meaningful."""
    code: str
    """How the call ended, as in `SandboxStats.by_code`."""
    destination: str | None = field(repr=False)
    """None if the body could not be read."""


@dataclass(frozen=True, slots=True)
class SandboxEvent:
    """A contact event as it was delivered, with its number from 1. Of an event that was doubled there are two."""

    number: int
    event: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxMessage:
    """A refused message, or one as its recipient would have received it. Its `repr` shows neither number nor text."""

    number: int
    at: datetime
    state: str
    """`open` or `closed`, like the chat of the contact; or `refused`."""
    code: str
    """How the call ended, as in `SandboxStats.by_code`."""
    to: str = field(repr=False)
    text: str = field(repr=False)
    """The text, or the id of a template; empty for a chat without an initial message."""
    parts: int | None
    """For an SMS with a text: the parts in which it would be sent."""
    channel: str
    """`SMS` or `WhatsApp`."""
    flow: str
    attributes: Mapping[str, str] = field(repr=False)
    contact_id: str | None
    request_id: str
