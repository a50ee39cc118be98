"""Reads receipts: what carriers and WhatsApp report about messages.

SMS and RCS: https://docs.aws.amazon.com/sms-voice/latest/userguide/configuration-sets-event-format.html
WhatsApp: https://docs.aws.amazon.com/social-messaging/latest/userguide/monitor-event-bridge.html
A topic can get webhooks instead, but not of messages of Amazon Connect, which is the one destination of its accounts.

None of them names a contact. Only the `context` of a message may contain a ContactId or the id of a job, if the caller
that sent the message put it there. A number and a time never decide whose receipt it is.
"""

import re
from collections.abc import Mapping, Sequence

from outbound_chat.contact_events._fields import field, number_in, text, time_ms
from outbound_chat.contact_events._known import KnownSources, Origin
from outbound_chat.model.contact_events import Change, Outcome, Receipt
from outbound_chat.model.ids import split_id
from outbound_chat.model.times import LAST_MS

SMS, WHATSAPP = "aws.sms-voice", "aws.social-messaging"
NO_NUMBER = "unknown"
_STATES = {
    **dict.fromkeys(("PENDING", "QUEUED", "SENT"), "pending"),
    "SUCCESSFUL": "carrier",
    "DELIVERED": "delivered",
    "READ": "read",
    "UNKNOWN": "no_receipt",
    "FALLEN_BACK_TO_SMS": "",
}
"""The last words of an event type, and the state of delivery; empty: it says nothing, the SMS has its own receipts."""
_FAILURES = {
    *("INVALID", "INVALID_MESSAGE", "BLOCKED", "CARRIER_BLOCKED", "PROTECT_BLOCKED", "SPAM"),
    *("UNREACHABLE", "CARRIER_UNREACHABLE", "TTL_EXPIRED", "FAILED", "UNDELIVERABLE"),
}
_REFUSED = frozenset({"invalid_number", "invalid_message", "blocked", "carrier_blocked", "spam", "protect_blocked"})
_CHANNELS = frozenset({"TEXT", "RCS"})
_KIND = re.compile(r"whatsapp message (sent|delivered|read|failed|undeliverable)", re.IGNORECASE)
_NUMBER = re.compile(r"[A-Za-z0-9+_-]{1,64}")
_MESSAGE_ID = re.compile(r"[\x21-\x7e]{1,200}")
_CONTACT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_MOST_CODE = 10**9
_MOST_VALUES = 5
"""Pairs that the context of a message has at most."""
_MOST_PARTS = 100
_MOST_DOLLARS = 1_000
_MICROS = 1_000_000
_LEAST_MS = 10**11
"""Smaller numbers are seconds: as milliseconds they would be of 1973 or before."""


def is_receipt(event: Mapping[object, object], origin: Origin) -> bool:
    """Returns whether an event is of this kind."""
    channel = text(event, "eventType").upper().partition("_")[0]
    return origin.source in {SMS, WHATSAPP} or (not origin.source and channel in _CHANNELS)


def read(event: Mapping[object, object], known: KnownSources, origin: Origin) -> Change | Outcome:
    """Returns what a receipt changes."""
    match = _KIND.fullmatch(origin.kind)
    channel, _, word = ("WHATSAPP", "", match[1].upper()) if match else text(event, "eventType").upper().partition("_")
    if not match and (channel not in _CHANNELS or word not in {*_STATES, *_FAILURES}):
        return Outcome.UNKNOWN
    if not _MESSAGE_ID.fullmatch(text(event, "messageId")):
        return Outcome.UNREADABLE
    places = [one for one in known.accounts if origin.may_be(*one)]
    if len(places) != 1:
        return Outcome.FOREIGN
    return _change(event, known.accounts[places[0]], f"{channel}_{word}", origin.time)


def _change(event: Mapping[object, object], budgets: Sequence[str], kind: str, time: str) -> Change:
    channel, _, word = kind.partition("_")
    at_ms = _ms(field(event, "eventTimestamp")) or time_ms(time)
    hour_ms = _ms(field(event, "messageRequestTimestamp")) or at_ms
    number, code, values = text(event, "originationPhoneNumber"), _code(event, channel, word), _values(event)
    is_final = channel == "WHATSAPP" or field(event, "isFinal") is True
    delivery = _delivery(word, at_ms, code, is_final=is_final)
    receipt = Receipt(
        number=number if _NUMBER.fullmatch(number) else NO_NUMBER,
        kind=kind,
        hour_ms=hour_ms - hour_ms % 3_600_000,
        message=text(event, "messageId"),
        refused=is_final and (code in _REFUSED or code.startswith("whatsapp")),
        parts=int(number_in(field(event, "totalMessageParts"), 0, _MOST_PARTS)),
        price=round(number_in(field(event, "totalMessagePrice"), 0, _MOST_DOLLARS) * _MICROS),
    )
    facts = {"delivery": delivery} if values and delivery else {}
    return Change(budgets=budgets, values=values, facts=facts, receipt=receipt)


def _delivery(word: str, at_ms: int, code: str, *, is_final: bool) -> list[object] | None:
    """Returns what it says of a job; None for nothing, such as a failure after which the carrier may try again."""
    if code:
        return ["undelivered", at_ms, "context", code] if is_final else None
    if word == "SUCCESSFUL" and is_final:
        # Many countries and short codes never say more.
        return ["delivered", at_ms, "carrier", ""]
    return [_STATES[word], at_ms, "context", ""] if _STATES[word] else None


def _code(event: Mapping[object, object], channel: str, word: str) -> str:
    """Returns why the message failed; empty if it did not.

    https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes
    """
    if word not in _FAILURES:
        return ""
    if channel == "WHATSAPP":
        errors = field(event, "errors")
        codes = (number_in(field(one, "code"), 1, _MOST_CODE) for one in (errors if isinstance(errors, list) else ()))
        return f"whatsapp_{int(next(codes, 0)) or 'failed'}"
    # Only the description says that a number has opted out; no event type does.
    if "opted out" in text(event, "messageStatusDescription").lower().replace("-", " "):
        return "opted_out"
    return "invalid_number" if word == "INVALID" else word.lower()


def _ms(value: object) -> int:
    """Returns milliseconds since 1970, also from seconds, as WhatsApp writes them; 0 if there is no such time."""
    number = int(number_in(value, 1, LAST_MS))
    return number * 1000 if number < _LEAST_MS else number


def _values(event: Mapping[object, object]) -> tuple[str, ...]:
    """Returns what the message's context names: a ContactId or the id of a job, as its sender wrote it there."""
    context = field(event, "context")
    values = list(context.values())[:_MOST_VALUES] if isinstance(context, Mapping) else []
    texts = [value.strip() for value in values if isinstance(value, str)]
    return tuple(dict.fromkeys(value for value in texts if _CONTACT.fullmatch(value) or split_id(value)))
