"""Reads everything that Redis holds of a budget, and says what does not belong together.

For operators, not for the way of a job: it asks for every key once, with SCAN. Work may go on meanwhile, since each job
and each lane is judged in one script.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import batched
from typing import Literal

from outbound_chat.store.calls import Finding, audit
from outbound_chat.store.connection import translated
from outbound_chat.store.keys import Keys
from outbound_chat.store.store import Store

_PAGE = 200
_SPECIAL = str.maketrans({char: f"\\{char}" for char in "*?[]\\"})


@dataclass(slots=True)
class Audited:
    """How far an audit has come, and what it found."""

    jobs: int = 0
    """Records that were read, final ones among them."""
    lanes: int = 0
    findings: list[Finding] = field(default_factory=list)


def audit_budget(store: Store, keys: Keys) -> Iterator[Audited]:
    """Audits one budget: gives the same growing result after every some hundred keys."""
    found = Audited()
    found.findings += store.run(audit(keys, what="budget", names=[]))
    with translated():
        counted = store.redis.hkeys(keys.lanes)
    for page in batched(counted, _PAGE):
        _look(store, keys, "lanes", page, found)
        yield found
    known = set(counted)
    for names in batched(_names(store, keys), _PAGE):
        _look(store, keys, "jobs", [name.removeprefix("j:") for name in names if name.startswith("j:")], found)
        lanes = {name.partition(":")[2] for name in names if not name.startswith("j:")} - known
        _look(store, keys, "lanes", sorted(lanes), found)
        known |= lanes
        yield found


def _names(store: Store, keys: Keys) -> Iterator[str]:
    """Names of records and lanes. A key may come twice."""
    with translated():
        for name in store.redis.scan_iter(match=f"{keys.base.translate(_SPECIAL)}*", count=1000):
            short = name.removeprefix(keys.base)
            if short.startswith(("j:", "lane:", "again:")):
                yield short


def _look(store: Store, keys: Keys, what: Literal["lanes", "jobs"], names: Sequence[str], found: Audited) -> None:
    if names:
        found.findings += [one for one in store.run(audit(keys, what=what, names=names)) if one not in found.findings]
        setattr(found, what, getattr(found, what) + len(names))
