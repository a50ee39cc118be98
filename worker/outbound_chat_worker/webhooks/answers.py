"""Decides what happens to a webhook after a post: a table of answers and rules."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

FEW = 5
"""Most posts of a webhook that its receiver refuses, or whose host is not allowed."""
LONGEST_PAUSE = timedelta(minutes=5)
"""Upper limit of the pauses that receivers ask for."""


class Then(StrEnum):
    """What happens to the webhook."""

    DELIVERED = "delivered"
    RETRY = "retry"
    FEW = "a few times"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class AnswerRule:
    """A row of the table."""

    then: Then
    reason: str
    host_answers: bool = True
    """False: it counts against the host. After several of these, the host gets no posts for a while."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a post, without anything that the receiver wrote."""

    status: int = 0
    """0 if there was no answer."""
    error: str = ""
    """Why there was no answer."""
    retry_after: timedelta = timedelta(0)
    """Pause that the receiver asked for, at most `LONGEST_PAUSE`."""

    @property
    def code(self) -> str:
        """The stored code: `status_500`, or why there was no answer."""
        return self.error or f"status_{self.status}"


SUCCESS = AnswerRule(Then.DELIVERED, "the receiver accepted it")
REDIRECT = AnswerRule(Then.FEW, "redirects are not followed; use the final URL")
GONE = AnswerRule(Then.DEAD, "the receiver no longer accepts webhooks")
OTHER_ANSWER = AnswerRule(Then.FEW, "the receiver refuses it")
SERVER_ERROR = AnswerRule(Then.RETRY, "the receiver has an error", host_answers=False)

BY_STATUS: Mapping[int, AnswerRule] = {
    410: GONE,
    408: AnswerRule(Then.RETRY, "the receiver timed out"),
    425: AnswerRule(Then.RETRY, "the receiver refuses it at this moment"),
    429: AnswerRule(Then.RETRY, "the receiver is busy; it gets no posts during its Retry-After"),
}

BY_ERROR: Mapping[str, AnswerRule] = {
    "unresolved": AnswerRule(Then.RETRY, "the name of the host can't be resolved", host_answers=False),
    "unreachable": AnswerRule(Then.RETRY, "no connection to the host could be made", host_answers=False),
    "no_tls": AnswerRule(Then.RETRY, "the host's certificate is not trusted, or TLS failed", host_answers=False),
    "no_answer": AnswerRule(
        Then.RETRY, "there was no answer in time, or the connection ended early", host_answers=False
    ),
    "private_address": AnswerRule(Then.FEW, "the host has an address that is not public, so nothing was sent"),
    "no_url": AnswerRule(Then.DEAD, "the sender no longer has a callback_url"),
    "unexpected_error": AnswerRule(Then.FEW, "this version does not know the error; see the log of the worker"),
    "invalid_url": AnswerRule(Then.DEAD, "the URL is not allowed by this worker's settings"),
}
"""Posts without an answer. The store adds `host_down`: the host got no posts until `retry_for` was over."""


def rule_of(answer: Answer) -> AnswerRule:
    """Returns the rule for an answer."""
    if answer.error:
        return BY_ERROR[answer.error]
    classes = {2: SUCCESS, 3: REDIRECT, 5: SERVER_ERROR}
    return BY_STATUS.get(answer.status) or classes.get(answer.status // 100, OTHER_ANSWER)
