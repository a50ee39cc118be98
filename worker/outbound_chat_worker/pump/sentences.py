"""What is logged of attempts that sent nothing: a line for each job, or one for its sender if that keeps all its jobs.

Not for deciding what happens next, which `retry` does.
"""

import logging
from collections.abc import Mapping

from outbound_chat.store.scripts import Outcome
from outbound_chat_worker.pump.retry import Verdict

FIXES: Mapping[str, str] = {
    "credentials": "give the worker valid ones in a way that boto3 knows: variables, files, profile or role_arn",
    "access_denied": "allow connect:StartOutboundChatContact, and sts:AssumeRole where the sender has a role_arn",
    "not_found": "correct the ids of the sender, or the flow or template that the batch names",
    "quota": "ask AWS to raise it",
    "chats_full": "end contacts in the flow, shorten chat_duration_minutes, or ask AWS for more open chats",
    "foreign_answer": "correct the proxy or endpoint_url",
    "unreachable": "check the network, the proxy and endpoint_url",
}
"""What to do where no job of a sender can be sent, by code."""


def keeps_sender(verdict: Verdict, outcome: Outcome, scope: str) -> bool:
    """Whether all jobs of the sender wait. `scope`: of a hold."""
    return verdict.rule.code in FIXES and outcome is not Outcome.FAILED and not scope.startswith("batch:")


def of_sender(verdict: Verdict) -> str:
    """The rest of a sentence about a sender whose jobs wait: what is wrong, and what to do."""
    details = ", ".join(filter(None, (verdict.aws_code, verdict.message.rstrip(".\n"))))
    reason = "no client of AWS can be made" if verdict.rule.unforeseen else verdict.rule.reason
    fix = FIXES.get(verdict.rule.code, "check its profile, and the files and programs that it names")
    return f"{reason}{f' ({details})' if details else ''}; its jobs wait and are tried again; {fix}"


def of_job(verdict: Verdict, outcome: Outcome, scope: str, *, attempts: int, maybe_sent: bool) -> tuple[int, str]:
    """The level, and the rest of a sentence about a job."""
    rule = verdict.rule
    what = f"{rule.code} ({verdict.aws_code})" if verdict.aws_code else rule.code
    level = logging.WARNING
    match outcome:
        case Outcome.RETRY:
            level, then = logging.INFO, f"is called again after attempt {attempts}"
        case Outcome.SNOOZE:
            level, then = logging.INFO, "is called again"
        case Outcome.HOLD:
            level, then = logging.ERROR, f"waits with all of {scope.replace(':', ' ')}; {FIXES.get(rule.code, '')}"
        case _:
            then = f"ended {'uncertain' if maybe_sent else 'failed'} after attempt {attempts}"
    return logging.ERROR if rule.unforeseen else level, f"{what}, {rule.reason}; it {then}"
