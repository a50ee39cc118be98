"""What must hold in Redis after every test, whatever the test did."""

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from outbound_chat.model.jobs import FINAL, MOVES, JobState
from outbound_chat.store import KINDS, KeyKind, Lifetime
from outbound_chat.store.records import Field, read_head

from .ledger import KEEP_MS, Ledger

ENDS = tuple(sorted(state.value for state in FINAL))
COUNTED = ("waiting", "leased", *ENDS, "unreadable")
LISTS = {"listed", "by_number:*", "lifetimes:*", "history"}


@dataclass(frozen=True, slots=True)
class Held:
    """What one key holds, and how long it lives."""

    type: str
    ttl_ms: int
    value: Any
    """Text, a list of members, or a dict of fields; members of a zset come without scores."""


Snapshot = dict[str, Held]
"""All keys of the budget, by name without their common part."""

PARTS = ("lane", "timed", "retry")
"""Zsets of a lane."""
ORDER_DIGITS = 16
"""Of a single job's number, which leads its members of `timed` and `again`."""

_READ = {
    "string": lambda pipeline, key: pipeline.get(key),
    "hash": lambda pipeline, key: pipeline.hgetall(key),
    "list": lambda pipeline, key: pipeline.lrange(key, 0, -1),
    "set": lambda pipeline, key: pipeline.smembers(key),
    "stream": lambda pipeline, key: pipeline.xlen(key),
    "zset": lambda pipeline, key: pipeline.zrange(key, 0, -1),
}


def check(ledger: Ledger) -> Snapshot:
    """Fails on broken counts, a key that is not listed or has the wrong lifetime, and a move that is not allowed."""
    held = _snapshot(ledger)
    heads = heads_of(held)
    _check_counts(held, heads)
    _check_places(held, heads)
    _check_ring(held)
    _check_lanes(held)
    _check_list(held, ledger.latest_ms())
    _check_lifetimes(held, heads)
    _check_calls(held, heads, ledger)
    ledger.watch()
    assert {move for move in ledger.moves if move[1] not in MOVES[move[0]]} == set()
    return held


def _snapshot(ledger: Ledger) -> Snapshot:
    names = ledger.names()
    with ledger.redis.pipeline(transaction=False) as pipeline:
        for name in names:
            pipeline.type(ledger.key(name)).pttl(ledger.key(name))
        answers = pipeline.execute()
        # Some live for a moment only, and end between one look and the next.
        found = [
            (name, *seen) for name, *seen in zip(names, answers[::2], answers[1::2], strict=True) if seen[0] != "none"
        ]
        names, types, lives = (list(part) for part in zip(*found, strict=True)) if found else ([], [], [])
        for name, type_ in zip(names, types, strict=True):
            _READ[type_](pipeline, ledger.key(name))
        values = pipeline.execute()
    return {name: Held(*found) for name, *found in zip(names, types, lives, values, strict=True)}


def _members(held: Snapshot, name: str) -> list[str]:
    return list(held[name].value) if name in held else []


def heads_of(held: Snapshot) -> dict[str, list[Any]]:
    """Heads of all records but those that were set aside."""
    aside = _members(held, "unreadable")
    records = {name.removeprefix("j:"): found.value for name, found in held.items() if name.startswith("j:")}
    return {id_: read_head(raw.partition("\n")[0]) for id_, raw in records.items() if id_ not in aside}


def _numbers(book: dict[str, str]) -> Counter[str]:
    return Counter({field: int(value) for field, value in book.items() if value.lstrip("-").isdigit()})


def _check_counts(held: Snapshot, heads: dict[str, list[Any]]) -> None:
    counts = {"": _numbers(held["counts"].value)} if "counts" in held else {}
    counts |= {name.removeprefix("b:"): _numbers(held[name].value) for name in held if name.startswith("b:")}
    for batch, book in counts.items():
        assert book["accepted"] == sum(book[field] for field in COUNTED), book
        states = Counter(head[Field.STATE] for id_, head in heads.items() if id_.startswith(batch))
        counted = {"queued": book["waiting"], "sending": book["leased"], **{state: book[state] for state in ENDS}}
        assert states == Counter(counted), f"of {batch or 'the budget'}"


def id_of(part: str, batch: str, member: str) -> str:
    """The job that a member of a lane's zset is."""
    own = member if part == "lane" else member[1 if batch else ORDER_DIGITS :]
    return f"{batch}-{own}" if batch else own


def _has_jobs(held: Snapshot, lane: str) -> bool:
    return any(f"{part}:{lane}" in held for part in PARTS)


