"""Reads contact events of Amazon Connect.

https://docs.aws.amazon.com/connect/latest/adminguide/contact-events.html
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from outbound_chat.contact_events._known import KnownInstance, KnownSources
from outbound_chat.model.contact_events import Change, Outcome, Place, PlaceMove
from outbound_chat.model.times import to_ms

KIND = "Amazon Connect Contact Event"
_ENDS = frozenset({"DISCONNECTED", "COMPLETED"})
_BEGINS = frozenset({"INITIATED", "QUEUED", "CONNECTED_TO_AGENT"})
_TRANSFERS = frozenset({"TRANSFER", "QUEUE_TRANSFER", "DISCONNECT"})
_INSTANCE = re.compile(r"arn:aws[a-z-]*:connect:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):instance/(?P<id>[^/\s]+)")
_CONTACT = re.compile(r"[A-Za-z0-9-]{1,256}")
_REASON = re.compile(r"[A-Z0-9_]{1,64}")
_MOST_SECONDS = 7 * 86_400
_MOVED_MS = 1
"""The end of a contact that went on as another one, until an event reports its own."""
FIRST_YEAR = 1971
"""AWS writes times that are not set as 1970-01-01T00:00:00.001Z."""


def is_contact_event(event: Mapping[object, object]) -> bool:
    """Returns whether a bare event is of this kind."""
    return bool(_field(event, "contactId") and _field(event, "instanceArn"))


def read(
    detail: Mapping[object, object], known: KnownSources, *, account: str, region: str, time: str
) -> Change | Outcome:
    """Returns what a contact event changes. `account`, `region`, `time`: of the envelope, empty if there is none."""
    instance = _INSTANCE.fullmatch(_text(detail, "instanceArn"))
    contact = _contact(detail, "contactId")
    if instance is None or not contact:
        return Outcome.UNREADABLE
    where = (instance["account"], instance["region"], instance["id"])
    one = known.instances.get(where)
    is_same = account in {"", where[0]} and region in {"", where[1]}
    if one is None or not is_same or _text(detail, "channel").upper() != "CHAT":
        return Outcome.FOREIGN
    kind = _text(detail, "eventType")
    if kind in _ENDS:
        return _ended(detail, one, where[2], contact, time)
    return _begun(detail, known, where[2], contact, one) if kind in _BEGINS else Outcome.UNKNOWN


def _ended(detail: Mapping[object, object], one: KnownInstance, instance: str, contact: str, time: str) -> Change:
    ended_ms = _ms(_field(detail, "disconnectTimestamp")) or _ms(time) or _MOVED_MS
    begun_ms = _ms(_field(detail, "initiationTimestamp"))
    seconds = (ended_ms - begun_ms) // 1000 if begun_ms else -1
    reason = _text(detail, "disconnectReason")
    facts: dict[str, object] = {"legs": {contact: [ended_ms, reason if _REASON.fullmatch(reason) else ""]}}
    if answered_ms := _answered_ms(detail, ended_ms):
        facts["delivery"] = ["answered", answered_ms, "contact", ""]
    place = Place(
        move=PlaceMove.END,
        instance=instance,
        contact=contact,
        seconds=seconds if 0 <= seconds <= _MOST_SECONDS else -1,
    )
    return _change(detail, one, contact, facts, place)


def _begun(
    detail: Mapping[object, object], known: KnownSources, instance: str, contact: str, one: KnownInstance
) -> Change | Outcome:
    before = _contact(detail, "previousContactId")
    moves = before and before != contact and _text(detail, "initiationMethod").upper() in _TRANSFERS
    if not moves and not (known.count_all and one.counts_chats):
        # Its own call tells all that this would: the chat is open.
        return Outcome.SAME
    begun_ms = _ms(_field(detail, "initiationTimestamp"))
    place = Place(
        move=PlaceMove.MOVE if moves else PlaceMove.OPEN,
        instance=instance,
        contact=contact,
        before=before if moves else "",
        until_ms=begun_ms + one.chat_ms if begun_ms else 0,
        count_all=known.count_all and one.counts_chats,
    )
    facts = {"legs": {contact: [0, ""], before: [_MOVED_MS, ""]}} if moves else {}
    return _change(detail, one, contact, facts, place)


def _change(
    detail: Mapping[object, object], one: KnownInstance, contact: str, facts: Mapping[str, object], place: Place
) -> Change:
    first = _contact(detail, "initialContactId")
    before = _contact(detail, "previousContactId")
    related = _contact(detail, "relatedContactId")
    contacts = tuple(dict.fromkeys(id_ for id_ in (contact, first, before, related) if id_))
    return Change(budgets=one.budgets, contacts=contacts, waits_at=first or before or contact, facts=facts, place=place)


def _answered_ms(detail: Mapping[object, object], ended_ms: int) -> int:
    """Returns when the customer wrote last; 0 if no metric proves that they wrote."""
    metrics = _field(detail, "chatMetrics")
    customer = _field(metrics, "customerMetrics") if isinstance(metrics, Mapping) else None
    if not isinstance(customer, Mapping):
        return 0
    sent = _field(customer, "messagesSent")
    if isinstance(sent, bool) or not isinstance(sent, int) or sent < 1:
        return 0
    return _ms(_field(customer, "lastMessageTimestamp")) or ended_ms


def _field(event: Mapping[object, object], name: str) -> object:
    """Returns a field. Samples of AWS write the same names with a small and a large first letter."""
    value = event.get(name)
    return event.get(name[0].upper() + name[1:]) if value is None else value


def _text(event: Mapping[object, object], name: str) -> str:
    value = _field(event, name)
    return value if isinstance(value, str) else ""


def _contact(event: Mapping[object, object], name: str) -> str:
    value = _text(event, name)
    return value if _CONTACT.fullmatch(value) else ""


def _ms(value: object) -> int:
    """Returns an ISO time as milliseconds since 1970; 0 if it is missing, not set or invalid."""
    if not isinstance(value, str):
        return 0
    try:
        instant = datetime.fromisoformat(value)
        instant = instant.replace(tzinfo=instant.tzinfo or UTC)
        return to_ms(instant) if instant.year >= FIRST_YEAR else 0
    except (ValueError, OverflowError):
        return 0
