"""Computes how long a job waits for its next call, and a webhook for its next post."""

import random
from datetime import timedelta

from outbound_chat_config import RetrySettings, WebhookSettings


def backoff(attempts: int, settings: RetrySettings | WebhookSettings) -> timedelta:
    """Returns the time until the next attempt: a random part of `min(cap, base * 2**(attempts - 1))`.

    With base 1 s and cap 600 s: up to 1, 2, 4, 8, … 600 s. "Full jitter" prevents many workers from retrying at once.
    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    # Neither chance nor the exponent needs more: 2**30 s is past any cap.
    chance = random.random()  # noqa: S311  # not a secret
    exponent = min(max(attempts, 1) - 1, 30)
    longest: timedelta = min(settings.cap, settings.base * 2**exponent)
    return longest * chance
