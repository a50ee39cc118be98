"""Contacts as Amazon Connect describes them: `DescribeContact` and `SearchContacts`, each with its own rate.

Like `GetServiceQuota`, these calls are not in the arrivals, which are those of `StartOutboundChatContact`.

Source: https://docs.aws.amazon.com/connect/latest/APIReference/API_DescribeContact.html and API_SearchContacts.html
"""

import json
import re
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any
from urllib.parse import unquote

from outbound_chat_worker.sandbox._chats import Chat, Chats
from outbound_chat_worker.sandbox._http import HttpRequest
from outbound_chat_worker.sandbox._opt_outs import CLAIMED_PATH
from outbound_chat_worker.sandbox._refusal import Refusal, invalid
from outbound_chat_worker.sandbox._shapes import read_request

_DESCRIBE = re.compile(r"/contacts/(?P<instance>[^/]+)/(?P<contact>[^/]+)")
_MOST = 100
_TIMES = {"INITIATION_TIMESTAMP": "InitiationTimestamp", "DISCONNECT_TIMESTAMP": "DisconnectTimestamp"}
_FILTERS = {"Channels": "Channel", "InitiationMethods": "InitiationMethod"}
_SUMMARY = ("Arn", "Id", "InitiationMethod", "Channel", *_TIMES.values(), "SegmentAttributes", "Tags")


def operation_of(call: HttpRequest) -> str | None:
    """Returns which operation of Amazon Connect, besides that of a sender, `call` is for; None: none."""
    if call.path.startswith(CLAIMED_PATH):
        return "DescribePhoneNumber"
    if call.method == "GET" and _DESCRIBE.fullmatch(call.path):
        return "DescribeContact"
    return "SearchContacts" if (call.method, call.path) == ("POST", "/search-contacts") else None


def answer_contact_call(call: HttpRequest, operation: str, chats: Chats) -> dict[str, Any]:
    """Returns the body of the answer to a call that is signed and within its rate; raises `Refusal`."""
    return _describe(call, chats) if operation == "DescribeContact" else _search(call, chats)


def contact_of(chat: Chat) -> dict[str, Any]:
    """Returns a contact with the names of `DescribeContact`; times are datetimes."""
    body = json.loads(chat.body)
    source = body["SourceEndpoint"]
    instance_arn = f"{source['Address'].rpartition(':')[0]}:instance/{chat.instance_id}"
    last = chat.ended_at or chat.started_at
    customer: dict[str, Any] = {"MessagesSent": chat.customer_messages}
    if chat.customer_messages:
        customer["LastMessageTimestamp"] = last
    contact = {
        "Arn": f"{instance_arn}/contact/{chat.contact_id}",
        "Id": chat.contact_id,
        "InitiationMethod": "API",
        "Channel": "CHAT",
        "InitiationTimestamp": chat.started_at,
        "ConnectedToSystemTimestamp": chat.started_at,
        "LastUpdateTimestamp": last,
        "CustomerEndpoint": body["DestinationEndpoint"],
        "SystemEndpoint": source,
        "Tags": {"aws:connect:instanceId": chat.instance_id},
        "SegmentAttributes": {"connect:Subtype": body["SegmentAttributes"]["connect:Subtype"]},
        "Attributes": body.get("Attributes", {}),
        "ChatMetrics": {
            "ChatContactMetrics": {"TotalMessages": 1 + chat.customer_messages, "TotalBotMessages": 0},
            "CustomerMetrics": customer,
            "AgentMetrics": {"MessagesSent": 0},
        },
    }
    if "RelatedContactId" in body:
        contact["RelatedContactId"] = body["RelatedContactId"]
    if chat.ended_at:
        contact |= {"DisconnectTimestamp": chat.ended_at, "DisconnectReason": chat.reason}
    return contact


def _describe(call: HttpRequest, chats: Chats) -> dict[str, Any]:
    found = _DESCRIBE.fullmatch(call.path)
    instance, contact = map(unquote, found.groups()) if found else ("", "")
    chat = chats.find(contact)
    if chat is None or chat.instance_id != instance.rpartition("/")[2]:
        raise Refusal("ResourceNotFoundException", "The instance has no such contact.")
    return {"Contact": contact_of(chat)}


def _search(call: HttpRequest, chats: Chats) -> dict[str, Any]:
    asked = read_request(call.body, "SearchContacts")
    criteria, kind, order = asked.get("SearchCriteria", {}), asked["TimeRange"]["Type"], asked.get("Sort", {})
    if kind not in _TIMES or order.get("FieldName", kind) != kind or criteria.keys() - _FILTERS.keys():
        raise invalid(f"The sandbox searches and sorts by one of {', '.join(_TIMES)}; filters: {', '.join(_FILTERS)}.")
    start, end = (datetime.fromtimestamp(asked["TimeRange"][name], UTC) for name in ("StartTime", "EndTime"))
    if start > end:
        raise invalid("TimeRange.StartTime must not be after EndTime.")
    rows = [
        contact
        for contact in map(contact_of, chats.of(asked["InstanceId"].rpartition("/")[2]))
        if _TIMES[kind] in contact
        and start <= contact[_TIMES[kind]] <= end
        and all(contact[_FILTERS[name]] in wanted for name, wanted in criteria.items())
    ]
    rows.sort(key=itemgetter(_TIMES[kind]), reverse=order.get("Order") != "ASCENDING")
    token = asked.get("NextToken", "0")
    if not token.isdecimal() or len(token) > len(str(len(rows))):
        raise invalid("NextToken is not one of the sandbox.")
    last = int(token) + asked.get("MaxResults", _MOST)
    page = [{name: row[name] for name in _SUMMARY if name in row} for row in rows[int(token) : last]]
    return {"Contacts": page, "TotalCount": len(rows), **({"NextToken": str(last)} if last < len(rows) else {})}
