"""Reads fields of events, which anyone may have written: what is missing or of another type is empty."""

from collections.abc import Mapping
from datetime import UTC, datetime

from outbound_chat.model.times import to_ms

FIRST_YEAR = 1971
"""AWS writes times that are not set as 1970-01-01T00:00:00.001Z."""


def field(event: object, name: str) -> object:
    """Returns a field; None if it is missing, or `event` is no object.

    Samples of AWS write the same names with a small and a large first letter.
    """
    if not isinstance(event, Mapping):
        return None
    value = event.get(name)
    return event.get(name[0].upper() + name[1:]) if value is None else value


def text(event: object, name: str) -> str:
    """Returns a field that is a text; empty if it is none."""
    value = field(event, name)
    return value if isinstance(value, str) else ""


def number_in(value: object, least: float, most: float) -> float:
    """Returns a number, or one written as text, if it lies within the bounds; 0 if it does not."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return 0
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return 0
    return number if least <= number <= most else 0


def time_ms(value: object) -> int:
    """Returns an ISO time as milliseconds since 1970; 0 if it is missing, not set or invalid."""
    if not isinstance(value, str):
        return 0
    try:
        instant = datetime.fromisoformat(value)
        instant = instant.replace(tzinfo=instant.tzinfo or UTC)
        return to_ms(instant) if instant.year >= FIRST_YEAR else 0
    except (ValueError, OverflowError):
        return 0
