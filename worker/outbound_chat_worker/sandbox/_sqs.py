"""A queue for contact events, and the few operations of Amazon SQS that its reader needs, in its JSON protocol.

Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_Operations.html
"""

import hashlib
import itertools
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from outbound_chat_worker.sandbox._refusal import ACCOUNT_ID, Refusal

if TYPE_CHECKING:
    from outbound_chat_worker.sandbox._ledger import Ledger

QUEUE_PATH = f"/{ACCOUNT_ID}/contact-events"
"""What follows the address of a sandbox in the URL of its queue."""
_HIDDEN_SECONDS = 30
_MOST_IN_BATCH = 10
_LIMITS = {"MaxNumberOfMessages": (1, 10), "WaitTimeSeconds": (0, 20), "VisibilityTimeout": (0, 43_200)}


@dataclass(slots=True, eq=False)
class _Message:
    """A message in a queue. Its id is its receipt handle too."""

    body: str
    visible_at: float
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    receives: int = 0

    @property
    def md5(self) -> str:
        """The digest that clients compare."""
        return hashlib.md5(self.body.encode(), usedforsecurity=False).hexdigest()


class Queue(dict[str, _Message]):
    """A standard queue: messages by their ids."""

    def send(self, body: str, now: float, keep: int | None) -> _Message:
        """Adds a message. `keep`: how many the queue may have before its oldest is dropped; None: any number."""
        message = _Message(body, now)
        self[message.id] = message
        if keep and len(self) > keep:
            del self[next(iter(self))]
        return message


def answer_queue_call(operation: str, asked: dict[str, Any], ledger: "Ledger", since: float) -> dict[str, Any] | None:
    """Answers a call; raises `Refusal`. Returns None if a long poll, which began at `since`, has to go on."""
    if ledger.options.events_shut:
        raise Refusal("ServiceUnavailable", "The queue is shut (sandbox).")
    for name, (least, most) in _LIMITS.items():
        if not least <= asked.get(name, least) <= most:
            raise Refusal("InvalidParameterValue", f"{name} must be between {least} and {most}.")
    if not asked["QueueUrl"].endswith(QUEUE_PATH):
        raise Refusal("QueueDoesNotExist", "The specified queue does not exist.")
    ledger.settle()
    queue, now = ledger.events.queue, ledger.clock.monotonic()
    match operation:
        case "ReceiveMessage":
            found = _receive(queue, asked, now)
            return found if found or now >= since + asked.get("WaitTimeSeconds", 0) else None
        case "SendMessage":
            sent = queue.send(asked["MessageBody"], now, ledger.options.keep)
            return {"MessageId": sent.id, "MD5OfMessageBody": sent.md5}
        case "GetQueueAttributes":
            hidden, name = sum(message.visible_at > now for message in queue.values()), "ApproximateNumberOfMessages"
            return _attributes({name: len(queue) - hidden, f"{name}NotVisible": hidden}, asked)
        case _:
            return _change(queue, operation, asked["Entries"], now)


def _receive(queue: Queue, asked: dict[str, Any], now: float) -> dict[str, Any]:
    visible = (message for message in queue.values() if message.visible_at <= now)
    rows = []
    for message in itertools.islice(visible, asked.get("MaxNumberOfMessages", 1)):
        message.receives += 1
        message.visible_at = now + asked.get("VisibilityTimeout", _HIDDEN_SECONDS)
        row = {"MessageId": message.id, "ReceiptHandle": message.id, "MD5OfBody": message.md5, "Body": message.body}
        rows.append(row | _attributes({"ApproximateReceiveCount": message.receives}, asked))
    return {"Messages": rows} if rows else {}


def _change(queue: Queue, operation: str, entries: list[dict[str, Any]], now: float) -> dict[str, Any]:
    if not 1 <= len(entries) <= _MOST_IN_BATCH:
        raise Refusal("TooManyEntriesInBatchRequest", f"A batch must have 1 to {_MOST_IN_BATCH} entries.")
    done: dict[str, list[dict[str, Any]]] = {"Successful": [], "Failed": []}
    for entry in entries:
        message, id_ = queue.get(entry["ReceiptHandle"]), {"Id": entry["Id"]}
        if operation == "DeleteMessageBatch":
            # SQS accepts the deletion of a message that is gone.
            queue.pop(entry["ReceiptHandle"], None)
        elif message is None:
            done["Failed"].append({**id_, "Code": "ReceiptHandleIsInvalid", "SenderFault": True})
            continue
        else:
            message.visible_at = now + entry.get("VisibilityTimeout", 0)
        done["Successful"].append(id_)
    return done


def _attributes(known: dict[str, int], asked: dict[str, Any]) -> dict[str, Any]:
    wanted = {*asked.get("AttributeNames", ()), *asked.get("MessageSystemAttributeNames", ())}
    return {"Attributes": {name: str(value) for name, value in known.items() if {"All", name} & wanted}}
