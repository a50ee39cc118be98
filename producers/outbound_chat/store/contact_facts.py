"""Reads the facts of a job's contact from its record. What another program wrote there counts as nothing known."""

from datetime import datetime
from typing import Any

from outbound_chat.model.contacts import SETTLED, UNKNOWN, Basis, ContactFact, Delivery, DeliveryState
from outbound_chat.model.times import LAST_MS, from_ms


def read_facts(facts: Any) -> tuple[ContactFact | None, Delivery]:
    """Returns what is known of the contact, None for nothing, and of the delivery."""
    if not isinstance(facts, dict):
        return None, UNKNOWN
    return _contact(facts.get("legs")), _delivery(facts.get("delivery"), facts.get("undelivered"))


def _contact(legs: Any) -> ContactFact | None:
    """A contact that was transferred has several legs, and has ended once all of them have."""
    found = [leg[:2] for leg in (legs.values() if isinstance(legs, dict) else ()) if _is_leg(leg)]
    if not found:
        return None
    is_open = any(ended_ms == 0 for ended_ms, _ in found)
    ended_ms, reason = (0, "") if is_open else max(found)
    return ContactFact(open=is_open, ended_at=_time(ended_ms), reason=reason)


def _time(ms: float) -> datetime | None:
    """Events that don't tell their time have 0, or 1 for the end of a contact, since 0 is an open one."""
    return from_ms(int(ms)) if ms > 1 else None


def _is_leg(leg: Any) -> bool:
    if not (isinstance(leg, list) and len(leg) > 1 and isinstance(leg[1], str)):
        return False
    return isinstance(leg[0], int | float) and not isinstance(leg[0], bool) and 0 <= leg[0] <= LAST_MS


def _delivery(known: Any, undelivered: Any) -> Delivery:
    try:
        state, at_ms, basis, code = known
        state, basis, at = DeliveryState(state), Basis(basis), _time(at_ms)
    except (TypeError, ValueError, OverflowError, OSError):
        return UNKNOWN
    if state is DeliveryState.UNKNOWN or not isinstance(code, str):
        return UNKNOWN
    contradicted = bool(undelivered) and state is not DeliveryState.UNDELIVERED
    return Delivery(state=state, final=state in SETTLED, basis=basis, code=code, at=at, contradicted=contradicted)
