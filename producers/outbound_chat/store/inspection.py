"""Reads the data of a budget in Redis, and the state of the servers, for operators and tests.

Nothing here is on the path of a job: these reads are commands of Redis, not scripts. Like calls, they raise
`StoreError`.
"""

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any, Literal

from redis.exceptions import ResponseError

from outbound_chat.model.errors import StoreUnavailable
from outbound_chat.store.keys import KINDS, Keys
from outbound_chat.store.scripts import Finding, audit, is_count, read_budget
from outbound_chat.store.store import Store

ASKED = ("appendfsync", "save", "maxmemory-policy", "cluster-enabled", "cluster-require-full-coverage")
_PAGE = 200
_SPECIAL = str.maketrans({char: f"\\{char}" for char in "*?[]\\"})
_LISTS = ("suppressed:", "suppressed_enc:")


def counts(store: Store, keys: Keys) -> dict[str, int]:
    """Counts all jobs that the budget has accepted, by state; leaves out fields that another program wrote."""
    found = store.ask(lambda redis: redis.hgetall(keys.counts))
    return {field: int(count) for field, count in found.items() if field != "last_order" and count and is_count(count)}


def foreign_keys(store: Store, keys: Keys) -> list[str]:
    """Returns the budget's keys that do not have our type, so that another program must have written them."""
    kinds = {f"{keys.base}{kind.pattern}": kind.type for kind in KINDS if "*" not in kind.pattern}
    found = _types(store, kinds)
    if found[keys.senders] == kinds[keys.senders]:
        senders = store.ask(lambda redis: redis.hkeys(keys.senders))
        lists = {keys.base + part + name: "hash" for name in senders for part in _LISTS}
        kinds |= lists
        found |= _types(store, lists)
    return [name for name, type_ in found.items() if type_ not in {"none", kinds[name]}]


def _types(store: Store, names: Collection[str]) -> dict[str, str]:
    """Reads all types in one round trip: there are two lists for each sender."""

    def types(redis: Any) -> list[str]:
        pipeline = redis.pipeline(transaction=False)
        for name in names:
            pipeline.type(name)
        return list(pipeline.execute())

    return dict(zip(names, store.ask(types), strict=True))


def faults(store: Store, keys: Keys) -> dict[str, int]:
    """Returns the faults that wakers have found: `kind:`, then the lane or job → by how much a count is off."""
    return {name: int(number) for name, number in store.ask(lambda redis: redis.hgetall(keys.faults)).items()}


def shared_node_names(store: Store, keys: Keys) -> set[str]:
    """Returns the Celery node names that two workers have. It reads the last 3 s: a dead worker has been replaced."""
    seen = store.ask(lambda redis: redis.zrange(keys.workers, 0, -1, withscores=True))
    newest = max((ms for _, ms in seen), default=0)
    # Workers of older versions have the name host:process.
    names = Counter(member.rsplit(":", 2)[0] for member, ms in seen if "@" in member and ms > newest - 3_000)
    return {name for name, workers in names.items() if workers > 1}


def unanswered_requests(store: Store, keys: Keys) -> int:
    """Counts the requests for a pump since the last one started; 0 while one works."""
    asked = store.ask(lambda redis: redis.hget(keys.requests, "needed"))
    return int(asked) if asked and is_count(asked) and not store.run(read_budget(keys, [])).pumps else 0


def forget_worker(store: Store, keys: Keys, worker: str, version: str, key_ids: Sequence[str]) -> None:
    """Removes a worker that ends from the lists."""
    store.ask(lambda redis: redis.zrem(keys.workers, f"{worker} {version}"))
    if key_ids:
        store.ask(lambda redis: redis.zrem(keys.openers, *(f"{worker} {name}" for name in key_ids)))


def budget_settings(store: Store, keys: Keys) -> dict[str, str]:
    """Returns the settings of the budget that the scripts use, such as `rate` and `burst`; empty: it has none."""
    settings: dict[str, str] = store.ask(lambda redis: redis.hgetall(keys.settings))
    return settings


