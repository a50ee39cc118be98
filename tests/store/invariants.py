"""What must hold in Redis after every test, whatever the test did."""

import re
from collections import Counter
from typing import Any

from outbound_chat.jobs import FINAL, MOVES, JobState
from outbound_chat.store import KINDS, KeyKind, Lifetime
from outbound_chat.store.records import Place, read_head

from .ledger import Ledger

ENDS = tuple(sorted(state.value for state in FINAL))
COUNTED = ("waiting", "leased", *ENDS, "unreadable")


def check(ledger: Ledger) -> None:
    """Fails on broken books, a key that is not listed or has the wrong lifetime, and a move that is not allowed."""
    names = ledger.names()
    heads = _heads(ledger, names)
    _check_books(ledger, names, heads)
    _check_places(ledger, names, heads)
    _check_lifetimes(ledger, names, heads)
    ledger.watch()
    assert {move for move in ledger.moves if move[1] not in MOVES[move[0]]} == set()


def _heads(ledger: Ledger, names: list[str]) -> dict[str, list[Any]]:
    """Heads of all records but those that were set aside."""
    aside = set(ledger.redis.zrange(ledger.key("unreadable"), 0, -1))
    ids = [id_ for name in names if name.startswith("j:") and (id_ := name.removeprefix("j:")) not in aside]
    raws = ledger.redis.mget([ledger.key(f"j:{id_}") for id_ in ids]) if ids else []
    return {id_: read_head(raw.partition("\n")[0]) for id_, raw in zip(ids, raws, strict=True)}


def _check_books(ledger: Ledger, names: list[str], heads: dict[str, list[Any]]) -> None:
    books = Counter(ledger.books())
    assert books["accepted"] == sum(books[field] for field in COUNTED), books
    states = Counter(head[Place.STATE] for head in heads.values())
    assert (books["waiting"], books["leased"]) == (states["queued"], states["sending"]), books
    assert {state: books[state] for state in ENDS} == {state: states[state] for state in ENDS}
    batches: Counter[str] = Counter()
    for name in names:
        if name.startswith("b:"):
            book = Counter({f: int(v) for f, v in ledger.redis.hgetall(ledger.key(name)).items() if v.isdigit()})
            assert book["accepted"] == sum(book[field] for field in COUNTED), book
            rows = [head for id_, head in heads.items() if id_.startswith(name.removeprefix("b:"))]
            assert Counter(head[Place.STATE] for head in rows) == Counter(
                {
                    **{"queued": book["waiting"], "sending": book["leased"]},
                    **{state: book[state] for state in ENDS},
                }
            )
            batches.update({field: book[field] for field in COUNTED})
    assert all(batches[field] <= books[field] for field in COUNTED)


def _check_places(ledger: Ledger, names: list[str], heads: dict[str, list[Any]]) -> None:
    """Every open job stands in one place: its lane or the leases; every lane in one: the ring or `later`."""
    waiting: set[str] = set()
    for name in names:
        if name.startswith("lane:"):
            lane = name.removeprefix("lane:")
            priority, _, tenant, batch = lane.split(":")
            members = ledger.redis.zrange(ledger.key(name), 0, -1)
            waiting |= {f"{batch}-{member}" if batch else member for member in members}
            ring = f"ring:{priority}:{tenant}"
            places = (ledger.key("later"), ledger.key(ring))
            assert sum(ledger.redis.zscore(place, lane) is not None for place in places) == 1, lane
    assert waiting == {id_ for id_, head in heads.items() if head[Place.STATE] == "queued"}
    leased = {id_ for id_, head in heads.items() if head[Place.STATE] == "sending"}
    assert set(ledger.redis.zrange(ledger.key("leases"), 0, -1)) == leased
    assert set(ledger.redis.zrange(ledger.key("expiry"), 0, -1)) == waiting | leased
    _check_ring(ledger, names)


def _check_ring(ledger: Ledger, names: list[str]) -> None:
    of_tenants = {name for name in names if re.fullmatch(r"ring:\d:.*", name)}
    tenants = {
        f"{name}:{tenant}"
        for name in names
        if re.fullmatch(r"ring:\d", name)
        for tenant in ledger.redis.zrange(ledger.key(name), 0, -1)
    }
    assert tenants == of_tenants
    for name in [*of_tenants, "later"]:
        for lane in ledger.redis.zrange(ledger.key(name), 0, -1):
            assert f"lane:{lane}" in names, f"{lane} stands in {name} without a job"


_PATTERNS = [(re.compile(re.escape(kind.pattern).replace(r"\*", ".+")), kind) for kind in KINDS]


def _kind(name: str) -> KeyKind:
    found = [kind for pattern, kind in _PATTERNS if pattern.fullmatch(name)]
    assert len(found) == 1, f"{name} is one of {[kind.pattern for kind in found]} in KINDS"
    return found[0]


def _check_lifetimes(ledger: Ledger, names: list[str], heads: dict[str, list[Any]]) -> None:
    with ledger.redis.pipeline(transaction=False) as pipeline:
        for name in names:
            pipeline.type(ledger.key(name)).pttl(ledger.key(name))
        found = iter(pipeline.execute())
    for name, type_, ttl_ms in zip(names, found, found, strict=True):
        kind = _kind(name)
        assert type_ == kind.type, name
        ends = _is_final(ledger, name, heads) if kind.lifetime is Lifetime.FINAL else kind.lifetime is Lifetime.TTL
        assert (ttl_ms > 0) is ends, f"{name} has {ttl_ms} ms to live"
    for name in ("poke", "wake"):
        assert ledger.redis.llen(ledger.key(name)) <= 1


def _is_final(ledger: Ledger, name: str, heads: dict[str, list[Any]]) -> bool:
    kind, _, rest = name.partition(":")
    if kind == "b":
        # One that is open and has no job to send goes too, 30 days after the last.
        return not any(int(ledger.redis.hget(ledger.key(name), field) or 0) for field in ("waiting", "leased"))
    local_id = str(ledger.redis.get(ledger.key(name))).split()[0] if kind == "idem" else rest
    return local_id in heads and JobState(heads[local_id][Place.STATE]) in FINAL
