"""The words in which people are told why a job waits. Times are told as lengths, so that no time zone is in doubt."""

from datetime import timedelta

from outbound_chat.jobs import Job, JobState

_ENDS = {
    JobState.SENT: "It waits for nothing: Connect accepted it.",
    JobState.EXPIRED: "It waits for nothing: its time passed before it could be sent.",
    JobState.CANCELLED: "It waits for nothing: it was cancelled.",
    JobState.UNCERTAIN: "It waits for nothing: a call may have reached Connect, and another can't be made safely.",
}
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


def named(scope: str, budget: str) -> str:
    """A scope as callers know it: batches have the budget before their id."""
    kind, _, name = scope.partition(":")
    return f"batch:{budget}.{name}" if kind == "batch" else scope


def spoken(scope: str) -> str:
    """`sender:support` as `sender support`."""
    return scope.replace(":", " ", 1)


def hold_sentence(scope: str, reason: str) -> str:
    """What a person's hold means, and how it ends."""
    return f'A person holds the {spoken(scope)}: "{reason}". It ends with: outbound-chat release --{spoken(scope)}.'


def pace_sentence(ahead: int, position: int, rate: float, ceiling: float, budget: str) -> str:
    """Who goes first, and how fast."""
    pace = f"{rate:.3g} calls a second"
    if rate < ceiling:
        pace += f" (of {ceiling:g} configured, since AWS throttled more)"
    if ahead == 0:
        return f"It is first in line; the budget {budget} makes {pace}."
    jobs = "1 job goes" if ahead == 1 else f"{ahead:,} jobs go"
    return f"About {jobs} before it ({position:,} of its own lane); the budget {budget} makes {pace}."


def end_of(job: Job) -> str:
    """How a final job ended."""
    if job.state is JobState.FAILED:
        return f"It waits for nothing: it failed{last_error(job)}."
    return _ENDS[job.state]


def last_error(job: Job) -> str:
    """What its last attempt led to, in brackets; empty: there is none."""
    if job.error is None:
        return ""
    return f" ({': '.join(word for word in (job.error.code, job.error.message) if word)})"
