"""Converts between instants and milliseconds since 1970, as used in Redis."""

from datetime import UTC, datetime, timedelta

LAST_MS = 253_402_300_799_999
"""The end of the year 9999: `datetime` has no later time."""


def utc_now() -> datetime:
    """Returns the time of this machine."""
    return datetime.now(UTC)


def to_ms(instant: datetime) -> int:
    """Returns an aware instant as milliseconds since 1970."""
    return int(instant.timestamp() * 1000)


def from_ms(ms: float) -> datetime:
    """Returns milliseconds since 1970 as an instant in UTC."""
    return datetime.fromtimestamp(ms / 1000, UTC)


def in_ms(duration: timedelta) -> int:
    """Returns a duration in milliseconds, rounded down."""
    return int(duration.total_seconds() * 1000)


def when(instant: datetime, *, brief: bool = False) -> str:
    """Formats a time for people: local, with date and zone, as `2026-05-01 09:00:00 CEST`.

    `brief`: without the date if it is today, for what is read at once.
    """
    local = instant.astimezone()
    is_today = brief and local.date() == utc_now().astimezone().date()
    return f"{local:%H:%M:%S %Z}" if is_today else f"{local:%Y-%m-%d %H:%M:%S %Z}"
