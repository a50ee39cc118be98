"""What becomes of a webhook after a post: one table, answer → rule."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from outbound_chat_config import WebhookSettings

FEW = 5
"""Posts of a webhook whose receiver refuses it, or whose host may not be reached."""
LONGEST_PAUSE = timedelta(minutes=5)
"""A receiver that asks for more is asked again after this."""

_SUCCESS, _REDIRECT, _REFUSED, _SERVER = 2, 3, 4, 5


class Then(StrEnum):
    """What becomes of the webhook."""

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
    """False: it counts against the host, which is left alone after some of them."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one post. Never what the receiver wrote."""

    status: int = 0
    """0: no answer came."""
    error: str = ""
    """Why none came."""
    retry_after: timedelta = timedelta(0)
    """How long the receiver asks to be left alone, at most `LONGEST_PAUSE`."""

    @property
    def code(self) -> str:
        """What is kept of it: `status_500`, or why no answer came."""
        return self.error or f"status_{self.status}"


SUCCESS = AnswerRule(Then.DELIVERED, "the receiver has it")
REDIRECT = AnswerRule(Then.FEW, "redirects are not followed; the URL must be the last one")
GONE = AnswerRule(Then.DEAD, "the receiver wants no more of them")
OTHER_ANSWER = AnswerRule(Then.FEW, "the receiver refuses it")
SERVER_ERROR = AnswerRule(Then.RETRY, "the receiver is broken for now", host_answers=False)
_BUSY = AnswerRule(Then.RETRY, "the receiver is busy; it is left alone for its Retry-After")

BY_STATUS: Mapping[int, AnswerRule] = {
    410: GONE,
    408: AnswerRule(Then.RETRY, "the receiver gave up waiting"),
    425: AnswerRule(Then.RETRY, "the receiver will not take it so early"),
    429: _BUSY,
}

BY_ERROR: Mapping[str, AnswerRule] = {
    "unresolved": AnswerRule(Then.RETRY, "the host has no address now", host_answers=False),
    "unreachable": AnswerRule(Then.RETRY, "no connection to the host stood", host_answers=False),
    "no_tls": AnswerRule(Then.RETRY, "the host's certificate is not trusted, or TLS failed", host_answers=False),
    "no_answer": AnswerRule(
        Then.RETRY, "no answer came in time, or the connection ended before one", host_answers=False
    ),
    "private_address": AnswerRule(Then.FEW, "the host has an address that is not public, so nothing was sent"),
    "no_url": AnswerRule(Then.DEAD, "the sender has no callback_url any more"),
    "unexpected_error": AnswerRule(Then.FEW, "an error that this version does not know; the worker's log has it"),
    "invalid_url": AnswerRule(Then.DEAD, "the URL is not allowed by this worker's settings"),
}
"""When no answer came. Beside these there is `host_down`: it waited for a host that is left alone, past `retry_for`."""


def rule_of(answer: Answer) -> AnswerRule:
    """The row for an answer."""
    if answer.error:
        return BY_ERROR[answer.error]
    found = BY_STATUS.get(answer.status)
    kinds = {_SUCCESS: SUCCESS, _REDIRECT: REDIRECT, _SERVER: SERVER_ERROR}
    return found or kinds.get(answer.status // 100, OTHER_ANSWER)


def wait_after(attempts: int, settings: WebhookSettings, retry_after: timedelta = timedelta(0)) -> timedelta:
    """Time to the next post after so many: a random part of `min(cap, base * 2**(attempts - 1))`.

    With base 5 s and cap 2 hours: up to 5, 10, 20, 40, … 7,200 s. Not less than the receiver asks for.
    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    chance = random.random()  # noqa: S311  # not a secret
    longest: timedelta = min(settings.cap, settings.base * 2 ** min(max(attempts, 1) - 1, 30))
    return max(longest * chance, retry_after)