@dataclass(slots=True)
class Audited:
    """How far an audit has come, and what it found."""

    jobs: int = 0
    """Records that were read, including final ones."""
    lanes: int = 0
    findings: list[Finding] = field(default_factory=list)


def audit_budget(store: Store, keys: Keys) -> Iterator[Audited]:
    """Reads everything that Redis holds of a budget; yields the same growing result after every few hundred keys.

    It reads every key once, with SCAN. Work may continue meanwhile: one script checks a whole job or lane.
    """
    found = Audited()
    found.findings = store.run(audit(keys, what="budget", names=[]))
    yield found
    known: set[str] = set()
    for names in _pages(_names(store, keys)):
        jobs = {name.removeprefix("j:") for name in names if name.startswith("j:")}
        # A lane may have lost its keys, or its count: both are still lanes.
        lanes = {name.partition(":")[2] for name in names if not name.startswith("j:")} - known
        known |= lanes
        _audit(store, keys, "jobs", sorted(jobs), found)
        _audit(store, keys, "lanes", sorted(lanes), found)
        yield found


def _pages(names: Iterable[str]) -> Iterator[list[str]]:
    left = iter(names)
    while page := list(islice(left, _PAGE)):
        yield page


def _names(store: Store, keys: Keys) -> Iterator[str]:
    """Yields the names of lanes and records; a name may come twice."""
    for lane in store.ask(lambda redis: redis.hkeys(keys.lanes)):
        yield f"lane:{lane}"
    for name in _scan(store, f"{keys.base.translate(_SPECIAL)}*"):
        short = name.removeprefix(keys.base)
        if short.startswith(("j:", "lane:", "timed:", "retry:")):
            yield short


def _scan(store: Store, match: str) -> Iterator[str]:
    """Yields the names of the keys of all servers. Each page is a call of its own, with its own deadline."""
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
    # A cluster returns the name of the node with its cursor.
    return (next(iter(cursor.values())) if isinstance(cursor, dict) else cursor), names


def _audit(store: Store, keys: Keys, what: Literal["lanes", "jobs"], names: Sequence[str], found: Audited) -> None:
    if names:
        found.findings += [one for one in store.run(audit(keys, what=what, names=names)) if one not in found.findings]
        setattr(found, what, getattr(found, what) + len(names))


@dataclass(frozen=True, slots=True)
class Server:
    """One server that holds jobs: the only one, or a primary of a cluster."""

    name: str
    """Host and port; empty for the only one."""
    info: dict[str, Any]
    """The answer to INFO, empty if it is refused; and `clock_skew`: seconds by which this machine's clock is ahead."""
    config: dict[str, Any]
    """How the server keeps jobs, by the names of its configuration; empty if CONFIG is refused."""
    away: str = ""
    """Why it does not answer; empty if it does."""


def read_servers(store: Store) -> list[Server]:
    """Returns all servers that hold jobs. Managed services and ACL users may refuse INFO and CONFIG.

    Raises:
        StoreUnavailable: the only server, or every node of the cluster, does not answer.
    """
    if not store.clustered:
        return [_read_server(store, "")]
    found = []
    for node in store.ask(lambda redis: redis.get_primaries()):
        try:
            found.append(_read_server(store, node.name, target_nodes=node))
        except StoreUnavailable as error:
            found.append(Server(node.name, {}, {}, str(error)))
    return found


def _read_server(store: Store, name: str, **where: Any) -> Server:
    def skew(redis: Any) -> float:
        seconds, micros = redis.time(**where)
        return time.time() - float(seconds) - float(micros) / 1_000_000

    info = {**_unless_refused(store, lambda redis: redis.info(**where)), "clock_skew": store.ask(skew)}
    return Server(name, info, _unless_refused(store, lambda redis: redis.config_get(*ASKED, **where)))


def _unless_refused(store: Store, question: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
    def ask(redis: Any) -> dict[str, Any]:
        try:
            return question(redis)
        except ResponseError:
            # This user lacks the permission, or a managed service has removed the command.
            return {}

    return store.ask(ask)
