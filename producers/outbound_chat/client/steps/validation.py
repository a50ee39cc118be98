"""Checks our own options; `outbound_chat.request` checks the request itself."""

import hashlib
import re
from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from outbound_chat.model.errors import FieldError
from outbound_chat.model.jobs import Priority
from outbound_chat.model.times import to_ms
from outbound_chat.request import FieldCode, is_report
from outbound_chat.request.options import TIMES
from outbound_chat_config import Durability, WebhookSettings, check_callback_url, check_name

FARTHEST = timedelta(days=365)
FARTHEST_BACK = timedelta(minutes=5)
"""How far in the past a `send_at` may be, for wrong clocks and slow calls. More is a mistake, such as last year."""
LONGEST_KEY = 255
LONGEST_NAME = 255
LONGEST_REASON = 1_000

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]").search
_SURROGATE = re.compile("[\ud800-\udfff]").search

Errors = list[FieldError]
Given = TypeVar("Given")

INVALID_CURSOR = FieldError("cursor", FieldCode.NOT_ALLOWED, "must be the cursor that a page returned")
UNREADABLE_KEY = FieldError(
    "idempotency_key",
    FieldCode.IDEMPOTENCY_CONFLICT,
    "was overwritten in Redis by another program, so it is unknown whether it was used; use another key",
)


def add_new(errors: Errors, found: Iterable[FieldError]) -> None:
    """Adds errors for fields without one: a value that can't be read is not reported as missing too."""
    named = {error.field for error in errors}
    errors += [error for error in found if error.field not in named]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Times of a job, in milliseconds; 0: not given."""

    send_at_ms: int
    expires_ms: int
    expires_in_ms: int = 0
    """The duration that `expires_ms` was computed from, if it was."""
    opens_ms: int = 0
    """End of the quiet hours in which it would be due; 0: it is due outside of them."""
    passed: tuple[FieldError, ...] = ()
    """Why it is refused unless it was accepted earlier: its times have passed."""


AT_ONCE = Timing(send_at_ms=0, expires_ms=0)


def several(name: str, given: Given, *, is_one: type = str) -> Given:
    """Returns an argument that holds several things. `is_one`: the type of a single one.

    Raises:
        TypeError: it is a single thing, for example a string, which would be read character by character.
    """
    if isinstance(given, (str, bytes, bytearray, is_one)) or not isinstance(given, Iterable | AsyncIterable):
        raise TypeError(f"{name} must be a list or another iterable, not {type(given).__name__}; put one into a list")
    return given


def check_timing(
    options: Mapping[str, Any],
    errors: Errors,
    clock: Callable[[], datetime],
    *,
    earliest: datetime | None = None,
    is_repeatable: bool = False,
) -> Timing:
    """Checks `send_at`, `expires_at` and `expires_in`; adds errors to `errors`.

    `earliest`: the earliest `send_at`, by default `FARTHEST_BACK` before now. `is_repeatable`: the job may have been
    accepted before, so a time that has passed is in the result and not in `errors`.
    """
    if TIMES.isdisjoint(options):
        return AT_ONCE
    now = clock()
    send_at = check_instant("send_at", options.get("send_at"), errors)
    expires_at = check_instant("expires_at", options.get("expires_at"), errors)
    expires_in = _lifetime(options, errors)
    passed: Errors = []
    if send_at and send_at > now + FARTHEST:
        errors.append(FieldError("send_at", FieldCode.INVALID_TIME, "is more than a year ahead; give an earlier time"))
    if send_at and send_at < (earliest or now - FARTHEST_BACK):
        message = "has passed; give a future time, or leave it out to send at once"
        passed.append(FieldError("send_at", FieldCode.INVALID_TIME, message))
    if expires_in:
        expires_at = min(send_at or now, now + FARTHEST) + expires_in
    if expires_at and expires_at > now + 2 * FARTHEST:
        errors.append(
            FieldError("expires_at", FieldCode.INVALID_TIME, "is more than two years ahead; leave it out instead")
        )
    ended = FieldError(
        "expires_in" if expires_in else "expires_at", FieldCode.INVALID_TIME, "must be in the future, and after send_at"
    )
    if expires_at and send_at and not expires_in and expires_at <= send_at:
        errors.append(ended)
    elif expires_at and expires_at <= now and not (expires_in and passed):
        passed.append(ended)
    if not is_repeatable:
        errors += passed
    return Timing(
        send_at_ms=to_ms(send_at) if send_at else 0,
        expires_ms=to_ms(expires_at) if expires_at else 0,
        expires_in_ms=expires_in // timedelta(milliseconds=1) if expires_in else 0,
        passed=tuple(passed),
    )


def _lifetime(options: Mapping[str, Any], errors: Errors) -> timedelta | None:
    value = options.get("expires_in")
    if value is not None and options.get("expires_at") is not None:
        message = "has the same meaning as expires_at; leave out one of the two"
        errors.append(FieldError("expires_in", FieldCode.GIVEN_TWICE, message))
    elif isinstance(value, timedelta) and timedelta(milliseconds=1) <= value <= FARTHEST:
        return value
    elif value is not None and not is_report(value, errors):
        message = "must be a timedelta, such as timedelta(minutes=10)"
        if isinstance(value, timedelta):
            message = "must be more than zero and at most a year"  # no Python: it may have been text elsewhere
        errors.append(FieldError("expires_in", FieldCode.INVALID_TIME, message))
    return None


def check_instant(field: str, value: object, errors: Errors) -> datetime | None:
    """Returns the time; None if none is given."""
    if value is None:
        return None
    if not isinstance(value, datetime) or value.tzinfo is None:
        message = "must be a datetime with a time zone, such as datetime.now(UTC) + timedelta(hours=1)"
        if not is_report(value, errors):
            errors.append(FieldError(field, FieldCode.INVALID_TIME, message))
        return None
    return value


def check_priority(value: object, default: Priority, errors: Errors) -> Priority:
    """Returns the priority, given as a member or its lower-case name."""
    if value is None:
        return default
    if isinstance(value, Priority):
        return value
    if isinstance(value, str) and value.upper() in Priority.__members__:
        return Priority[value.upper()]
    errors.append(FieldError("priority", FieldCode.NOT_ALLOWED, 'must be "urgent", "normal" or "bulk"'))
    return default


def check_tenant(value: object, errors: Errors) -> str | None:
    """Returns the tenant's name, which becomes part of keys."""
    if value is None:
        return None
    try:
        return check_name(value if isinstance(value, str) else "")
    except ValueError as error:
        errors.append(FieldError("tenant", FieldCode.INVALID_NAME, str(error)))
        return None


