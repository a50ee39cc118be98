"""Writes durations for people. Unlike times, they need no time zone."""

from datetime import timedelta

_UNITS = ((86_400, "days"), (3_600, "h"), (60, "min"))


def length_of(time: timedelta) -> str:
    """Returns a duration in the largest unit that fits into it at least twice: `90 s`, `5 min`, `36 h`, `3 days`."""
    seconds = max(0.0, time.total_seconds())
    for size, unit in _UNITS:
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.1f} s" if seconds < 2 else f"{seconds:.0f} s"  # noqa: PLR2004  # below two, tenths matter


def after(time: timedelta) -> str:
    """Returns `in 5 min`, or `now` if the time is less than a tenth of a second."""
    return f"in {length_of(time)}" if time >= timedelta(seconds=0.1) else "now"


def mean_of(seconds: float) -> str:
    """Returns how long chats lasted: `14 min on average`."""
    return f"{length_of(timedelta(seconds=seconds))} on average"
