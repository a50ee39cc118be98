"""Contact events of Amazon Connect, as EventBridge delivers them: in an envelope, and at times late, twice, in another
order, or not at all.

Source: https://docs.aws.amazon.com/connect/latest/adminguide/contact-events.html
"""

import heapq
import itertools
import json
import random
import uuid
from datetime import UTC, datetime
from typing import Any, NamedTuple

from outbound_chat_worker.sandbox._chats import Chat
from outbound_chat_worker.sandbox._clock import Clock
from outbound_chat_worker.sandbox._contacts import contact_of
from outbound_chat_worker.sandbox._kept import Kept
from outbound_chat_worker.sandbox._options import KEEP, SandboxOptions
from outbound_chat_worker.sandbox._queues import DEAD_QUEUE_NAME, QUEUE_NAME, Queue

_STARTS, _ENDS = ("INITIATED", "CONNECTED_TO_SYSTEM"), ("DISCONNECTED", "COMPLETED")
_UNSET = "1970-01-01T00:00:00.001Z"
"""What AWS writes into some times that are not known yet."""
_FIELDS = (
    *("RelatedContactId", "Channel", "InitiationMethod", "InitiationTimestamp", "ConnectedToSystemTimestamp"),
    *("DisconnectTimestamp", "DisconnectReason", "Tags", "SegmentAttributes", "ChatMetrics"),
)
"""Those of `DescribeContact` that an event has; neither numbers nor attributes."""


class Post(NamedTuple):
    """An event on its way to a URL. Sorted by when it is due."""

    due: float
    number: int
    event: str
    tries: int = 0


class Events:
    """What a sandbox reports of its chats, for all who read it. It reports nothing while the option is None."""

    def __init__(self, options: SandboxOptions, clock: Clock) -> None:
        self.options = options
        self.delivered = Kept[str]()
        self.posts: list[Post] = []
        dead = Queue(clock)
        self.queues = {QUEUE_NAME: Queue(clock, dead), DEAD_QUEUE_NAME: dead}
        self.shut_until = 0.0
        self._clock = clock
        self._due: list[tuple[float, int, str]] = []
        self._numbers = itertools.count()

    @property
    def is_shut(self) -> bool:
        """Whether nobody gets an event at the moment."""
        return self._clock.monotonic() < self.shut_until

    def shut(self, seconds: float) -> None:
        """Delivers nothing for so long."""
        self.shut_until = self._clock.monotonic() + seconds

    def after(self, number: int, count: int) -> tuple[list[str], int]:
        """Returns events that were delivered, as `Kept.after` does; none while the door is shut."""
        return self.delivered.after(number, 0 if self.is_shut else count)

    def report(self, chat: Chat, seconds: float) -> None:
        """Reports that a chat has started or, if `ended_at` is set, ended."""
        options, seed = self.options.events, f"{self.options.seed} {chat.number}"
        if options is None:
            return
        groups: tuple[tuple[str, ...], ...] = (_STARTS,) if chat.ended_at is None else (_ENDS,)
        if random.Random(seed).random() < options.swapped:  # noqa: S311  # reproducible, and nothing secret
            groups = () if chat.ended_at is None else (_ENDS[::-1], _STARTS[::-1])
        for kinds in groups:
            drawn = random.Random(f"{seed} {kinds}")  # noqa: S311
            if drawn.random() < options.lost:
                continue
            wait = options.delay.total_seconds()
            due = seconds + wait * (drawn.random() < options.late)
            times = (due, due + wait) if drawn.random() < options.doubled else (due,)
            for event in [json.dumps(_event(chat, kind)) for kind in kinds]:
                for time in times:
                    heapq.heappush(self._due, (time, next(self._numbers), event))

    def deliver_due(self) -> None:
        """Delivers what is due: to the list, to the queue and to the URL."""
        now, options = self._clock.monotonic(), self.options
        while self._due and self._due[0][0] <= now:
            _, number, event = heapq.heappop(self._due)
            self.delivered.add(event, options.keep or KEEP)
            self.queues[QUEUE_NAME].send(event, options.keep)
            if options.events and options.events.url:
                heapq.heappush(self.posts, Post(now, number, event))


def _event(chat: Chat, kind: str) -> dict[str, Any]:
    contact = contact_of(chat)
    instance_arn, _, _ = contact["Arn"].partition("/contact/")
    _, _, _, region, account, _ = instance_arn.split(":")
    is_end = kind in _ENDS
    detail = {_lower(name): _plain(contact[name]) for name in _FIELDS if name in contact}
    if kind == _STARTS[0]:
        detail["connectedToSystemTimestamp"] = _UNSET
    if not is_end:
        detail["disconnectTimestamp"] = _UNSET
        detail = {name: value for name, value in detail.items() if name not in {"chatMetrics", "disconnectReason"}}
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Amazon Connect Contact Event",
        "source": "aws.connect",
        "account": account,
        "time": _plain(chat.ended_at if is_end else chat.started_at).partition(".")[0] + "Z",
        "region": region,
        "resources": [contact["Arn"], instance_arn],
        "detail": {
            "eventType": kind,
            "contactId": chat.contact_id,
            "initialContactId": chat.contact_id,
            "instanceArn": instance_arn,
            **detail,
        },
    }


def _lower(name: str) -> str:
    return name[:1].lower() + name[1:]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {_lower(name): _plain(one) for name, one in value.items()} if isinstance(value, dict) else value
