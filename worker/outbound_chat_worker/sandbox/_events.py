"""Contact events of Amazon Connect, as EventBridge delivers them: in an envelope, and at times late, twice, in another
order, or not at all.

Source: https://docs.aws.amazon.com/connect/latest/adminguide/contact-events.html
"""

import heapq
import itertools
import json
import random
import uuid
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from outbound_chat_worker.sandbox._chats import Chat
from outbound_chat_worker.sandbox._clock import Clock
from outbound_chat_worker.sandbox._contacts import contact_of
from outbound_chat_worker.sandbox._kept import Kept
from outbound_chat_worker.sandbox._options import KEEP, SandboxOptions
from outbound_chat_worker.sandbox._sqs import Queue

_STARTS, _ENDS = ("INITIATED", "CONNECTED_TO_SYSTEM"), ("DISCONNECTED", "COMPLETED")
_UNSET = "1970-01-01T00:00:00.001Z"
"""What AWS writes into some times that are not known yet."""
_FIELDS = (
    *("RelatedContactId", "Channel", "InitiationMethod", "InitiationTimestamp", "ConnectedToSystemTimestamp"),
    *("Tags", "SegmentAttributes"),
)
"""Those of `DescribeContact` that an event has; neither numbers nor attributes."""
_END_FIELDS = ("DisconnectTimestamp", "DisconnectReason", "ChatMetrics")


class Events:
    """What a sandbox reports of its chats, for all who read it. It reports nothing while the option is None."""

    def __init__(self, options: Callable[[], SandboxOptions], clock: Clock) -> None:
        """`options` returns those of this moment."""
        self.delivered = Kept[tuple[int, str]]()
        """Events with their numbers."""
        self.queue = Queue()
        self.posts = deque[str](maxlen=options().keep or KEEP)
        """Events that wait to be posted; the oldest are dropped if the URL accepts none for long."""
        self._options = options
        self._clock = clock
        self._due: list[tuple[float, int, str]] = []
        self._numbers = itertools.count()

    def report(self, chat: Chat, seconds: float) -> None:
        """Reports that a chat has started or, if `ended_at` is set, ended."""
        options, seed = self._options().events, f"{self._options().seed} {chat.number}"
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
            for time, event in itertools.product(times, [json.dumps(_event(chat, kind)) for kind in kinds]):
                heapq.heappush(self._due, (time, next(self._numbers), event))

    def deliver_due(self) -> None:
        """Delivers what is due: to the list, to the queue and to the URL."""
        now, options = self._clock.monotonic(), self._options()
        while self._due and self._due[0][0] <= now and not options.events_shut:
            *_, event = heapq.heappop(self._due)
            self.delivered.add((self.delivered.total + 1, event), options.keep or KEEP)
            self.queue.send(event, now, options.keep)
            if options.events and options.events.url:
                self.posts.append(event)


def _event(chat: Chat, kind: str) -> dict[str, Any]:
    contact = contact_of(chat)
    instance_arn, _, _ = contact["Arn"].partition("/contact/")
    _, _, _, region, account, _ = instance_arn.split(":")
    is_end = kind in _ENDS
    names = (*_FIELDS, *(_END_FIELDS if is_end else ()))
    detail = {"DisconnectTimestamp": _UNSET} | {name: contact[name] for name in names if name in contact}
    if kind == _STARTS[0]:
        detail["ConnectedToSystemTimestamp"] = _UNSET
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
            **_plain(detail),
        },
    }


def _plain(value: Any) -> Any:
    """Returns a value with times as text, and names that begin in lower case."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    is_object = isinstance(value, dict)
    return {f"{name[0].lower()}{name[1:]}": _plain(one) for name, one in value.items()} if is_object else value
