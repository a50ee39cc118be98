"""Reads contact events of Amazon Connect.

https://docs.aws.amazon.com/connect/latest/adminguide/contact-events.html
"""

import re
from collections.abc import Mapping

from outbound_chat.contact_events._fields import field, text, time_ms
from outbound_chat.contact_events._known import KnownInstance, KnownSources, Origin
from outbound_chat.model.contact_events import Change, Outcome, Place

_KINDS = frozenset({"Amazon Connect Contact Event", "AWS Amazon Connect Contact Event"})
_ENDS = frozenset({"DISCONNECTED", "COMPLETED"})
_BEGINS = frozenset({"INITIATED", "CONNECTED_TO_SYSTEM", "QUEUED", "CONNECTED_TO_AGENT"})
_TRANSFERS = frozenset({"TRANSFER", "QUEUE_TRANSFER", "DISCONNECT"})
_INSTANCE = re.compile(r"arn:aws[a-z-]*:connect:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):instance/(?P<id>[^/\s]+)")
_CONTACT = re.compile(r"[A-Za-z0-9-]{1,256}")
_REASON = re.compile(r"[A-Z0-9_]{1,64}")
_MOST_SECONDS = 7 * 86_400
_MOVED_MS = 1
"""The end of a contact that went on as another one, until an event reports its own."""


def is_contact_event(event: Mapping[object, object], origin: Origin) -> bool:
    """Returns whether an event is of this kind."""
    if origin.source:
        return origin.source == "aws.connect" and origin.kind in _KINDS
    return bool(field(event, "contactId") and field(event, "instanceArn"))


def read(detail: Mapping[object, object], known: KnownSources, origin: Origin) -> Change | Outcome:
    """Returns what a contact event changes."""
    instance = _INSTANCE.fullmatch(text(detail, "instanceArn"))
    contact = _contact(detail, "contactId")
    if instance is None or not contact:
        return Outcome.UNREADABLE
    where = (instance["account"], instance["region"], instance["id"])
    one = known.instances.get(where)
    if one is None or not origin.may_be(*where[:2]) or text(detail, "channel").upper() != "CHAT":
        return Outcome.FOREIGN
    kind = text(detail, "eventType")
    if kind in _ENDS:
        return _ended(detail, one, contact, origin.time)
    return _begun(detail, one, contact) if kind in _BEGINS else Outcome.UNKNOWN


def _ended(detail: Mapping[object, object], one: KnownInstance, contact: str, time: str) -> Change:
    ended_ms = time_ms(field(detail, "disconnectTimestamp")) or time_ms(time) or _MOVED_MS
    begun_ms = time_ms(field(detail, "initiationTimestamp"))
    seconds = (ended_ms - begun_ms) // 1000 if begun_ms else -1
    reason = text(detail, "disconnectReason")
    facts: dict[str, object] = {"legs": {contact: [ended_ms, reason if _REASON.fullmatch(reason) else ""]}}
    if answered_ms := _answered_ms(detail, ended_ms):
        facts["delivery"] = ["answered", answered_ms, "contact", ""]
    seconds = seconds if 0 <= seconds <= _MOST_SECONDS else -1
    return _change(detail, one, facts, Place(instance=one.id, contact=contact, has_ended=True, seconds=seconds))


def _begun(detail: Mapping[object, object], one: KnownInstance, contact: str) -> Change | Outcome:
    before = _contact(detail, "previousContactId")
    moves = before and before != contact and text(detail, "initiationMethod").upper() in _TRANSFERS
    if not moves and not one.counts_all:
        # Its own call tells all that this would: the chat is open.
        return Outcome.SAME
    begun_ms = time_ms(field(detail, "initiationTimestamp"))
    place = Place(
        instance=one.id,
        contact=contact,
        before=before if moves else "",
        until_ms=begun_ms + one.chat_ms if begun_ms else 0,
        count_all=one.counts_all,
    )
    facts = {"legs": {contact: [0, ""], before: [_MOVED_MS, ""]}} if moves else {}
    return _change(detail, one, facts, place)


def _change(detail: Mapping[object, object], one: KnownInstance, facts: Mapping[str, object], place: Place) -> Change:
    contact, first = place.contact, _contact(detail, "initialContactId")
    before = _contact(detail, "previousContactId")
    # Not `relatedContactId`: a call may name any contact as such, so it may be that of another job.
    contacts = tuple(dict.fromkeys(id_ for id_ in (contact, first, before) if id_))
    return Change(budgets=one.budgets, contacts=contacts, waits_at=first or before or contact, facts=facts, place=place)


def _answered_ms(detail: Mapping[object, object], ended_ms: int) -> int:
    """Returns when the customer wrote last; 0 if no metric proves that they wrote."""
    customer = field(field(detail, "chatMetrics"), "customerMetrics")
    sent = field(customer, "messagesSent")
    if isinstance(sent, bool) or not isinstance(sent, int) or sent < 1:
        return 0
    return time_ms(field(customer, "lastMessageTimestamp")) or ended_ms


def _contact(event: Mapping[object, object], name: str) -> str:
    value = text(event, name)
    return value if _CONTACT.fullmatch(value) else ""
