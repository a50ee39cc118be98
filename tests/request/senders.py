"""Senders and requests that the tests of a request start from."""

from collections.abc import Mapping
from typing import Any

from outbound_chat.request import ChatRequest
from outbound_chat_config import Channel, Sender

SOURCE = "arn:aws:connect:us-east-1:123456789012:phone-number/aaaa-bbbb"
INSTANCE_ARN = "arn:aws:connect:us-east-1:123456789012:instance/instance-1"
TO = "+12065550100"


def sender(**changes: Any) -> Sender:
    fields: dict[str, Any] = {
        "region": "us-east-1",
        "instance_id": "instance-1",
        "contact_flow_id": "flow-1",
        "source": SOURCE,
        "channel": Channel.SMS,
    }
    return Sender.model_validate({**fields, **changes})


SMS = sender()
WHATSAPP = sender(channel=Channel.WHATSAPP)


def short(**options: Any) -> ChatRequest:
    return ChatRequest.from_short({"to": TO, **options})


def raw_call(**changes: Any) -> dict[str, Any]:
    """A call as boto3 takes it; a change to None leaves the member out."""
    call = {
        "InstanceId": "instance-1",
        "ContactFlowId": "flow-1",
        "SourceEndpoint": {"Type": "CONNECT_PHONENUMBER_ARN", "Address": SOURCE},
        "DestinationEndpoint": {"Type": "TELEPHONE_NUMBER", "Address": TO},
        "SegmentAttributes": {"connect:Subtype": {"ValueString": "connect:SMS"}},
        **changes,
    }
    return {member: value for member, value in call.items() if value is not None}


def found(request: ChatRequest, by: Sender = SMS) -> list[tuple[str, str]]:
    """What is wrong, as field and code, in a steady order."""
    return sorted((error.field, error.code) for error in request.errors(by))


def found_raw(changes: Mapping[str, Any], by: Sender = SMS) -> list[tuple[str, str]]:
    return found(ChatRequest.from_api(raw_call(**changes)), by)
