"""Faults: what the sandbox can do wrong on request, how often, and the numbers that always fail.

`_EFFECTS` defines the whole behaviour, with a row per kind. A fault only applies to a call that is otherwise correct
(signed, within the rate, valid), so that it never hides a mistake of the caller.

Magic destinations are like the test cards of payment providers. They are in the range +1 202 555 0100 to 0199, which is
reserved for fiction: no phone rings if one gets into a real campaign (https://nationalnanpa.com, "555 line numbers").
Any other number is accepted.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any, ClassVar

from pydantic import ConfigDict


class FaultKind(StrEnum):
    """What goes wrong."""

    THROTTLING = "throttling"
    """429 `ThrottlingException`: the rate of the account and Region is used up."""
    TOO_MANY_REQUESTS = "too_many_requests"
    """429 `TooManyRequestsException`: the same, with the name that other chat operations use."""
    BARE_429 = "bare_429"
    """429 without a code, as from a proxy."""
    THROTTLING_400 = "throttling_400"
    """`ThrottlingException` with HTTP 400, as in the list of common AWS errors."""
    LIMIT_EXCEEDED = "limit_exceeded"
    """429 `LimitExceededException`: the instance has reached its quota of open chats."""
    CONFLICT = "conflict"
    """409 `ConflictException`: another operation is in progress."""
    INTERNAL_ERROR = "internal_error"
    """500 `InternalServiceException`, and no contact was started."""
    INTERNAL_ERROR_AFTER_ACCEPTING = "internal_error_after_accepting"
    """500 `InternalServiceException`, although the contact was started."""
    UNAVAILABLE = "unavailable"
    """503 `ServiceUnavailableException`, and no contact was started."""
    HANG_UP = "hang_up"
    """The connection is cut without an answer, and no contact was started."""
    HANG_UP_AFTER_ACCEPTING = "hang_up_after_accepting"
    """The connection is cut without an answer, although the contact was started."""
    LATE = "late"
    """The contact is started immediately, and the answer comes after `delay`."""
    GARBAGE = "garbage"
    """The contact is started, but the body of the answer, 200, is not JSON."""
    NO_CONTACT_ID = "no_contact_id"
    """The contact is started, but the answer, 200 with JSON, does not name it."""
    HALF_ANSWER = "half_answer"
    """The contact is started, but the connection is cut in the middle of the answer."""
    ACCESS_DENIED = "access_denied"
    """403 `AccessDeniedException`: the caller lacks the permission."""
    NOT_FOUND = "not_found"
    """404 `ResourceNotFoundException`: the instance, flow or number does not exist."""
    EXPIRED_TOKEN = "expired_token"  # noqa: S105  # the name of a fault
    """403 `ExpiredTokenException`: the session credentials have expired."""
    INVALID_SIGNATURE = "invalid_signature"
    """403 `InvalidSignatureException`: the secret key or the clock is wrong."""
    INVALID = "invalid"
    """400 `InvalidRequestException`: the request will never be accepted."""


@dataclass(frozen=True, slots=True)
class Effect:
    """The effect of a fault on a call. If `status` is None, the connection is cut."""

    status: int | None
    code: str | None = None
    message: str = ""
    starts_contact: bool = False


_OUTAGE = "The service met an internal error. (sandbox fault)"

_EFFECTS: Mapping[FaultKind, Effect] = MappingProxyType(
    {
        FaultKind.THROTTLING: Effect(429, "ThrottlingException", "Rate exceeded (sandbox fault)"),
        FaultKind.TOO_MANY_REQUESTS: Effect(429, "TooManyRequestsException", "Too many requests (sandbox fault)"),
        FaultKind.BARE_429: Effect(429),
        FaultKind.THROTTLING_400: Effect(400, "ThrottlingException", "Rate exceeded (sandbox fault)"),
        FaultKind.LIMIT_EXCEEDED: Effect(
            429, "LimitExceededException", "Quota of active chats is full (sandbox fault)"
        ),
        FaultKind.CONFLICT: Effect(409, "ConflictException", "Conflict with another operation (sandbox fault)"),
        FaultKind.INTERNAL_ERROR: Effect(500, "InternalServiceException", _OUTAGE),
        FaultKind.INTERNAL_ERROR_AFTER_ACCEPTING: Effect(500, "InternalServiceException", _OUTAGE, starts_contact=True),
        FaultKind.UNAVAILABLE: Effect(503, "ServiceUnavailableException", "Service unavailable (sandbox fault)"),
        FaultKind.HANG_UP: Effect(None),
        FaultKind.HANG_UP_AFTER_ACCEPTING: Effect(None, starts_contact=True),
        FaultKind.LATE: Effect(200, starts_contact=True),
        FaultKind.GARBAGE: Effect(200, starts_contact=True),
        FaultKind.NO_CONTACT_ID: Effect(200, starts_contact=True),
        FaultKind.HALF_ANSWER: Effect(200, starts_contact=True),
        FaultKind.ACCESS_DENIED: Effect(403, "AccessDeniedException", "Not authorized to do this (sandbox fault)"),
        FaultKind.NOT_FOUND: Effect(404, "ResourceNotFoundException", "Resource not found (sandbox fault)"),
        FaultKind.EXPIRED_TOKEN: Effect(403, "ExpiredTokenException", "The security token expired (sandbox fault)"),
        FaultKind.INVALID_SIGNATURE: Effect(
            403, "InvalidSignatureException", "The signature does not match (sandbox fault)"
        ),
        FaultKind.INVALID: Effect(400, "InvalidRequestException", "The request is invalid (sandbox fault)"),
    }
)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong in a share of the calls."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    kind: FaultKind
    share: float = 1.0
    """Share of the calls, 0 to 1, drawn with the sandbox's `seed`."""
    times: int | None = None
    """How often it occurs at most; None: no limit."""
    delay: timedelta | None = None
    """Only for `late`, which requires it: how long the answer takes."""
    destination: str | None = None
    """Only calls for this number in E.164 form; None: any number."""
    retry_after_ms: int | None = None
    """Value of the header `x-amz-retry-after`; None: no header, as in Amazon Connect."""

    @property
    def effect(self) -> Effect:
        """Its effect on a call."""
        return _EFFECTS[self.kind]

    def __post_init__(self) -> None:
        """Raises `ValueError` with a sentence for an invalid value."""
        if not 0 <= self.share <= 1:
            raise ValueError("the share of a fault must be from 0 to 1")
        if self.times is not None and self.times < 1:
            raise ValueError("the times of a fault must be at least 1")
        if (self.kind is FaultKind.LATE) != (self.delay is not None):
            raise ValueError("the fault 'late', and no other, needs a delay: late:1.0:delay=2.5")
        if self.delay is not None and self.delay < timedelta(0):
            raise ValueError("the delay of a fault must not be negative")
        if self.retry_after_ms is not None and self.retry_after_ms < 0:
            raise ValueError("the retry_after_ms of a fault must not be negative")

    @classmethod
    def parse(cls, text: str) -> "Fault":
        """Reads a fault from `KIND[:SHARE][:NAME=VALUE]...`, as in `internal_error:0.1` or `late:1.0:delay=2.5`.

        Names: `times`, `delay` (seconds), `destination`, `retry_after_ms`. Raises `ValueError` with one sentence that
        names the invalid part.
        """
        kind_name, *parts = text.split(":")
        try:
            kind = FaultKind(kind_name)
        except ValueError:
            raise ValueError(f"there is no fault {kind_name!r}; use one of: {', '.join(FaultKind)}") from None
        if parts and "=" not in parts[0]:
            parts[0] = f"share={parts[0]}"
        return cls(kind, **read_pairs(parts, _OPTIONS, "a fault"))


