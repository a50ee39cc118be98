"""Asks Amazon Connect about contacts, at a pace of its own and with the credentials of a sender.

It never raises what AWS answers: who asks tries again later, and nothing depends on an answer.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from outbound_chat_config import Sender
from outbound_chat_worker.connect import UNANSWERED
from outbound_chat_worker.pump.retry import judge
from outbound_chat_worker.runtime import Runtime

Method: TypeAlias = Callable[[Any], Callable[..., Any]]
"""Returns the method of an operation, of a client of boto3."""
Clock: TypeAlias = Callable[[], float]
"""In seconds."""
_MOST_DOUBLINGS = 6


class Question:
    """One operation of Amazon Connect. For one thread."""

    def __init__(self, runtime: Runtime, operation: str, method: Method, per_second: float, now: Clock) -> None:
        """`operation`: such as `DescribeContact`. `per_second`: most calls; 0: none."""
        self._runtime, self._operation, self._method, self._now = runtime, operation, method, now
        self._seconds = 1 / per_second if per_second else 0.0
        self._next_at = 0.0
        self._failures = 0

    @property
    def is_due(self) -> bool:
        """Whether the next call may be made now."""
        return bool(self._seconds) and self._now() >= self._next_at

    def ask(self, sender: Sender, **request: Any) -> Mapping[str, Any] | None:
        """Returns the answer: empty if AWS knows nothing of what it names; None if there is none, as it has logged."""
        self._next_at = self._now() + self._seconds
        subject = f"{self._operation} {sender.instance_id}"
        try:
            method = self._method(self._runtime.connect.prepare(sender))
            answer: Mapping[str, Any] = method(InstanceId=sender.instance_id, **request)
        except UNANSWERED as error:
            return self._failed(sender, subject, error)
        self._failures = 0
        if self._runtime.notices.open:
            self._runtime.notices.over(subject, f"{subject} works again")
        return answer

    def _failed(self, sender: Sender, subject: str, error: Exception) -> Mapping[str, Any] | None:
        verdict = judge(error)
        if verdict.aws_code == "ResourceNotFoundException":
            return {}
        if verdict.rule.refresh_credentials:
            # While an instance is full there may be no other call that finds new ones.
            self._runtime.connect.forget_credentials(sender)
        self._failures += 1
        self._next_at = self._now() + max(self._seconds, 2.0 ** min(self._failures, _MOST_DOUBLINGS))
        if verdict.rule.code != "throttled":
            details = ": ".join(filter(None, (verdict.aws_code, verdict.message))) or verdict.rule.reason
            if verdict.rule.code == "access_denied" and getattr(error, "operation_name", "") == self._operation:
                details += f"; allow connect:{self._operation}"
            late = "ends of chats that no event reports are found late or not at all"
            self._runtime.notices.note(subject, f"{subject} fails, so {late}: {details}; trying again")
        return None
