"""Unwraps events: SNS and EventBridge put them into envelopes, and all of it may come as text."""

import json
from collections.abc import Mapping
from dataclasses import replace

from outbound_chat.contact_events import _connect, _receipts
from outbound_chat.contact_events._fields import text
from outbound_chat.contact_events._known import KnownSources, Origin
from outbound_chat.model.contact_events import Change, Outcome

MOST_BYTES = 1_048_576
"""The largest message of SQS. https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas.html"""
_MOST_ENVELOPES = 4


def read_event(raw: object, known: KnownSources) -> Change | Outcome:
    """Returns what an event changes; an `Outcome` if it changes nothing.

    `raw`: JSON as bytes or text, or what it contains; bare, or in an envelope of EventBridge or SNS. No input raises.
    """
    event, origin = raw, Origin()
    for _ in range(_MOST_ENVELOPES):
        if isinstance(event, bytes | bytearray | str):
            event = _parsed(event)
        if not isinstance(event, Mapping):
            return Outcome.UNREADABLE
        if event.get("Type") == "Notification" and "Message" in event:
            _, _, _, region, account, *_ = (*text(event, "TopicArn").split(":"), "", "", "", "", "")
            event, origin = event["Message"], replace(origin, account=account, region=region)
        elif "detail-type" in event and "detail" in event:
            origin = Origin(*(text(event, name) for name in ("source", "detail-type", "account", "region", "time")))
            event = event["detail"]
        else:
            return _read_bare(event, origin, known)
    return Outcome.UNREADABLE


def _parsed(raw: bytes | bytearray | str) -> object:
    if len(raw) > MOST_BYTES:
        return None
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None


def _read_bare(event: Mapping[object, object], origin: Origin, known: KnownSources) -> Change | Outcome:
    if _connect.is_contact_event(event, origin):
        return _connect.read(event, known, origin)
    return _receipts.read(event, known, origin) if _receipts.is_receipt(event, origin) else Outcome.UNKNOWN
