"""Writes a request out as boto3 takes it, with what its sender adds."""

from collections.abc import Mapping
from typing import Any

from outbound_chat_config import Sender


def api_call(body: Mapping[str, Any], sender: Sender, token: str) -> dict[str, Any]:
    """Keyword arguments of `start_outbound_chat_contact`; a job's own members win over those of its sender."""
    call = {member: value for member, value in body.items() if member not in ("to", "text")}
    if "to" in body:
        call["DestinationEndpoint"] = {"Type": "TELEPHONE_NUMBER", "Address": body["to"]}
    if "text" in body:
        call["InitialSystemMessage"] = {"ContentType": "text/plain", "Content": body["text"]}
    call["InstanceId"] = sender.instance_id
    call["SourceEndpoint"] = {"Type": "CONNECT_PHONENUMBER_ARN", "Address": sender.source}
    call.setdefault("ContactFlowId", sender.contact_flow_id)
    call.setdefault("ClientToken", token)
    call["SegmentAttributes"] = {
        **{key: {"ValueString": text} for key, text in sender.segment_attributes.items()},
        **body.get("SegmentAttributes", {}),
        "connect:Subtype": {"ValueString": sender.channel.subtype},
    }
    if sender.attributes:
        call["Attributes"] = {**sender.attributes, **body.get("Attributes", {})}
    if sender.display_name is not None:
        call.setdefault("ParticipantDetails", {"DisplayName": sender.display_name})
    if sender.chat_duration_minutes is not None:
        call.setdefault("ChatDurationInMinutes", sender.chat_duration_minutes)
    return call
