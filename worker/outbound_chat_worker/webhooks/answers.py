"""What happens to a webhook after a post: one table, answer → rule."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

FEW = 5
"""Most posts of a webhook that its receiver refuses, or whose host may not be reached."""
LONGEST_PAUSE = timedelta(minutes=5)
"""A receiver that asks for a longer pause gets this one."""


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
    """False: it counts against the host, which gets no posts for a while after some of them."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one post, without anything that the receiver wrote."""

    status: int = 0
    """0: no answer came."""
    error: str = ""
    """Why no answer came."""
    retry_after: timedelta = timedelta(0)
    """Pause that the receiver asks for, at most `LONGEST_PAUSE`."""

    @property
    def code(self) -> str:
        """The code that is stored: `status_500`, or why no answer came."""
        return self.error or f"status_{self.status}"


SUCCESS = AnswerRule(Then.DELIVERED, "the receiver has it")
REDIRECT = AnswerRule(Then.FEW, "redirects are not followed; the URL must be the last one")
GONE = AnswerRule(Then.DEAD, "the receiver wants no more of them")
OTHER_ANSWER = AnswerRule(Then.FEW, "the receiver refuses it")
SERVER_ERROR = AnswerRule(Then.RETRY, "the receiver is broken for now", host_answers=False)

BY_STATUS: Mapping[int, AnswerRule] = {
    410: GONE,
    408: AnswerRule(Then.RETRY, "the receiver gave up waiting"),
    425: AnswerRule(Then.RETRY, "the receiver will not take it so early"),
    429: AnswerRule(Then.RETRY, "the receiver is busy; it is left alone for its Retry-After"),
}

BY_ERROR: Mapping[str, AnswerRule] = {
    "unresolved": AnswerRule(Then.RETRY, "the name of the host can't be resolved now", host_answers=False),
    "unreachable": AnswerRule(Then.RETRY, "no connection to the host could be made", host_answers=False),
    "no_tls": AnswerRule(Then.RETRY, "the host's certificate is not trusted, or TLS failed", host_answers=False),
    "no_answer": AnswerRule(
        Then.RETRY, "no answer came in time, or the connection ended before one", host_answers=False
    ),
    "private_address": AnswerRule(Then.FEW, "the host has an address that is not public, so nothing was sent"),
    "no_url": AnswerRule(Then.DEAD, "the sender has no callback_url any more"),
    "unexpected_error": AnswerRule(Then.FEW, "an error that this version does not know; the worker's log has it"),
    "invalid_url": AnswerRule(Then.DEAD, "the URL is not allowed by this worker's settings"),
}
"""When no answer came. The store adds `host_down`: the host got no posts until `retry_for` was over."""


def rule_of(answer: Answer) -> AnswerRule:
    """The row for an answer."""
    if answer.error:
        return BY_ERROR[answer.error]
    classes = {2: SUCCESS, 3: REDIRECT, 5: SERVER_ERROR}
    return BY_STATUS.get(answer.status) or classes.get(answer.status // 100, OTHER_ANSWER)
