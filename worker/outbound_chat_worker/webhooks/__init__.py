"""Posts webhooks: tells the URLs that callers named of the ends of their jobs and batches.

Not for deciding who is told: the store writes that down in the script that ends a job. The one idea: a courier, a
Celery task of its own beside the pumps, claims webhooks, posts each in a thread, and records what came of it; what it
was posting when it was killed is posted again, under the same id.
"""

from outbound_chat_worker.webhooks._answers import (
    BY_ERROR,
    BY_STATUS,
    FEW,
    GONE,
    OTHER_ANSWER,
    REDIRECT,
    SERVER_ERROR,
    SUCCESS,
    Answer,
    AnswerRule,
    rule_of,
)
from outbound_chat_worker.webhooks._courier import Courier
from outbound_chat_worker.webhooks._posting import Poster

__all__ = [
    "BY_ERROR",
    "BY_STATUS",
    "FEW",
    "GONE",
    "OTHER_ANSWER",
    "REDIRECT",
    "SERVER_ERROR",
    "SUCCESS",
    "Answer",
    "AnswerRule",
    "Courier",
    "Poster",
    "rule_of",
]
