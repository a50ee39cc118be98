"""Log lines about attempts that sent nothing: one per job, or one for the sender if it affects all of its jobs.

`retry` decides what happens next.
"""

import logging
from collections.abc import Mapping

from outbound_chat.store.scripts import Outcome
from outbound_chat_worker.pump.retry import Verdict

FIXES: Mapping[str, str] = {
    "credentials": "configure valid credentials for boto3 in the worker: variables, files, profile or role_arn",
    "access_denied": "allow connect:StartOutboundChatContact, and sts:AssumeRole where the sender has a role_arn",
    "not_found": "correct the ids of the sender, or the flow or template that the batch names",
    "quota": "ask AWS to raise it",
    "chats_full": "end contacts in the flow, shorten chat_duration_minutes, or ask AWS for more open chats",
    "foreign_answer": "correct the proxy or endpoint_url",
    "unreachable": "check the network, the proxy and endpoint_url",
}
"""What to do if no job of a sender can be sent, by code."""


def keeps_sender(verdict: Verdict, outcome: Outcome, scope: str) -> bool:
    """Returns whether all jobs of the sender wait. `scope`: that of a hold."""
    return verdict.rule.code in FIXES and outcome is not Outcome.FAILED and not scope.startswith("batch:")


def of_sender(verdict: Verdict) -> str:
    """Returns the rest of a sentence about a sender whose jobs wait: what is wrong, and what to do."""
    details = ", ".join(filter(None, (verdict.aws_code, verdict.message.rstrip(".\n"))))
    reason = "can't create an AWS client" if verdict.rule.unforeseen else verdict.rule.reason
    fix = FIXES.get(verdict.rule.code, "check its profile, and the files and programs that the profile names")
    return f"{reason}{f' ({details})' if details else ''}; its jobs wait and will be retried; {fix}"


def of_job(verdict: Verdict, outcome: Outcome, scope: str, *, attempts: int, maybe_sent: bool) -> tuple[int, str]:
    """Returns the level, and the rest of a sentence about a job."""
    rule = verdict.rule
    what = f"{rule.code} ({verdict.aws_code})" if verdict.aws_code else rule.code
    level = logging.WARNING
    match outcome:
        case Outcome.RETRY:
            level, then = logging.INFO, f"will be retried after attempt {attempts}"
        case Outcome.SNOOZE:
            level, then = logging.INFO, "will be retried"
        case Outcome.HOLD:
            level, then = logging.ERROR, f"waits with all of {scope.replace(':', ' ')}; {FIXES.get(rule.code, '')}"
        case _:
            then = f"ended {'uncertain' if maybe_sent else 'failed'} after attempt {attempts}"
    return logging.ERROR if rule.unforeseen else level, f"{what}, {rule.reason}; it {then}"
