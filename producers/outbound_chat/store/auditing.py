"""Reads everything that Redis holds of a budget, and says what does not belong together.

For operators, not for the way of a job: it asks for every key once, with SCAN. Work may go on meanwhile, since each job
and each lane is judged in one script.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any, Literal

from outbound_chat.store.keys import Keys
from outbound_chat.store.scripts import Finding, audit
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
    """Audits one budget: gives the same growing result after every some hundred keys.

    Raises:
        StoreError: Redis can't be reached or refuses.
    """
    found = Audited()
    found.findings = store.run(audit(keys, what="budget", names=[]))
    yield found
    known: set[str] = set()
    for names in _pages(_names(store, keys)):
        jobs = {name.removeprefix("j:") for name in names if name.startswith("j:")}
        # A lane may have no key any more, or not be counted: both are lanes.
        lanes = {name.partition(":")[2] for name in names if not name.startswith("j:")} - known
        known |= lanes
        _look(store, keys, "jobs", sorted(jobs), found)
        _look(store, keys, "lanes", sorted(lanes), found)
        yield found


def _pages(names: Iterable[str]) -> Iterator[list[str]]:
    left = iter(names)
    while page := list(islice(left, _PAGE)):
        yield page


def _names(store: Store, keys: Keys) -> Iterator[str]:
    """Names of lanes and records. One may come twice."""
    for lane in store.ask(lambda redis: redis.hkeys(keys.lanes)):
        yield f"lane:{lane}"
    for name in _scan(store, f"{keys.base.translate(_SPECIAL)}*"):
        short = name.removeprefix(keys.base)
        if short.startswith(("j:", "lane:", "timed:", "retry:")):
            yield short


def _scan(store: Store, match: str) -> Iterator[str]:
    """Names of the keys of all servers. Each page is a call of its own, as bounded as any other."""
    nodes = store.ask(lambda redis: redis.get_primaries()) if store.clustered else [None]
    for node in nodes:
        where = {"target_nodes": node} if node else {}
        cursor = 0
        while True:
            page = partial(_scan_page, cursor=cursor, match=match, **where)
            cursor, names = store.ask(page)
            yield from names
            if not cursor:
                break


def _scan_page(redis: Any, **asked: Any) -> tuple[int, list[str]]:
    cursor, names = redis.scan(count=1000, **asked)
    # A cluster names the node beside its cursor.
    return (next(iter(cursor.values())) if isinstance(cursor, dict) else cursor), names


def _look(store: Store, keys: Keys, what: Literal["lanes", "jobs"], names: Sequence[str], found: Audited) -> None:
    if names:
        found.findings += [one for one in store.run(audit(keys, what=what, names=names)) if one not in found.findings]
        setattr(found, what, getattr(found, what) + len(names))
