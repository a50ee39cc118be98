"""Reads receipts: what carriers and WhatsApp report about messages.

SMS and RCS: https://docs.aws.amazon.com/sms-voice/latest/userguide/configuration-sets-event-format.html
WhatsApp: https://docs.aws.amazon.com/social-messaging/latest/userguide/monitor-event-bridge.html, and in the form of a
topic https://docs.aws.amazon.com/social-messaging/latest/userguide/managing-event-destination-dlrs.html

None of them names a contact. Only the `context` of a message may contain a ContactId or the id of a job, if the caller
that sent the message put it there. A number and a time never decide whose receipt it is.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import TypeAlias

from outbound_chat.contact_events._fields import field, number_in, text, time_ms
from outbound_chat.contact_events._known import KnownSources
from outbound_chat.model.contact_events import Change, Outcome, Receipt
from outbound_chat.model.ids import split_id
from outbound_chat.model.times import LAST_MS

SMS, WHATSAPP = "aws.sms-voice", "aws.social-messaging"
NO_NUMBER = "unknown"
_WEBHOOK = "whatsAppWebhookEntry"
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
_MOST_STATUSES = 1_000
_MOST_PARTS = 100
_MOST_DOLLARS = 1_000
_MICROS = 1_000_000
_LEAST_MS = 10**11
"""Smaller numbers are seconds: as milliseconds they would be of 1973 or before."""


_Report: TypeAlias = tuple[Receipt, list[object] | None]
"""A receipt of one message, and its state as the facts of a job have it; None for what is no state, such as a failure
after which the carrier may try again."""


def is_receipt(event: Mapping[object, object], source: str) -> bool:
    """Returns whether an event is of this kind. `source`: that of its envelope, empty if there is none."""
    channel = text(event, "eventType").upper().partition("_")[0]
    return source in {SMS, WHATSAPP} or (not source and (_WEBHOOK in event or channel in _CHANNELS))


def read(
    event: Mapping[object, object], known: KnownSources, *, kind: str, account: str, region: str, time: str
) -> Change | Outcome:
    """Returns what a receipt changes. `kind`, `account`, `region`, `time`: of the envelope, empty if there is none."""
    if _WEBHOOK in event:
        return _read_webhook(event, known, account, region)
    match = _KIND.fullmatch(kind)
    channel, _, word = text(event, "eventType").upper().partition("_")
    if match:
        channel, word = "WHATSAPP", match[1].upper()
    elif channel not in _CHANNELS:
        return Outcome.UNKNOWN
    at_ms = _ms(field(event, "eventTimestamp")) or time_ms(time)
    receipt = Receipt(
        number=_number(text(event, "originationPhoneNumber")),
        kind=f"{channel}_{word}",
        hour_ms=_hour(_ms(field(event, "messageRequestTimestamp")) or at_ms),
        messages=(text(event, "messageId"),),
        parts=int(number_in(field(event, "totalMessageParts"), 0, _MOST_PARTS)),
        price=round(number_in(field(event, "totalMessagePrice"), 0, _MOST_DOLLARS) * _MICROS),
    )
    is_final = bool(match) or field(event, "isFinal") is True
    code = _whatsapp_code(event) if match else _opted_out(event)
    report = _report(receipt, word, at_ms, is_final=is_final, code=code)
    return _change([report], known, (account, region), _values(event))


def _read_webhook(event: Mapping[object, object], known: KnownSources, account: str, region: str) -> Change | Outcome:
    """Reads the form of a topic, which has any number of statuses, of several messages."""
    try:
        entry = json.loads(text(event, _WEBHOOK))
    except (ValueError, RecursionError):
        return Outcome.UNREADABLE
    statuses = list(islice(_statuses(entry), _MOST_STATUSES + 1))
    if len(statuses) > _MOST_STATUSES:
        return Outcome.UNREADABLE
    reports = []
    for number, status in statuses:
        word, at_ms = text(status, "status").upper(), _ms(field(status, "timestamp"))
        kind, ids = f"WHATSAPP_{word}", (text(status, "id"),)
        receipt = Receipt(number=number, kind=kind, hour_ms=_hour(at_ms), messages=ids)
        reports.append(_report(receipt, word, at_ms, is_final=True, code=_whatsapp_code(status)))
    return _change(reports, known, (text(event, "aws_account_id") or account, region))


def _report(receipt: Receipt, word: str, at_ms: int, *, is_final: bool, code: str) -> _Report | None:
    """Returns None for a kind that is not known. `code`: of a failure, where its word is not all that is known."""
    if word in _FAILURES:
        code = code or ("invalid_number" if word == "INVALID" else word.lower())
        is_refused = is_final and (code in _REFUSED or receipt.kind.startswith("WHATSAPP"))
        return replace(receipt, refused=is_refused), ["undelivered", at_ms, "context", code] if is_final else None
    state = _STATES.get(word)
    if state == "carrier" and is_final:
        # Many countries and short codes never say more.
        return receipt, ["delivered", at_ms, "carrier", ""]
    return None if state is None else (receipt, [state, at_ms, "context", ""] if state else None)


def _change(
    reports: Sequence[_Report | None], known: KnownSources, place: tuple[str, str], values: Sequence[str] = ()
) -> Change | Outcome:
    """`place`: account and Region, empty where no envelope tells them."""
    read = [report for report in reports if report]
    places = [one for one in known.accounts if place[0] in {"", one[0]} and place[1] in {"", one[1]}]
    if not read:
        return Outcome.UNKNOWN
    if not all(_MESSAGE_ID.fullmatch(receipt.messages[0]) for receipt, _ in read):
        return Outcome.UNREADABLE
    if len(places) != 1:
        return Outcome.FOREIGN
    alike: dict[Receipt, list[str]] = {}
    for receipt, _ in read:
        alike.setdefault(replace(receipt, messages=()), []).extend(receipt.messages)
    delivery = read[0][1]
    return Change(
        budgets=known.accounts[places[0]],
        values=values,
        facts={"delivery": delivery} if values and delivery else {},
        receipts=[replace(receipt, messages=ids) for receipt, ids in alike.items()],
    )


def _statuses(entry: object) -> Iterator[tuple[str, object]]:
    """Yields the number and each status of a webhook of Meta, whose changes may be of several numbers."""
    for change in _list(field(entry, "changes")):
        value = field(change, "value")
        metadata = field(value, "metadata")
        digits = "".join(re.findall(r"[0-9]", text(metadata, "display_phone_number")))
        number = _number(f"+{digits}" if digits else text(metadata, "phone_number_id"))
        for status in _list(field(value, "statuses")):
            yield number, status


def _values(event: Mapping[object, object]) -> tuple[str, ...]:
    """Returns what the message's context names: a ContactId or the id of a job, as its sender wrote it there."""
    context = field(event, "context")
    values = list(context.values())[:_MOST_VALUES] if isinstance(context, Mapping) else []
    texts = [value.strip() for value in values if isinstance(value, str)]
    return tuple(dict.fromkeys(value for value in texts if _CONTACT.fullmatch(value) or split_id(value)))


def _opted_out(event: Mapping[object, object]) -> str:
    """Only the description says that a number has opted out; no event type does."""
    words = text(event, "messageStatusDescription").lower().replace("-", " ")
    return "opted_out" if "opted out" in words else ""


def _whatsapp_code(status: object) -> str:
    """Returns `whatsapp_` and the code of the first error.

    https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes
    """
    codes = (int(number_in(field(error, "code"), 1, _MOST_CODE)) for error in _list(field(status, "errors")))
    return f"whatsapp_{next(codes, 0) or 'failed'}"


def _number(value: str) -> str:
    return value if _NUMBER.fullmatch(value) else NO_NUMBER


def _ms(value: object) -> int:
    """Returns milliseconds since 1970, also from seconds, as WhatsApp writes them; 0 if there is no such time."""
    number = int(number_in(value, 1, LAST_MS))
    return number * 1000 if number < _LEAST_MS else number


def _hour(ms: int) -> int:
    return ms - ms % 3_600_000


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
