"""The few operations of Amazon SQS that a reader of contact events needs, in its JSON protocol.

Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_Operations.html
"""

import json
from typing import Any

from outbound_chat_worker.sandbox._clock import Clock
from outbound_chat_worker.sandbox._http import HttpRequest, HttpResponse
from outbound_chat_worker.sandbox._ledger import Ledger
from outbound_chat_worker.sandbox._queues import ACCOUNT_ID, DEAD_QUEUE_NAME, MOST_RECEIVES, Message, Queue
from outbound_chat_worker.sandbox._refusal import Refusal
from outbound_chat_worker.sandbox._shapes import read_request

TARGET_PREFIX = "AmazonSQS."
_SINGLE = {"DeleteMessageBatch": "DeleteMessage", "ChangeMessageVisibilityBatch": "ChangeMessageVisibility"}
_OPERATIONS = {"GetQueueUrl", "GetQueueAttributes", "ReceiveMessage", "SendMessage", *_SINGLE, *_SINGLE.values()}
_LOOK_SECONDS = 0.05
_HIDDEN_SECONDS = 30
_MOST_IN_BATCH = 10
_LIMITS = {"MaxNumberOfMessages": (1, 10), "WaitTimeSeconds": (0, 20), "VisibilityTimeout": (0, 43_200)}


def answer_queue_call(call: HttpRequest, operation: str, ledger: Ledger, clock: Clock) -> HttpResponse:
    """Answers a call that is signed; raises `Refusal`."""
    if operation not in _OPERATIONS:
        raise Refusal("UnknownOperationException", "The sandbox does not support this operation of SQS.")
    if ledger.events.is_shut:
        raise Refusal("ServiceUnavailable", "The queue is shut (sandbox).")
    asked = read_request(call.body, operation, "sqs")
    for name, (least, most) in _LIMITS.items():
        if not least <= asked.get(name, least) <= most:
            raise Refusal("InvalidParameterValue", f"{name} must be between {least} and {most}.")
    name = asked.get("QueueName") or asked["QueueUrl"].rpartition("/")[2]
    queue = ledger.events.queues.get(name)
    if queue is None:
        raise Refusal("QueueDoesNotExist", "The specified queue does not exist.")
    ledger.settle()
    now = clock.monotonic()
    if operation == "ReceiveMessage":
        return _receive(queue, asked, ledger, clock, now + asked.get("WaitTimeSeconds", 0))
    if operation == "GetQueueUrl":
        return as_json({"QueueUrl": f"http://{call.headers.get('host')}/{ACCOUNT_ID}/{name}"})
    answer = _attributes if operation == "GetQueueAttributes" else _batch if operation in _SINGLE else _change
    return as_json(answer(queue, operation, asked, now))


def query_code(refusal: Refusal) -> str:
    """Returns the code in the older protocol, which boto3 shows: the header `x-amzn-query-error`."""
    code = refusal.code
    return f"{'AWS.SimpleQueueService.NonExistentQueue' if code == 'QueueDoesNotExist' else code};Sender"


def as_json(document: dict[str, Any]) -> HttpResponse:
    """Returns a response with JSON."""
    return HttpResponse(body=json.dumps(document).encode(), headers={"Content-Type": "application/x-amz-json-1.0"})


def _receive(queue: Queue, asked: dict[str, Any], ledger: Ledger, clock: Clock, ends: float) -> HttpResponse:
    hidden_seconds = asked.get("VisibilityTimeout", _HIDDEN_SECONDS)
    found = [] if ledger.events.is_shut else queue.receive(asked.get("MaxNumberOfMessages", 1), hidden_seconds)
    if found or clock.monotonic() >= ends:
        wanted = {*asked.get("AttributeNames", ()), *asked.get("MessageSystemAttributeNames", ())}
        return as_json({"Messages": [_received(message, wanted) for message in found]} if found else {})

    def look() -> HttpResponse:
        ledger.settle()
        return _receive(queue, asked, ledger, clock, ends)

    return HttpResponse(delay_seconds=_LOOK_SECONDS, again=look)


def _received(message: Message, wanted: set[str]) -> dict[str, Any]:
    known = {"SentTimestamp": str(message.sent_ms), "ApproximateReceiveCount": str(message.receives)}
    return {
        "MessageId": message.id,
        "ReceiptHandle": message.id,
        "MD5OfBody": message.md5,
        "Body": message.body,
        "Attributes": {name: value for name, value in known.items() if wanted & {"All", name}},
    }


def _batch(queue: Queue, operation: str, asked: dict[str, Any], now: float) -> dict[str, Any]:
    if not 1 <= len(asked["Entries"]) <= _MOST_IN_BATCH:
        raise Refusal("TooManyEntriesInBatchRequest", f"A batch must have 1 to {_MOST_IN_BATCH} entries.")
    done: dict[str, list[dict[str, Any]]] = {"Successful": [], "Failed": []}
    for entry in asked["Entries"]:
        try:
            _change(queue, _SINGLE[operation], entry, now)
        except Refusal as refusal:
            done["Failed"].append({"Id": entry["Id"], "Code": refusal.code, "SenderFault": True})
        else:
            done["Successful"].append({"Id": entry["Id"]})
    return done


def _change(queue: Queue, operation: str, asked: dict[str, Any], now: float) -> dict[str, Any]:
    if operation == "SendMessage":
        sent = queue.send(asked["MessageBody"], delay=asked.get("DelaySeconds", 0))
        return {"MessageId": sent.id, "MD5OfMessageBody": sent.md5}
    message = queue.get(asked["ReceiptHandle"])
    if operation == "DeleteMessage":
        # SQS accepts the deletion of a message that is gone.
        queue.pop(asked["ReceiptHandle"], None)
    elif message is None:
        raise Refusal("ReceiptHandleIsInvalid", "No message of the queue has this receipt handle.")
    else:
        message.visible_at = now + asked.get("VisibilityTimeout", 0)
    return {}


def _attributes(queue: Queue, _operation: str, asked: dict[str, Any], now: float) -> dict[str, Any]:
    visible = sum(message.visible_at <= now for message in queue.values())
    found = {
        "ApproximateNumberOfMessages": str(visible),
        "ApproximateNumberOfMessagesNotVisible": str(len(queue) - visible),
    }
    if queue.dead is not None:
        arn = f"arn:aws:sqs:us-east-1:{ACCOUNT_ID}:{DEAD_QUEUE_NAME}"
        found["RedrivePolicy"] = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": MOST_RECEIVES})
    wanted = set(asked.get("AttributeNames", ()))
    return {"Attributes": {name: value for name, value in found.items() if wanted & {"All", name}}}
