"""Which open chats of an instance to ask about, and what the answer means. Without any I/O.

The main idea: the older a chat has become since AWS last called it open, in proportion to its age then, the likelier it
has ended, whatever the usual lifetime is. So each is asked about again after a part of its age, chats that stay open
for hours don't hide the others, and of those that nobody asked about the oldest is first.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from outbound_chat.contact_events import KnownSources, read_event
from outbound_chat.model.contact_events import Change
from outbound_chat.model.times import to_ms
from outbound_chat_config import Sender

WHILE_FULL, WHILE_ROOM = 1.25, 2.0
"""How many times as old as when it was last asked about a chat must be: while no other chat may begin, and else."""
_NEW_MS = 10_000
"""Added to all ages: a second more says little of a chat that has just begun."""
_FIRST_YEAR = 1971


@dataclass(slots=True)
class _Chat:
    began_ms: int
    """The latest that it may have begun."""
    ends_ms: float
    asked_ms: int
    """When it was last asked about, or at first: when it was last known to be open."""

    def growth(self, now_ms: int) -> float:
        """Returns how many times as old it is as it was then."""
        return (now_ms - self.began_ms + _NEW_MS) / (self.asked_ms - self.began_ms + _NEW_MS)


class Suspects:
    """The open chats of an instance."""

    def __init__(self) -> None:
        """Begins with none."""
        self._chats: dict[str, _Chat] = {}
        # Those that were open before somebody looked may be asked about at once.
        self._before_ms = _NEW_MS // 2

    def next(self, chats: Iterable[tuple[str, float]], now_ms: int, least_growth: float) -> str | None:
        """Returns the chat that is likeliest to have ended; None: none has grown so much older.

        `chats`: the open ones, each with its assumed end. It counts as asked about.
        """
        known, asked_ms = self._chats, now_ms - self._before_ms
        self._chats = {contact: known.get(contact) or _Chat(now_ms, ends_ms, asked_ms) for contact, ends_ms in chats}
        self._before_ms = 0
        due = ((-chat.growth(now_ms), chat.ends_ms, contact) for contact, chat in self._chats.items())
        growth, _, contact = min(due, default=(0.0, 0.0, None))
        if contact is None or growth > -least_growth:
            return None
        # Whatever the answer: one about which AWS never gives any must not hide the others.
        self._chats[contact].asked_ms = now_ms
        return contact

    def age_ms(self, contact: str, now_ms: int, began: datetime | None = None) -> int:
        """Returns how old a chat of the last look is at least. `began`: when it began, if AWS said so."""
        chat = self._chats[contact]
        if began:
            chat.began_ms = min(chat.began_ms, to_ms(began))
        return now_ms - chat.began_ms


def changes_of(contact: Mapping[str, Any], sender: Sender, known: KnownSources) -> list[Change]:
    """Returns what the end of a contact changes, as an event would; empty: it has not ended.

    `contact`: as DescribeContact or SearchContacts describes it. The place of one that was transferred moves.
    """
    ended = contact.get("DisconnectTimestamp")
    if not isinstance(ended, datetime) or ended.year < _FIRST_YEAR:
        return []
    _, partition, _, region, account, *_ = sender.source.split(":")
    same = {"instanceArn": f"arn:{partition}:connect:{region}:{account}:instance/{sender.instance_id}"}
    same |= {"channel": "CHAT"}
    events = [
        {
            **same,
            "eventType": "INITIATED",
            "contactId": later["ContactId"],
            "previousContactId": contact["Id"],
            "initialContactId": contact.get("InitialContactId"),
            "initiationMethod": "TRANSFER",
            "initiationTimestamp": later.get("InitiationTimestamp"),
        }
        for one in contact.get("NextContacts", ())
        if (later := one.get("NextContactMetadata", {}).get("QuickConnectContactData", {})).get("ContactId")
    ]
    events.append({**contact, **same, "eventType": "DISCONNECTED", "contactId": contact["Id"]})
    found = (read_event(json.dumps(event, default=str), known) for event in events)
    # A search also finds contacts that are not ours: nothing of them is kept.
    return [
        replace(one, waits_at="", place=replace(one.place, asked=True))
        for one in found
        if isinstance(one, Change) and one.place
    ]
