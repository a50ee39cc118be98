"""Reads the facts of a job's contact from its record. What another program wrote there counts as nothing known."""

from typing import Any

from outbound_chat.model.contacts import SETTLED, UNKNOWN, Basis, ContactFact, Delivery, DeliveryState
from outbound_chat.model.times import LAST_MS, from_ms

_RANK = {state: rank for rank, state in enumerate(DeliveryState)}


def read_facts(facts: Any) -> tuple[ContactFact | None, Delivery]:
    """Returns what is known of the contact, None for nothing, and of the delivery."""
    if not isinstance(facts, dict):
        return None, UNKNOWN
    return _contact(facts.get("legs")), _delivery(facts.get("delivery"), facts.get("undelivered"))


def _contact(legs: Any) -> ContactFact | None:
    """A contact that was transferred has several legs, and has ended once all of them have."""
    found = [leg[:2] for leg in legs.values() if _is_leg(leg)] if isinstance(legs, dict) else []
    if not found:
        return None
    if any(ended_ms == 0 for ended_ms, _ in found):
        return ContactFact(open=True, ended_at=None, reason="")
    ended_ms, reason = max(found)
    return ContactFact(open=False, ended_at=from_ms(ended_ms), reason=reason)


def _is_leg(leg: Any) -> bool:
    return isinstance(leg, list) and len(leg) > 1 and _is_time(leg[0]) and isinstance(leg[1], str)


def _delivery(known: Any, undelivered: Any) -> Delivery:
    entries = [_entry(known), _entry([DeliveryState.UNDELIVERED, *undelivered] if isinstance(undelivered, list) else 0)]
    found = [entry for entry in entries if entry]
    if not found:
        return UNKNOWN
    state, at_ms, basis, code = max(found, key=lambda entry: _RANK[entry[0]])
    return Delivery(
        state=state,
        final=state in SETTLED,
        basis=basis,
        code=code,
        at=from_ms(at_ms),
        contradicted=entries[1] is not None and state is not DeliveryState.UNDELIVERED,
    )


def _entry(entry: Any) -> tuple[DeliveryState, float, Basis, str] | None:
    try:
        state, at_ms, basis, code = entry
        known = DeliveryState(state), at_ms, Basis(basis), code
    except (TypeError, ValueError):
        return None
    is_valid = _is_time(at_ms) and isinstance(code, str) and known[0] is not DeliveryState.UNKNOWN
    return known if is_valid else None


def _is_time(ms: Any) -> bool:
    return isinstance(ms, int | float) and not isinstance(ms, bool) and 0 <= ms <= LAST_MS
