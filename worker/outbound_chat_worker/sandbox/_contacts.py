"""Contacts as Amazon Connect describes them: `DescribeContact` and `SearchContacts`.

Source: https://docs.aws.amazon.com/connect/latest/APIReference/API_DescribeContact.html and API_SearchContacts.html
"""

import json
from datetime import UTC, datetime
from typing import Any

from outbound_chat_worker.sandbox._chats import Chat, Chats
from outbound_chat_worker.sandbox._refusal import Refusal, invalid

_MOST = 100
_TIME = "DISCONNECT_TIMESTAMP"
_SUMMARY = ("Arn", "Id", "InitiationMethod", "Channel", "InitiationTimestamp", "DisconnectTimestamp")
"""What a search returns of a contact."""


def contact_of(chat: Chat) -> dict[str, Any]:
    """Returns a contact with the names of `DescribeContact`; times are datetimes."""
    body = json.loads(chat.body)
    source = body["SourceEndpoint"]
    instance_arn = f"{source['Address'].rpartition(':')[0]}:instance/{chat.instance_id}"
    contact = {
        "Arn": f"{instance_arn}/contact/{chat.contact_id}",
        "Id": chat.contact_id,
        "InitiationMethod": "API",
        "Channel": "CHAT",
        "InitiationTimestamp": chat.started_at,
        "ConnectedToSystemTimestamp": chat.started_at,
        "CustomerEndpoint": body["DestinationEndpoint"],
        "SystemEndpoint": source,
        "Tags": {"aws:connect:instanceId": chat.instance_id},
        "SegmentAttributes": {"connect:Subtype": body["SegmentAttributes"]["connect:Subtype"]},
        "Attributes": body.get("Attributes", {}),
        "ChatMetrics": {
            "ChatContactMetrics": {"TotalMessages": 1 + chat.customer_messages, "TotalBotMessages": 0},
            "CustomerMetrics": {"MessagesSent": chat.customer_messages},
            "AgentMetrics": {"MessagesSent": 0},
        },
    }
    if chat.ended_at:
        contact |= {"DisconnectTimestamp": chat.ended_at, "DisconnectReason": chat.reason}
    return contact | ({"RelatedContactId": body["RelatedContactId"]} if "RelatedContactId" in body else {})


def describe_contact(asked: dict[str, Any], chats: Chats) -> dict[str, Any]:
    """Returns the body of the answer; raises `Refusal`."""
    chat = chats.find(asked["ContactId"])
    if chat is None or chat.instance_id != asked["InstanceId"].rpartition("/")[2]:
        raise Refusal("ResourceNotFoundException", "The instance has no such contact.")
    return {"Contact": contact_of(chat)}


def search_contacts(asked: dict[str, Any], chats: Chats) -> dict[str, Any]:
    """Returns a page of the contacts that ended in a time; raises `Refusal` for what the sandbox can't search."""
    criteria, span, order = asked.get("SearchCriteria", {}), asked["TimeRange"], asked.get("Sort", {})
    if {span["Type"], order.get("FieldName", _TIME)} != {_TIME} or criteria.keys() - {"Channels"}:
        raise invalid(f"The sandbox searches and sorts by {_TIME}, and only knows the filter Channels.")
    start, end = (datetime.fromtimestamp(span[name], UTC) for name in ("StartTime", "EndTime"))
    if start > end:
        raise invalid("TimeRange.StartTime must not be after EndTime.")
    is_chat = "CHAT" in criteria.get("Channels", ["CHAT"])
    found = [
        (chat.ended_at, chat.number, chat)
        for chat in chats.of(asked["InstanceId"].rpartition("/")[2])
        if is_chat and chat.ended_at and start <= chat.ended_at <= end
    ]
    found.sort(reverse=order.get("Order") != "ASCENDING")
    token = asked.get("NextToken", "0")
    if not token.isdecimal() or len(token) > len(str(len(found))):
        raise invalid("NextToken is not one of the sandbox.")
    last = int(token) + asked.get("MaxResults", _MOST)
    rows = [contact_of(chat) for *_, chat in found[int(token) : last]]
    page = [{name: row[name] for name in _SUMMARY} for row in rows]
    return {"Contacts": page, "TotalCount": len(found)} | ({"NextToken": str(last)} if last < len(found) else {})
