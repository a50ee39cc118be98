"""Events of contacts and receipts as EventBridge delivers them.

https://docs.aws.amazon.com/connect/latest/adminguide/contact-events.html
"""

import json
import time
from typing import Any

from tests.support.harness import INSTANCE_ID, SOURCE

SMS_NUMBER = "+12065550100"
REGION, ACCOUNT = SOURCE.split(":")[3:5]
INSTANCE_ARN = f"arn:aws:connect:{REGION}:{ACCOUNT}:instance/{INSTANCE_ID}"


def contact_event(kind: str, contact: str, **detail: Any) -> dict[str, Any]:
    """An event of the instance of `harness.sender`; `detail` changes fields, None removes one."""
    fields = {
        "eventType": kind,
        "contactId": contact,
        "channel": "CHAT",
        "instanceArn": INSTANCE_ARN,
        "initiationMethod": "API",
        "initiationTimestamp": "2026-05-01T09:00:00.000Z",
        **({"disconnectTimestamp": "2026-05-01T09:05:00.000Z"} if kind in {"DISCONNECTED", "COMPLETED"} else {}),
        "segmentAttributes": {"connect:Subtype": {"ValueString": "connect:SMS"}},
        "tags": {"aws:connect:instanceId": INSTANCE_ID},
        **detail,
    }
    return {
        "version": "0",
        "id": "00000000-0000-4000-8000-000000000000",
        "detail-type": "Amazon Connect Contact Event",
        "source": "aws.connect",
        "account": ACCOUNT,
        "time": "2026-05-01T09:05:01Z",
        "region": REGION,
        "resources": [f"{INSTANCE_ARN}/contact/{contact}", INSTANCE_ARN],
        "detail": {name: value for name, value in fields.items() if value is not None},
    }


def receipt_event(kind: str = "TEXT_DELIVERED", message: str = "m-1", **detail: Any) -> dict[str, Any]:
    """An event of a carrier about a message that was sent just now.

    https://docs.aws.amazon.com/sms-voice/latest/userguide/monitor-event-bridge.html
    """
    now_ms = time.time_ns() // 1_000_000
    fields = {
        "eventType": kind,
        "eventVersion": "1.0",
        "eventTimestamp": now_ms,
        "isFinal": True,
        "originationPhoneNumber": SMS_NUMBER,
        "isoCountryCode": "US",
        "messageId": message,
        "messageRequestTimestamp": now_ms,
        "messageStatus": kind.partition("_")[2],
        "totalMessageParts": 1,
        "totalMessagePrice": 0.0075,
        **detail,
    }
    return {
        "version": "0",
        "id": "00000000-0000-4000-8000-000000000001",
        "detail-type": "Text Message Delivery Status Updated",
        "source": "aws.sms-voice",
        "account": ACCOUNT,
        "time": "2026-05-01T09:05:01Z",
        "region": REGION,
        "resources": [],
        "detail": {name: value for name, value in fields.items() if value is not None},
    }


def ended(contact: str) -> str:
    """The end of a chat, as text."""
    return json.dumps(contact_event("DISCONNECTED", contact))
