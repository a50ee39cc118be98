"""Lengths of time as people say them: where one is told, no time zone is in doubt."""

from datetime import timedelta

_UNITS = ((86_400, "days"), (3_600, "h"), (60, "min"))


def length_of(time: timedelta) -> str:
    """A length of time in the largest unit of which there are two: `90 s`, `5 min`, `36 h`, `3 days`."""
    seconds = max(0.0, time.total_seconds())
    for size, unit in _UNITS:
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.1f} s" if seconds < 2 else f"{seconds:.0f} s"  # noqa: PLR2004  # below two, tenths matter


def after(time: timedelta) -> str:
    """`in 5 min`, or `now`."""
    return f"in {length_of(time)}" if time > timedelta(0) else "now"
