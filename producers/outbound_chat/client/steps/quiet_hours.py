"""Moves jobs out of their sender's quiet hours before they are stored, so that they show when they will be sent.

Workers check again at the time of the call; this only has to be exact for the answer to the caller.
"""

import time
from dataclasses import replace
from datetime import UTC, datetime

from outbound_chat.client.steps.validation import Errors, Timing
from outbound_chat.model.errors import FieldError
from outbound_chat.model.jobs import Priority
from outbound_chat.model.times import to_ms
from outbound_chat.request import FieldCode
from outbound_chat.request.options import TIMES
from outbound_chat.request.quiet_hours import next_open_ms
from outbound_chat_config import Sender

_NEEDED = TIMES | {"to", "DestinationEndpoint", "DestinationEndpoint.Address", "priority"}


class ServerClock:
    """Estimates the time of Redis, which decides on quiet hours, while a batch is written."""

    def __init__(self, now: datetime) -> None:
        # Until it is set, the producer's own clock is good enough, also for a dry run.
        self.set(to_ms(now))

    def set(self, now_ms: int) -> None:
        """Sets the current time of Redis."""
        self._ahead_ms = now_ms - time.monotonic() * 1000

    @property
    def now_ms(self) -> int:
        """The current time of Redis."""
        return int(time.monotonic() * 1000 + self._ahead_ms)


def out_of_quiet_hours(
    timing: Timing, sender: Sender, priority: Priority, number: str, *, now_ms: int, errors: Errors
) -> Timing:
    """Moves the times of a job to when the quiet hours allow it; adds to `errors` if that is too late.

    It does nothing if one of the `errors` is about a field that this depends on.
    """
    if errors and not _NEEDED.isdisjoint(error.field for error in errors):
        return timing
    due_ms = max(timing.send_at_ms, now_ms)
    opens_ms = next_open_ms(sender, priority, number, due_ms)
    if opens_ms is None:
        message = "has quiet hours that never end in all time zones of this number at once; shorten them"
        errors.append(FieldError("sender", FieldCode.NOT_ALLOWED, message))
        return timing
    if opens_ms == due_ms:
        return timing
    if timing.expires_ms and timing.expires_ms <= opens_ms:
        until = datetime.fromtimestamp(opens_ms / 1000, UTC)
        message = f"is within the sender's quiet hours, which last until {until:%Y-%m-%d %H:%M} UTC; give a later time"
        field = "expires_in" if timing.expires_in_ms else "expires_at"
        errors.append(FieldError(field, FieldCode.INVALID_TIME, message))
    return replace(timing, opens_ms=opens_ms)
