"""Magic destinations: numbers that always lead to the same trouble, like the test cards of payment providers.

They lie in the range +1 202 555 0100 to 0199, which is kept for fiction: no phone rings, should one ever slip into a
real campaign (https://nationalnanpa.com, "555 line numbers"). Any other number is accepted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

from ._faults import Fault, FaultKind


@dataclass(frozen=True, slots=True)
class MagicDestination:
    """A number and what happens to calls for it."""

    number: str
    fault: Fault
    first_call_only: bool = False
    """Only the first call with a given ClientToken goes wrong; a repeat with that token does not."""


def _always(last_two: str, kind: FaultKind) -> MagicDestination:
    return MagicDestination(f"+120255501{last_two}", Fault(kind))


def _first_call(last_two: str, kind: FaultKind, delay: timedelta | None = None) -> MagicDestination:
    return MagicDestination(f"+120255501{last_two}", Fault(kind, delay=delay), first_call_only=True)


_TABLE = (
    _always("40", FaultKind.INVALID),
    _always("41", FaultKind.EXPIRED_TOKEN),
    _always("42", FaultKind.THROTTLING),
    _always("43", FaultKind.ACCESS_DENIED),
    _always("44", FaultKind.NOT_FOUND),
    _always("45", FaultKind.LIMIT_EXCEEDED),
    _first_call("46", FaultKind.THROTTLING),
    _first_call("47", FaultKind.CONFLICT),
    _always("49", FaultKind.CONFLICT),
    _always("50", FaultKind.INTERNAL_ERROR),
    _first_call("51", FaultKind.INTERNAL_ERROR),
    _first_call("52", FaultKind.HANG_UP_AFTER_ACCEPTING),
    _first_call("53", FaultKind.LATE, timedelta(seconds=3)),
    _first_call("54", FaultKind.LATE, timedelta(seconds=90)),
    _first_call("55", FaultKind.INTERNAL_ERROR_AFTER_ACCEPTING),
    _first_call("56", FaultKind.HANG_UP),
    _first_call("57", FaultKind.GARBAGE),
    _first_call("58", FaultKind.UNAVAILABLE),
    _always("59", FaultKind.HANG_UP_AFTER_ACCEPTING),
)

MAGIC_DESTINATIONS: Mapping[str, MagicDestination] = MappingProxyType({row.number: row for row in _TABLE})