def check_label(field: str, value: object, most: int, errors: Errors) -> None:
    """Checks a name or reason for people, of at most `most` characters."""
    if not isinstance(value, str):
        errors.append(FieldError(field, FieldCode.WRONG_TYPE, "must be a string"))
    elif len(value) > most:
        errors.append(FieldError(field, FieldCode.TOO_LONG, f"must be at most {most} characters; shorten it"))
    elif _SURROGATE(value):
        errors.append(
            FieldError(field, FieldCode.NOT_UNICODE, "must be valid Unicode; decode its source with the right encoding")
        )
    elif _CONTROL(value):
        errors.append(FieldError(field, FieldCode.CONTROL_CHARACTER, "must have no control characters; remove them"))


def check_reason(reason: object, errors: Errors, field: str = "reason") -> None:
    """Checks why something is held."""
    check_label(field, reason, LONGEST_REASON, errors)
    if isinstance(reason, str) and not reason.strip():
        errors.append(FieldError(field, FieldCode.REQUIRED, "is required: say why, for others to read"))


def check_durability(value: object, errors: Errors) -> Durability | None:
    """Returns the durability, given as a member or its name; None if it is not given."""
    try:
        return None if value is None else Durability(str(value))
    except ValueError:
        errors.append(FieldError("durability", FieldCode.NOT_ALLOWED, 'must be "memory" or "fsync"'))
        return None


def check_weight(value: object, errors: Errors) -> float | None:
    """Returns how many turns a batch gets for each turn of another."""
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool) and 0.01 <= value <= 100):  # noqa: PLR2004
        return value
    errors.append(FieldError("weight", FieldCode.OUT_OF_RANGE, "must be a number from 0.01 to 100"))
    return None


def check_concurrency(value: object, errors: Errors) -> int | None:
    """Returns how many calls of a batch may run at the same time."""
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value > 0):
        return value
    errors.append(FieldError("concurrency", FieldCode.OUT_OF_RANGE, "must be an integer of calls, 1 or more"))
    return None


def check_callback(value: object, settings: WebhookSettings, errors: Errors) -> str:
    """Returns the URL for webhooks; empty if it is not given."""
    if value is None:
        return ""
    try:
        if not isinstance(value, str):
            raise ValueError("must be a string")  # noqa: TRY004,TRY301  # one way out for all that is wrong
        return check_callback_url(value, allow_private=settings.allow_private)
    except ValueError as error:
        errors.append(FieldError("callback_url", FieldCode.INVALID_URL, str(error)))
        return ""


def check_key(value: object, errors: Errors) -> str:
    """Returns a hash of the idempotency key; empty if it is not given."""
    if value is None:
        return ""
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_KEY:
        errors.append(
            FieldError("idempotency_key", FieldCode.TOO_LONG, f"must be a string of 1 to {LONGEST_KEY} characters")
        )
        return ""
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:24]
