"""Messages as their recipients would have received them, including refused calls, which can have any form."""

import json
from collections.abc import Iterator
from typing import Any

from outbound_chat_worker.sandbox._ledger import Call, Ledger
from outbound_chat_worker.sandbox._reports import SandboxMessage
from outbound_chat_worker.sandbox._rules import MOST_ATTRIBUTE_BYTES, MOST_CHARACTERS, sms_parts

_MOST_OF_A_TEXT = max(MOST_CHARACTERS.values())
_MOST_OF_A_NAME = 500


def messages(ledger: Ledger, after: int, count: int) -> Iterator[SandboxMessage]:
    """Yields messages after number `after`, oldest first."""
    calls, last = ledger.inbox.after(after, count)
    for number, call in enumerate(calls, start=last - len(calls) + 1):
        yield _message(number, call, ledger)


def find_message(ledger: Ledger, id_: str) -> SandboxMessage | None:
    """Returns the last message with this contact id or request id."""
    numbered = zip(range(ledger.inbox.total, 0, -1), reversed(ledger.inbox), strict=False)
    return next((_message(n, call, ledger) for n, call in numbered if id_ in {call.contact_id, call.request_id}), None)


def shortened(body: dict[str, Any]) -> bytes:
    """Returns the parts of a refused request that a message needs, each at most as long as Connect allows."""
    attributes, left = {}, MOST_ATTRIBUTE_BYTES
    found = body.get("Attributes")
    for name, value in found.items() if isinstance(found, dict) else ():
        attributes[name[:left]] = shown = _cut(_text(value), max(0, left - len(name)))
        left -= len(name.encode(errors="replace")) + len(shown.encode(errors="replace"))
        if left <= 0:
            break
    channel = _string(body, "SegmentAttributes", "connect:Subtype", "ValueString")
    template = _string(body, "InitialTemplatedSystemMessage", "MessageTemplateId")
    kept = {
        "SegmentAttributes": {"connect:Subtype": {"ValueString": _cut(channel, _MOST_OF_A_NAME)}},
        "InitialSystemMessage": {"Content": _cut(_string(body, "InitialSystemMessage", "Content"), _MOST_OF_A_TEXT)},
        "InitialTemplatedSystemMessage": {"MessageTemplateId": _cut(template, _MOST_OF_A_NAME)},
        "DestinationEndpoint": {"Address": _cut(_string(body, "DestinationEndpoint", "Address"), _MOST_OF_A_NAME)},
        "ContactFlowId": _cut(_string(body, "ContactFlowId"), _MOST_OF_A_NAME),
        "Attributes": attributes,
    }
    return json.dumps(kept).encode()


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}…"


def _text(value: object) -> str:
    try:
        return str(value)
    except RecursionError:
        return "…"


def _message(number: int, call: Call, ledger: Ledger) -> SandboxMessage:
    body = json.loads(call.body)
    channel = _string(body, "SegmentAttributes", "connect:Subtype", "ValueString").removeprefix("connect:")
    content = _string(body, "InitialSystemMessage", "Content")
    text = content or _string(body, "InitialTemplatedSystemMessage", "MessageTemplateId")
    found = body.get("Attributes")
    attributes = found if isinstance(found, dict) else {}
    chat = ledger.chats.find(call.contact_id or "")
    return SandboxMessage(
        number=number,
        at=call.at,
        state="refused" if call.contact_id is None else "open" if chat and not chat.ended_at else "closed",
        code=call.code,
        to=_string(body, "DestinationEndpoint", "Address"),
        text=text,
        parts=sms_parts(content) if content and channel == "SMS" else None,
        channel=channel,
        flow=_string(body, "ContactFlowId"),
        attributes={name: str(value) for name, value in attributes.items()},
        contact_id=call.contact_id,
        request_id=call.request_id,
    )


def _string(value: Any, *path: str) -> str:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""
