"""Computes how many contacts an instance can take if every chat stays open until its duration ends.

That is the worst case, and usual for a flow that does not end its contacts. This is only arithmetic: nothing is counted
or enforced here.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from outbound_chat_config._senders import Sender

# https://docs.aws.amazon.com/connect/latest/adminguide/amazon-connect-service-limits.html
DEFAULT_OPEN_CHATS = 500
# https://docs.aws.amazon.com/connect/latest/APIReference/API_StartOutboundChatContact.html
DEFAULT_CHAT_DURATION = timedelta(hours=25)


@dataclass(frozen=True, slots=True)
class OpenChats:
    """How many chats may be open on an instance, and how long each stays open."""

    most: int
    duration: timedelta

    @classmethod
    def of(cls, senders: Iterable[Sender], duration: timedelta | None = None) -> Self:
        """Returns the smallest `max_open_chats` and the longest duration among senders of one instance.

        Without settings these are AWS's defaults, 500 chats and 25 hours. `duration` replaces that of the senders.
        """
        senders = tuple(senders)
        most = [sender.max_open_chats for sender in senders if sender.max_open_chats is not None]
        return cls(
            min(most, default=DEFAULT_OPEN_CHATS),
            duration or max((chat_duration(sender) for sender in senders), default=DEFAULT_CHAT_DURATION),
        )

    @property
    def contacts_an_hour(self) -> float:
        """Returns how many contacts can start per hour on average: 20 with 500 chats of 25 hours, 500 with 1 hour."""
        return self.most * (timedelta(hours=1) / self.duration)

    def needed_at(self, rate: float) -> int:
        """Returns how many chats are open if `rate` contacts start per second: 180,000 with 2 per second and 25 h."""
        return math.ceil(rate * self.duration.total_seconds())

    def last_of(self, contacts: int) -> timedelta:
        """Returns when the last of `contacts` can start, after the first: with 500 chats of 25 h, 501 take 25 h."""
        return self.duration * (max(0, contacts - 1) // self.most)


def chat_duration(sender: Sender) -> timedelta:
    """Returns how long the sender's chats stay open, unless a job says otherwise."""
    minutes = sender.chat_duration_minutes
    return DEFAULT_CHAT_DURATION if minutes is None else timedelta(minutes=minutes)
