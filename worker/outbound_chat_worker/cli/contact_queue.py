"""Checks the queue of contact events, for `outbound-chat doctor`: whether it can be read, and what was given up."""

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

from outbound_chat.cli.output import number_of
from outbound_chat.model.diagnostics import Check, Level
from outbound_chat_config import Settings
from outbound_chat_worker.connect import UNANSWERED, Connect

_SUBJECT = "queue of contact events"
_WAITING = "ApproximateNumberOfMessages"
_HOW_TO = "docs/howto/contact-events.md"


def contact_queue_checks(settings: Settings, connect: Connect) -> Iterator[Check]:
    """Checks the queue that `contact_events` names, and the dead-letter queue behind it."""
    wanted = settings.contact_events
    if wanted is None or wanted.queue_url is None:
        return
    if urlsplit(wanted.queue_url).netloc == urlsplit(wanted.endpoint_url or "").netloc:
        # A stand-in: credentials of a person's terminal are not those of the workers that call it.
        yield Check(_SUBJECT, Level.OK, f"not asked: it is at {wanted.endpoint_url}")
        return
    try:
        with closing(connect.queue_client(wanted)) as sqs:
            found = _attributes(sqs, wanted.queue_url)
            waits = number_of(int(found.get(_WAITING, 0)), "message waits", "messages wait")
            yield Check(_SUBJECT, Level.OK, f"{wanted.queue_url}: {waits}")
            yield _dead(sqs, wanted.queue_url, found.get("RedrivePolicy"))
    except UNANSWERED as error:
        advice = f"check queue_url, and allow sqs:GetQueueAttributes: {_HOW_TO}"
        yield Check(_SUBJECT, Level.FAULT, f"{wanted.queue_url} can't be read: {error}", advice)


def _attributes(sqs: Any, url: str) -> dict[str, str]:
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[_WAITING, "RedrivePolicy"])
    return dict(answer.get("Attributes", {}))


def _dead(sqs: Any, queue: str, policy: str | None) -> Check:
    """Reports messages that were received too often. That they can't be counted is no fault of the queue."""
    subject = "dead contact events"
    if not policy:
        finding = "the queue has no dead-letter queue: a message that Redis can't take comes again and again"
        return Check(subject, Level.WARNING, finding, f"add one: {_HOW_TO}")
    # Both queues have the same account and Region, so their URLs differ only in the name.
    name = json.loads(policy)["deadLetterTargetArn"].rpartition(":")[2]
    try:
        dead = int(_attributes(sqs, f"{queue.rpartition('/')[0]}/{name}").get(_WAITING, 0))
    except UNANSWERED as error:
        return Check(subject, Level.OK, f"unknown: {name} can't be read: {error}")
    if dead:
        advice = f"look at them, then move them back (redrive) or purge {name}; they contain phone numbers"
        return Check(subject, Level.WARNING, f"{number_of(dead, 'message is', 'messages are')} in {name}", advice)
    return Check(subject, Level.OK, f"{name} is empty")