def seconds(text: str) -> timedelta:
    """Reads seconds; raises `ValueError` or `OverflowError`."""
    return timedelta(seconds=float(text))


_OPTIONS: Mapping[str, Callable[[str], object]] = {
    "share": float,
    "times": int,
    "delay": seconds,
    "destination": str,
    "retry_after_ms": int,
}


def read_pairs(texts: Iterable[str], known: Mapping[str, Callable[[str], object]], whole: str) -> dict[str, Any]:
    """Reads `NAME=VALUE` texts of `whole`; raises `ValueError` with a sentence that names the invalid one."""
    found: dict[str, Any] = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator or name not in known or name in found:
            raise ValueError(f"{text!r} in {whole} is not one of {', '.join(known)}, once, with =")
        try:
            found[name] = known[name](value)
        except (ValueError, OverflowError):
            raise ValueError(f"the {name} of {whole} must be a number, not {value!r}") from None
    return found


@dataclass(frozen=True, slots=True)
class MagicDestination:
    """A number, and what happens to calls for it."""

    number: str
    fault: Fault
    first_call_only: bool = False
    """Only the first call with a given ClientToken fails, and not a repeat with that token."""


def _always(last_two: str, kind: FaultKind) -> MagicDestination:
    return MagicDestination(f"+120255501{last_two}", Fault(kind))


def _first_call(last_two: str, kind: FaultKind, delay: timedelta | None = None) -> MagicDestination:
    return MagicDestination(f"+120255501{last_two}", Fault(kind, delay=delay), first_call_only=True)


_TABLE = (
    _always("40", FaultKind.INVALID),
    _always("41", FaultKind.EXPIRED_TOKEN),
    _always("42", FaultKind.THROTTLING),
    _always("43", FaultKind.ACCESS_DENIED),
    _always("44", FaultKind.NOT_FOUND),
    _always("45", FaultKind.LIMIT_EXCEEDED),
    _first_call("46", FaultKind.THROTTLING),
    _first_call("47", FaultKind.CONFLICT),
    _always("49", FaultKind.CONFLICT),
    _always("50", FaultKind.INTERNAL_ERROR),
    _first_call("51", FaultKind.INTERNAL_ERROR),
    _first_call("52", FaultKind.HANG_UP_AFTER_ACCEPTING),
    _first_call("53", FaultKind.LATE, timedelta(seconds=3)),
    _first_call("54", FaultKind.LATE, timedelta(seconds=90)),
    _first_call("55", FaultKind.INTERNAL_ERROR_AFTER_ACCEPTING),
    _first_call("56", FaultKind.HANG_UP),
    _first_call("57", FaultKind.GARBAGE),
    _first_call("58", FaultKind.UNAVAILABLE),
    _always("59", FaultKind.HANG_UP_AFTER_ACCEPTING),
)

MAGIC_DESTINATIONS: Mapping[str, MagicDestination] = MappingProxyType({row.number: row for row in _TABLE})
