"""Chats from their start to their end: by a flow or an agent, after a drawn time, or after their duration."""

import heapq
import itertools
import random
import uuid
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from outbound_chat_worker.sandbox._clock import Clock
from outbound_chat_worker.sandbox._options import SandboxOptions
from outbound_chat_worker.sandbox._refusal import Refusal

# https://docs.aws.amazon.com/connect/latest/APIReference/API_StartOutboundChatContact.html: 25 hours
_DEFAULT_CHAT_MINUTES = 1500


@dataclass(slots=True, eq=False)
class Chat:
    """The chat of a contact."""

    number: int
    """1 for the first chat."""
    contact_id: str
    instance_id: str
    body: bytes
    """The request that started it."""
    started_at: datetime
    reason: str
    """Why it ended or, while it is open, why it will end; DisconnectReason of the contact."""
    customer_messages: int = 0
    ended_at: datetime | None = None


class Chats:
    """Open chats, and those that ended."""

    def __init__(self, clock: Clock, seed: int, report: Callable[[Chat, float], None]) -> None:
        """`report` gets each chat when it starts and when it ends, with the monotonic seconds of that moment."""
        self._clock = clock
        self._random = random.Random(seed)  # noqa: S311  # reproducible, and nothing secret
        self._report = report
        self._open = Counter[str]()
        self._chats: dict[str, Chat] = {}
        self._ended = deque[str]()
        self._ends: list[tuple[float, int, Chat]] = []
        self._numbers = itertools.count(1)

    @property
    def open_chats(self) -> int:
        """How many are open, on all instances."""
        self.end_due()
        return self._open.total()

    def start(self, body: dict[str, Any], raw: bytes, options: SandboxOptions) -> str:
        """Opens a chat, and returns its ContactId; raises `Refusal` if the instance has as many as it may have."""
        self.end_due()
        instance_id = body["InstanceId"].rpartition("/")[2]
        if self._open[instance_id] >= options.max_chats:
            raise Refusal("LimitExceededException", "The instance has as many active chats as its quota allows.")
        seconds, reason = 60.0 * body.get("ChatDurationInMinutes", _DEFAULT_CHAT_MINUTES), "EXPIRED"
        messages = int(self._random.random() < options.answered)
        if options.chat_seconds and (drawn := self._random.uniform(*options.chat_seconds)) < seconds:
            seconds, reason = drawn, "CUSTOMER_DISCONNECT" if messages else "CONTACT_FLOW_DISCONNECT"
        chat = Chat(next(self._numbers), str(uuid.uuid4()), instance_id, raw, self._clock.now(), reason, messages)
        now = self._clock.monotonic()
        self._open[instance_id] += 1
        self._chats[chat.contact_id] = chat
        heapq.heappush(self._ends, (now + seconds, chat.number, chat))
        self._report(chat, now)
        return chat.contact_id

    def close(self, contact_id: str) -> bool:
        """Ends a chat as its flow would; returns False if no open chat has this id."""
        chat = self.find(contact_id)
        if chat is None or chat.ended_at:
            return False
        chat.reason = "CONTACT_FLOW_DISCONNECT"
        self._end(chat, self._clock.monotonic())
        return True

    def find(self, contact_id: str) -> Chat | None:
        """Returns a chat that is open, or one that ended and is still kept."""
        self.end_due()
        return self._chats.get(contact_id)

    def of(self, instance_id: str) -> list[Chat]:
        """Returns all chats of an instance that are kept, in the order in which they were started."""
        self.end_due()
        return [chat for chat in self._chats.values() if chat.instance_id == instance_id]

    def forget(self, keep: int | None) -> None:
        """Forgets the chats that ended first, so that `keep` ended ones stay; None: all stay."""
        while keep and len(self._ended) > keep:
            del self._chats[self._ended.popleft()]

    def end_due(self) -> None:
        """Ends the chats whose time is over."""
        now = self._clock.monotonic()
        while self._ends and self._ends[0][0] <= now:
            seconds, _, chat = heapq.heappop(self._ends)
            if chat.ended_at is None:
                self._end(chat, seconds)

    def _end(self, chat: Chat, seconds: float) -> None:
        chat.ended_at = self._clock.now() - timedelta(seconds=self._clock.monotonic() - seconds)
        self._open[chat.instance_id] -= 1
        self._ended.append(chat.contact_id)
        self._report(chat, seconds)
