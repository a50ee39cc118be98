"""The tables of codes, reasons, keys and answers of AWS, from their enums and lists."""

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from docs.generate._tables import Table
from docs.generate._words import sentences
from outbound_chat.http.wire.codes import TITLES, ProblemCode
from outbound_chat.model.why import WaitReason
from outbound_chat.request import FieldCode
from outbound_chat.store.keys import KINDS
from outbound_chat.store.scripts import Outcome
from outbound_chat_worker.pump import retry
from outbound_chat_worker.pump.retry import UNFORESEEN_BEFORE, UNFORESEEN_ERROR, RetryRule, judge


def tables() -> Iterator[Table]:
    """All of them."""
    yield Table("redis.md", "## Keys", [_key(kind) for kind in KINDS])
    said = sentences(WaitReason)
    reasons = [{"reason": f"`{one.value}`", "meaning": said[one.name], "what to do": ""} for one in WaitReason]
    yield Table("why.md", "## Reasons", reasons, frozenset({"what to do"}))
    said = sentences(FieldCode)
    codes = [{"code": f"`{code.value}`", "meaning": said.get(code.name, ""), "fix": ""} for code in FieldCode]
    yield Table("errors.md", "## Codes of a refused request", codes, frozenset({"meaning", "fix"}))
    answers = [
        {"code": f"`{code.value}`", "status": str(TITLES[code][0]), "meaning": f"{TITLES[code][1]}.", "what to do": ""}
        for code in ProblemCode
    ]
    yield Table("errors.md", "## Codes of HTTP answers", answers, frozenset({"meaning", "what to do"}))
    for heading, rows in retry_rows().items():
        yield Table("retry.md", heading, rows)


def _key(kind: Any) -> dict[str, str]:
    return {
        "key": f"`{kind.pattern}`",
        "type": kind.type,
        "lifetime": kind.lifetime.value,
        "content": kind.content,
    }


def retry_rows() -> dict[str, list[dict[str, str]]]:
    """The tables of docs/retry.md by their headings."""
    codes = [_rule("AWS error code", f"`{code}`", rule) for code, rule in retry.BY_AWS_CODE.items()]
    statuses = [(str(status), rule) for status, rule in retry.BY_STATUS.items()]
    statuses += [("500 and above", of_status(500)), ("any other", of_status(418))]
    statuses += [("any below 500 but 408 and 429, without a request id of AWS", of_status(418, request_id=""))]
    errors = [(f"`{kind.__name__}`", rule) for kind, rule in retry.BY_EXCEPTION]
    errors += [("any other", UNFORESEEN_ERROR), ("any other, before the call left", UNFORESEEN_BEFORE)]
    return {
        "## Answers with an error code": codes,
        "## Answers without a code in that table": [_rule("HTTP status", name, rule) for name, rule in statuses],
        "## No answer": [_rule("exception", name, rule) for name, rule in errors],
    }


def of_status(status: int, request_id: str = "1b2c3d4e") -> RetryRule:
    """The rule for an answer that has no code."""
    answer: Any = {"Error": {"Code": ""}, "ResponseMetadata": {"HTTPStatusCode": status, "RequestId": request_id}}
    return judge(ClientError(answer, "StartOutboundChatContact")).rule


def _rule(column: str, first: str, rule: RetryRule) -> dict[str, str]:
    seconds = rule.wait.total_seconds() if rule.wait else 0
    wait = f"{rule.stops}: {seconds:g} s" if seconds else "backoff"
    return {
        column: first,
        "code": f"`{rule.code}`",
        "outcome": rule.outcome.value,
        "may be sent": "yes" if rule.maybe_sent else "no",
        "attempts": str(rule.most_attempts or "all"),
        "wait": "none" if rule.outcome is Outcome.FAILED else wait,
        "reason": rule.reason,
    }
