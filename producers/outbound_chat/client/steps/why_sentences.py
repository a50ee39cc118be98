"""The sentences that explain why a job waits."""

from datetime import datetime
from itertools import takewhile

from outbound_chat.model.durations import length_of
from outbound_chat.model.jobs import Job, JobState

_ENDS = {
    JobState.SENT: "Done: Connect accepted it.",
    JobState.EXPIRED: "Done: it expired before it could be sent.",
    JobState.CANCELLED: "Done: it was cancelled.",
    JobState.UNCERTAIN: "Done: a call may have reached Connect, and it is not safe to make another.",
}

_FIXES = {
    "credentials": "Correct the AWS credentials of the workers (outbound-chat doctor asks AWS who they are)",
    "access_denied": "Allow connect:StartOutboundChatContact on the instance",
    "not_found": "Correct the ids of the sender, or those that the batch names",
    "foreign_answer": "Correct the proxy or the sender's endpoint_url",
    "quota": "Ask AWS to raise the quota",
    "chats_full": "End chats, or ask AWS to raise the quota",
    "unknown_sender": "Add the sender to the settings of the workers",
    "no_key": "Add the key to encryption.keys of the workers",
    "unreachable": "Check the network, the proxy and the sender's endpoint_url",
}
"""What a person can do, by the code of an attempt; `docs/errors.md` has them all."""


def named(scope: str, budget: str) -> str:
    """Returns a scope as callers know it: ids of batches begin with the budget."""
    kind, _, name = scope.partition(":")
    return f"batch:{budget}.{name}" if kind == "batch" else scope


def spoken(scope: str) -> str:
    """Returns `sender:support` as `sender support`."""
    return scope.replace(":", " ", 1)


def hold_sentence(scope: str, reason: str) -> str:
    """Explains a person's hold, and how it ends."""
    return f'A person put the {spoken(scope)} on hold: "{reason}" (outbound-chat release --{spoken(scope)} ends it).'


def fix_sentence(code: str, scope: str = "") -> str:
    """Says what to do about a code, after a space, and how to try a hold of the system on `scope` immediately."""
    fix = _FIXES.get(code, "")
    release = f"outbound-chat release --{spoken(scope)} tries one job immediately" if scope else ""
    return f" {'; then '.join(words for words in (fix, release) if words)}." if fix or release else ""


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


def failed_calls(job: Job, now: datetime) -> str:
    """Says how many of the last calls of a job ended with its error, and since when."""
    same = list(takewhile(lambda one: job.error and one.code == job.error.code, reversed(job.history)))
    if len(same) == 1:
        return f"Its last call created no contact{last_error(job)}"
    since = length_of(now - same[-1].at)
    return f"Its last {len(same)} calls created no contact, the first of them {since} ago{last_error(job)}"


def last_error(job: Job) -> str:
    """Returns the error of its last attempt in parentheses; empty if there is none."""
    if job.error is None:
        return ""
    return f" ({': '.join(word for word in (job.error.code, job.error.message) if word)})"
