"""Checks, for wakers and audits, that every job is where a claim reaches it, and that the counts add up."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from outbound_chat.model.consistency import FindingKind
from outbound_chat.store.keys import Keys
from outbound_chat.store.scripts._reply import rows
from outbound_chat.store.scripts._script_call import ScriptCall


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that the reconciler or an audit found."""

    word: Literal["repaired", "fault", "cleared"]
    """What happened to it: it was repaired, it can only be reported, or it is gone."""
    kind: FindingKind
    of: str
    """The job's local id, the lane or the tenant; empty: the whole budget."""
    number: int
    """By how much a count is off."""


@dataclass(frozen=True, slots=True)
class Reconciled:
    """The result of one run of the reconciler."""

    next_ms: int
    """Time to the next run."""
    repairs: int
    """How many repairs were made."""
    found: tuple[Finding, ...]
    """The first repairs, and the faults."""


def reconcile(keys: Keys, *, lease_ms: int) -> ScriptCall[Reconciled]:
    """Checks some lanes and jobs, repairs what would be stuck, and reports counts that do not add up.

    `lease_ms`: the lease that a running call without one is given.
    """

    def read(reply: list[Any]) -> Reconciled:
        found = tuple(Finding(word, FindingKind(kind), of, int(number)) for word, kind, of, number in rows(reply, 2, 4))
        return Reconciled(int(reply[0]), int(reply[1]), found)

    return ScriptCall("reconcile", keys, [lease_ms], read)


def audit(keys: Keys, *, what: Literal["budget", "lanes", "jobs"], names: Sequence[str]) -> ScriptCall[list[Finding]]:
    """Checks the counts of a budget, or some lanes or jobs, at most `MOST_JOBS`; changes nothing."""

    def read(reply: list[Any]) -> list[Finding]:
        return [Finding("fault", FindingKind(kind), of, int(number)) for kind, of, number in rows(reply, 0, 3)]

    return ScriptCall("audit", keys, [what, *names], read)
