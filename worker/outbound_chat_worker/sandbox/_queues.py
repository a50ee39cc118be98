"""A queue as Amazon SQS has them."""

import hashlib
import time
import uuid
from dataclasses import dataclass, field

from outbound_chat_worker.sandbox._clock import Clock

ACCOUNT_ID = "123456789012"  # the one of the examples in AWS's own documentation
QUEUE_NAME, DEAD_QUEUE_NAME = "contact-events", "contact-events-dead"
QUEUE_PATH = f"/{ACCOUNT_ID}/{QUEUE_NAME}"
"""What follows the address of a sandbox in the URL of its queue."""
MOST_RECEIVES = 5


@dataclass(slots=True, eq=False)
class Message:
    """A message in a queue. Its id is its receipt handle too."""

    body: str
    visible_at: float
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    sent_ms: int = field(default_factory=lambda: time.time_ns() // 1_000_000)
    receives: int = 0

    @property
    def md5(self) -> str:
        """The digest that clients compare."""
        return hashlib.md5(self.body.encode(), usedforsecurity=False).hexdigest()


class Queue(dict[str, Message]):
    """A standard queue: messages by their ids. `dead` gets what was received `MOST_RECEIVES` times."""

    def __init__(self, clock: Clock, dead: "Queue | None" = None) -> None:
        super().__init__()
        self._clock = clock
        self.dead = dead

    def send(self, body: str, keep: int | None = None, *, delay: float = 0.0) -> Message:
        """Adds a message. `keep`: how many the queue may have before its oldest is dropped; None: any number."""
        message = Message(body, self._clock.monotonic() + delay)
        self[message.id] = message
        if keep and len(self) > keep:
            del self[next(iter(self))]
        return message

    def receive(self, most: int, hidden_seconds: int) -> list[Message]:
        """Returns up to `most` visible messages, and hides them for so long."""
        now, found, poison = self._clock.monotonic(), list[Message](), list[Message]()
        for message in self.values():
            if len(found) == most:
                break
            if message.visible_at <= now:
                (poison if self.dead is not None and message.receives >= MOST_RECEIVES else found).append(message)
        for message in poison:
            del self[message.id]
            if self.dead is not None:
                self.dead.send(message.body)
        for message in found:
            message.receives += 1
            message.visible_at = now + hidden_seconds
        return found
