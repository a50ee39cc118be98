"""The sentences that explain why a job waits."""

from outbound_chat.model.jobs import Job, JobState

_ENDS = {
    JobState.SENT: "Done: Connect accepted it.",
    JobState.EXPIRED: "Done: it expired before it could be sent.",
    JobState.CANCELLED: "Done: it was cancelled.",
    JobState.UNCERTAIN: "Done: a call may have reached Connect, and another can't be made safely.",
}


def named(scope: str, budget: str) -> str:
    """Returns a scope as callers know it: batches have the budget before their id."""
    kind, _, name = scope.partition(":")
    return f"batch:{budget}.{name}" if kind == "batch" else scope


def spoken(scope: str) -> str:
    """Returns `sender:support` as `sender support`."""
    return scope.replace(":", " ", 1)


def hold_sentence(scope: str, reason: str) -> str:
    """Says what a person's hold means, and how it ends."""
    return f'A person holds the {spoken(scope)}: "{reason}" (outbound-chat release --{spoken(scope)} ends it).'


def pace_sentence(ahead: int, position: int, rate: float, ceiling: float, budget: str) -> str:
    """Says how many go first, and how fast."""
    pace = f"{rate:.3g} calls a second"
    if rate < ceiling:
        pace += f" (of {ceiling:g} configured, since AWS throttled more)"
    if ahead == 0:
        return f"It is first in line; the budget {budget} makes {pace}."
    jobs = "1 job goes" if ahead == 1 else f"{ahead:,} jobs go"
    return f"About {jobs} before it ({position:,} of its own lane); the budget {budget} makes {pace}."


def end_of(job: Job) -> str:
    """Says how a final job ended."""
    if job.state is JobState.FAILED:
        return f"Done: it failed{last_error(job)}."
    return _ENDS[job.state]


def last_error(job: Job) -> str:
    """Returns the error of its last attempt, in brackets; empty if there is none."""
    if job.error is None:
        return ""
    return f" ({': '.join(word for word in (job.error.code, job.error.message) if word)})"
