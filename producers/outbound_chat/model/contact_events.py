"""What an event about a contact changes: a value, the same for every door through which events come."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias


class Outcome(StrEnum):
    """What became of an event."""

    CHANGED = "changed"
    """It told something new about a job, freed the place of a chat, or is a receipt that names no job and counts."""
    SAME = "same"
    """It told nothing new: it came before, or it is of a kind that changes nothing."""
    UNMATCHED = "unmatched"
    """It is about a contact that no job is known to have started. The result of the call may not be recorded yet."""
    LATE = "late"
    """The record of its job is gone; see `results.keep`."""
    FOREIGN = "foreign"
    """It is of another account, Region, instance or channel than the senders of the settings."""
    UNKNOWN = "unknown"
    """Its kind is none that outbound-chat reads."""
    UNREADABLE = "unreadable"
    """It is not a JSON object, or a field of it is missing or invalid."""


Facts: TypeAlias = Mapping[str, object]
"""What an event says of a contact. Scripts merge it into what is known, whatever the order of the events:

    {"legs": {"<ContactId>": [ended_ms, reason]}, "delivery": [state, at_ms, basis, code]}

`legs`: contacts of the chat, of which a transfer adds one; `ended_ms` is 0 while it is open. Both keys may be missing.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The place of a chat that ended or began, among those that its instance may have open."""

    instance: str
    contact: str
    has_ended: bool = False
    seconds: int = -1
    """How long the contact lasted, if it has ended and the event tells; -1: unknown."""
    before: str = ""
    """The contact from which the chat was transferred, whose place it takes."""
    until_ms: int = 0
    """When the chat ends at the latest, if no event reports its end."""
    count_all: bool = False
    """Whether chats count that no job started."""
    asked: bool = False
    """Whether this is what AWS answered when it was asked, since no event came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A receipt of a message that a number sent."""

    number: str
    """Source number."""
    kind: str
    """Kind, such as `TEXT_DELIVERED`."""
    hour_ms: int
    """Beginning of the hour in which the message was sent; 0: unknown."""
    message: str
    """Id of the message."""
    refused: bool = False
    """Whether it was blocked, spam or invalid."""
    parts: int = 0
    """Parts of the message; 0: unknown."""
    price: int = 0
    """Its price in millionths of a US dollar; 0: unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What one event changes."""

    budgets: Sequence[str]
    """Budgets whose job it may be about."""
    contacts: Sequence[str] = ()
    """ContactIds that it names, its own first, then those that it continues."""
    values: Sequence[str] = ()
    """Texts that may be a ContactId or the id of a job, if it names no contact."""
    waits_at: str = ""
    """ContactId with which the facts wait until a job is known to have started it; empty: they don't wait."""
    facts: Facts = field(default_factory=dict)
    place: Place | None = None
    receipt: Receipt | None = None
    """What counts for a source number, whether or not a job is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactEventStatus:
    """What is known of the contact events of a budget."""

    budget: str
    records_contacts: bool
    """Whether calls are recorded with their contacts, so that later events find their jobs."""
    outcomes: Mapping[str, int]
    """How many events had each `Outcome` since the budget exists. An event that came again counts again; one that waits
    in the queue counts as `unmatched` only once it is given up."""
    matched: Mapping[str, int]
    """How many events found their job, by what it was found: `contact` or `context`."""
    last_events: Mapping[str, datetime | None]
    """Instance of a sender → when its last event about a chat was applied; None: never."""
    open_chats: Mapping[str, int]
    """Instance of a sender → its open chats, if they are counted."""
    lasted_seconds: Mapping[str, float] = field(default_factory=dict)
    """Instance of a sender → how long its chats lasted on average, while events come and if 20 were seen."""
