"""Looks at what Redis holds of a budget, and at the servers that hold it: for operators and tests.

Not for the way of a job: these reads are commands of Redis, not scripts. Each raises `StoreError` as a call does.
"""

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any, Literal, NamedTuple

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
    """Jobs by state, of all that the budget ever accepted; fields that another program wrote are left out."""
    found = store.ask(lambda redis: redis.hgetall(keys.counts))
    return {field: int(count) for field, count in found.items() if count and is_count(count)}


def foreign_keys(store: Store, keys: Keys) -> list[str]:
    """Keys of the budget that have another type than ours, so that another program wrote them."""
    kinds = {f"{keys.base}{kind.pattern}": kind.type for kind in KINDS if "*" not in kind.pattern}
    found = _types(store, kinds)
    if found[keys.senders] == kinds[keys.senders]:
        senders = store.ask(lambda redis: redis.hkeys(keys.senders))
        lists = {keys.base + part + name: "hash" for name in senders for part in _LISTS}
        kinds |= lists
        found |= _types(store, lists)
    return [name for name, type_ in found.items() if type_ not in {"none", kinds[name]}]


def _types(store: Store, names: Collection[str]) -> dict[str, str]:
    """All with one round trip: there are two lists for each sender."""

    def types(redis: Any) -> list[str]:
        pipeline = redis.pipeline(transaction=False)
        for name in names:
            pipeline.type(name)
        return list(pipeline.execute())

    return dict(zip(names, store.ask(types), strict=True))


def faults(store: Store, keys: Keys) -> dict[str, int]:
    """What does not add up, as the wakers noted it: `kind:` with the lane or job → by how much."""
    return {name: int(number) for name, number in store.ask(lambda redis: redis.hgetall(keys.faults)).items()}


def worker_versions(store: Store, keys: Keys) -> dict[str, str]:
    """Workers seen within the last 10 s → version of the budget's settings that each was started with."""
    members = store.ask(lambda redis: redis.zrange(keys.workers, 0, -1))
    return dict(member.rsplit(" ", 1) for member in members)


def shared_node_names(store: Store, keys: Keys) -> set[str]:
    """Celery node names that two workers have, of those seen within the last 3 s: a dead one has been replaced."""
    seen = store.ask(lambda redis: redis.zrange(keys.workers, 0, -1, withscores=True))
    newest = max((ms for _, ms in seen), default=0)
    # Workers of older versions call themselves host:process.
    names = Counter(member.rsplit(":", 2)[0] for member, ms in seen if "@" in member and ms > newest - 3_000)
    return {name for name, workers in names.items() if workers > 1}


def skewed_workers(store: Store, keys: Keys) -> dict[str, float]:
    """Workers seen within the last 10 s that claim nothing → seconds that the clock of their machine is ahead."""
    members = store.ask(lambda redis: redis.zrange(keys.skewed, 0, -1))
    return {worker: int(ms) / 1000 for worker, ms in (member.rsplit(" ", 1) for member in members)}


def unanswered_requests(store: Store, keys: Keys) -> int:
    """How often wakers asked for a pump since the last one came; 0 where one is at work."""
    asked = store.ask(lambda redis: redis.hget(keys.requests, "needed"))
    return int(asked) if asked and is_count(asked) and not store.run(read_budget(keys, [])).pumps else 0


def forget_worker(store: Store, keys: Keys, worker: str, version: str, key_ids: Sequence[str]) -> None:
    """Takes a worker that ends off the lists."""
    store.ask(lambda redis: redis.zrem(keys.workers, f"{worker} {version}"))
    if key_ids:
        store.ask(lambda redis: redis.zrem(keys.openers, *(f"{worker} {name}" for name in key_ids)))


def budget_settings(store: Store, keys: Keys) -> dict[str, str]:
    """The settings of the budget that the scripts obey, `rate` and `burst` among them; empty: none were written."""
    settings: dict[str, str] = store.ask(lambda redis: redis.hgetall(keys.settings))
    return settings


class Rates(NamedTuple):
    """Calls a second; zeros while nothing was sent."""

    now: float
    ceiling: float


def rates(store: Store, keys: Keys) -> Rates:
    """How fast the budget goes."""
    rate, ceiling = store.ask(lambda redis: redis.hmget(keys.bucket, "rate", "ceiling"))
    try:
        return Rates(float(rate or 0), float(ceiling or 0))
    except ValueError:
        # Another program wrote there; the next result sets them again.
        return Rates(0.0, 0.0)


@dataclass(slots=True)
class Audited:
    """How far an audit has come, and what it found."""

    jobs: int = 0
    """Records that were read, final ones among them."""
    lanes: int = 0
    findings: list[Finding] = field(default_factory=list)


def audit_budget(store: Store, keys: Keys) -> Iterator[Audited]:
    """Reads everything that Redis holds of a budget, and yields the same growing result after every some hundred keys.

    It asks for every key once, with SCAN. Work may go on meanwhile: each job and each lane is judged in one script.
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
        _audit(store, keys, "jobs", sorted(jobs), found)
        _audit(store, keys, "lanes", sorted(lanes), found)
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
    """The answer to INFO, empty where it is refused, and `clock_skew`: seconds that this machine's clock is ahead."""
    config: dict[str, Any]
    """How the server keeps jobs, by the names of its configuration; empty where CONFIG is refused."""
    away: str = ""
    """Why it gives no answer; empty if it does."""


def read_servers(store: Store) -> list[Server]:
    """All servers that hold jobs. Managed services and ACL users may refuse INFO and CONFIG.

    Raises:
        StoreUnavailable: the only one gives no answer, or no node of the cluster does.
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
            # By the rights of this user, or by a managed service, which has taken the command away.
            return {}

    return store.ask(ask)