def _check_places(held: Snapshot, heads: dict[str, list[Any]]) -> None:
    """Every open job stands in one place: a part of its lane or the leases; every lane: ring, `delayed` or a gate."""
    waiting: set[str] = set()
    kept: dict[str, str] = held["blocked"].value if "blocked" in held else {}
    assert all(_has_jobs(held, lane) for lane in kept)
    for name in held:
        part, _, lane = name.partition(":")
        if part in PARTS:
            priority, _, tenant, batch = lane.split(":")
            ids = {id_of(part, batch, member) for member in _members(held, name)}
            assert not ids & waiting, f"jobs stand in two parts of {lane}"
            waiting |= ids
            places = ["delayed", f"ring:{priority}:{tenant}"]
            if scope := kept.get(lane):
                places.append(f"blocked:{scope}:{priority}:{tenant}")
            assert sum(lane in _members(held, place) for place in places) == 1, lane
            assert (lane in _members(held, places[-1])) or not scope, lane
    assert waiting == {id_ for id_, head in heads.items() if head[Field.STATE] == "queued"}
    leased = {id_ for id_, head in heads.items() if head[Field.STATE] == "sending"}
    assert set(_members(held, "leases")) == leased
    assert set(_members(held, "expiry")) == waiting | leased


def _check_ring(held: Snapshot) -> None:
    of_tenants = {name for name in held if re.fullmatch(r"ring:\d:.*", name)}
    tenants = {f"ring:{p}:{tenant}" for p in (1, 2, 3) for tenant in _members(held, f"ring:{p}")}
    assert tenants == of_tenants
    gates = {name for name in held if re.fullmatch(r"blocked:[^:]+:[^:]+:\d:.*", name)}
    behind = {
        f"{name}:{tenant}"
        for name in held
        if re.fullmatch(r"blocked:[^:]+:[^:]+:\d", name)
        for tenant in held[name].value
    }
    assert gates == behind
    for name in [*of_tenants, *gates, "delayed"]:
        for lane in _members(held, name):
            if lane.startswith("@"):
                continue
            assert _has_jobs(held, lane), f"{lane} stands in {name} without a job"


def _check_calls(held: Snapshot, heads: dict[str, list[Any]], ledger: Ledger) -> None:
    """Each call counts once: a contact as the job that it sent, others by outcome and code. Each claim has waited."""
    assert ledger.calls == (_numbers(held["calls"].value) if "calls" in held else {})
    waits = _numbers(held["waits"].value) if "waits" in held else Counter()
    claims = sum(number for field, number in waits.items() if not field.endswith(":ms"))
    assert claims >= sum(head[Field.ATTEMPTS] for head in heads.values())


def _check_lanes(held: Snapshot) -> None:
    """The count of each lane is what the lane holds, and what can't be repaired is gone."""
    jobs: Counter[str] = Counter()
    for name in held:
        part, _, lane = name.partition(":")
        if part in PARTS:
            jobs[lane] += len(held[name].value)
    counted = held["lanes"].value if "lanes" in held else {}
    assert jobs == {lane: int(number) for lane, number in counted.items()}
    assert "faults" not in held, held["faults"].value


def _check_list(held: Snapshot, latest_ms: int) -> None:
    """Every batch stands in one part of the list, as long as it has its book.

    Books end by the server's clock. Where a test moves that of the scripts on, the list may have let one go before.
    """
    final = {
        name.removeprefix("b:"): int(found.value.get("final_at", 0))
        for name, found in held.items()
        if name.startswith("b:") and found.type == "hash" and "created_at" in found.value
    }
    keep_ms = int(held["settings"].value["keep_ms"]) if "settings" in held else KEEP_MS
    past = {batch for batch, at in final.items() if at and at + keep_ms <= latest_ms}
    for part, wanted, may_lack in (("open_batches", False, set[str]()), ("ended_batches", True, past)):
        listed = set(_members(held, part)) & final.keys()
        due = {batch for batch, at in final.items() if bool(at) is wanted}
        assert due - may_lack <= listed <= due, part


_PATTERNS = [(re.compile(re.escape(kind.pattern).replace(r"\*", ".+")), kind) for kind in KINDS]


def _kind(name: str) -> KeyKind:
    found = [kind for pattern, kind in _PATTERNS if pattern.fullmatch(name)]
    assert len(found) == 1, f"{name} is one of {[kind.pattern for kind in found]} in KINDS"
    return found[0]


def _check_lifetimes(held: Snapshot, heads: dict[str, list[Any]]) -> None:
    aside = _members(held, "unreadable")
    for name, found in held.items():
        kind = _kind(name)
        if name.removeprefix("j:") in aside:
            continue
        assert found.type == kind.type, name
        ends = _is_final(held, name, heads) if kind.lifetime is Lifetime.FINAL else kind.lifetime is Lifetime.TTL
        assert (found.ttl_ms >= 0) is ends, f"{name} has {found.ttl_ms} ms to live"
        assert found.type != "list" or len(found.value) == 1 or kind.pattern in LISTS


def _is_final(held: Snapshot, name: str, heads: dict[str, list[Any]]) -> bool:
    kind, _, rest = name.partition(":")
    found = held[name]
    if kind == "opened":
        return _is_final(held, f"b:{found.value.split()[0]}", heads)
    if kind == "b":
        # One that is open and has no job to send goes too, 30 days after the last.
        book = _numbers(found.value)
        return book["waiting"] + book["leased"] == 0
    local_id = found.value.split()[0] if kind == "idem" else rest
    return local_id in heads and JobState(heads[local_id][Field.STATE]) in FINAL
