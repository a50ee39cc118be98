"""What is known of a job after it was sent: whether its contact has ended, and whether the message arrived.

Both stand beside the job's state, which they never change. They come from events that AWS delivers late, twice, in any
order, or not at all, so most of what is known of an SMS is `unknown`. Evidence is only ever replaced by stronger
evidence:

    unknown < pending < carrier < no_receipt < undelivered < delivered < read < answered
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class DeliveryState(StrEnum):
    """What is known of the delivery of a message, from the weakest evidence to the strongest."""

    UNKNOWN = "unknown"
    """No receipt has come that names this contact. It says neither that the message arrived nor that it did not."""
    PENDING = "pending"
    """AWS or WhatsApp has the message."""
    CARRIER = "carrier"
    """The carrier accepted the message, and may still report more."""
    NO_RECEIPT = "no_receipt"
    """AWS reported that the carrier never said what became of the message. It may have arrived."""
    UNDELIVERED = "undelivered"
    """A receipt says that the message did not arrive; `code` says why."""
    DELIVERED = "delivered"
    """A receipt says that the message arrived; where its `basis` is `carrier`, the carrier's last word."""
    READ = "read"
    """A receipt says that the customer read the message."""
    ANSWERED = "answered"
    """The customer wrote in the contact."""


SETTLED = frozenset(DeliveryState) - {DeliveryState.UNKNOWN, DeliveryState.PENDING, DeliveryState.CARRIER}
ARRIVED = frozenset({DeliveryState.DELIVERED, DeliveryState.READ, DeliveryState.ANSWERED})


class Basis(StrEnum):
    """How it is known that a receipt belongs to a job."""

    NONE = "none"
    """There is no receipt."""
    CONTACT = "contact"
    """The event has the ContactId of the job."""
    CONTEXT = "context"
    """The `context` of the receipt names the ContactId or the job."""
    CARRIER = "carrier"
    """As `context`, and only the carrier accepted the message: many countries and short codes never report more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactFact:
    """Whether the contact of a job has ended, according to the contact events of Amazon Connect."""

    open: bool
    """Whether the contact, or one that it was transferred to, is still open."""
    ended_at: datetime | None
    """When it ended; None while it is open, or if no event tells."""
    reason: str
    """Why it ended, in the words of Amazon Connect, such as `CUSTOMER_DISCONNECT`; empty: it was not reported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What is known of the delivery of a message."""

    state: DeliveryState
    """The strongest evidence. `unknown` means neither delivered nor failed."""
    final: bool
    """Whether it is settled: only stronger evidence changes it, such as `delivered` into `read`."""
    basis: Basis
    """How it is known that the receipt belongs to this job."""
    code: str
    """Why it is `undelivered`, such as `carrier_blocked`; empty otherwise, or if it was not reported."""
    at: datetime | None
    """When it happened, by the clock of AWS; None if it is `unknown`, or if the receipt does not tell."""
    contradicted: bool
    """Whether another receipt says that the message did not arrive. The stronger evidence counts."""


UNKNOWN = Delivery(state=DeliveryState.UNKNOWN, final=False, basis=Basis.NONE, code="", at=None, contradicted=False)
WHY_UNKNOWN = "no receipt names this contact, and Amazon Connect itself does not report whether a message arrives"
