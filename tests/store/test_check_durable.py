"""The script that marks a connection, and the waits that follow on the same one; also on a cluster."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from outbound_chat.store import AsyncStore, scripts

from .ledger import Ledger

PATIENCE_MS = 60_000
SHORT_MS = 100


@pytest.mark.parametrize("fsync", ["no", "always"])
def test_the_disk_is_asked_on_the_connection_that_left_the_mark(ledger: Ledger, fsync: str) -> None:
    """A connection that wrote nothing is told at once that everything is safe; so is none without a mark."""
    ids = ledger.add(3)
    patience_ms = PATIENCE_MS if fsync == "always" else SHORT_MS
    before = ledger.redis.config_get("appendfsync")["appendfsync"]
    ledger.redis.config_set("appendfsync", fsync)
    call = scripts.check_durable(ledger.keys, local_ids=ids, timeout_ms=patience_ms)
    try:
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda _: ledger.store.run(call), range(8)))
    finally:
        ledger.redis.config_set("appendfsync", before)

    assert {one.on_disk for one in found} == {fsync == "always"}
    assert {(one.lost, one.online, one.refusal) for one in found} == {(False, 0, None)}


def test_what_is_gone_is_told(ledger: Ledger) -> None:
    (local_id,) = ledger.add(1)

    assert not ledger.run(scripts.check_durable(ledger.keys, local_ids=[local_id])).lost
    assert ledger.run(scripts.check_durable(ledger.keys, local_ids=[local_id, "gone"])).lost
    assert ledger.run(scripts.check_durable(ledger.keys, batch="gone", accepted=1)).lost


def test_a_cluster_is_asked_by_asyncio_too(ledger: Ledger, cluster_url: str) -> None:
    """The wait must go to the node that has the slot, on one connection, many at a time."""

    async def walk() -> None:
        store = AsyncStore(cluster_url, ledger.keys.prefix, seconds=PATIENCE_MS / 1000)
        call = scripts.check_durable(ledger.keys, timeout_ms=SHORT_MS)
        found = await asyncio.gather(*(store.run(call) for _ in range(8)))
        assert [one.refusal for one in found] == [None] * 8
        assert (await store.run(scripts.read_clock(ledger.keys))) > 0
        await store.close()

    asyncio.run(walk())
