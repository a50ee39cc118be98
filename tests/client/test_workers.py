"""The workers of all budgets, as a program sees them."""

import asyncio
from collections.abc import Iterable
from typing import Any

import fakeredis

from outbound_chat import AsyncOutboundChat, OutboundChat, WorkerStatus
from outbound_chat.store import AsyncStore, Keys, Store, scripts
from tests.support.harness import sender

VALUES: dict[str, Any] = {"budgets": {"main": {}, "eu": {}}, "senders": {"support": sender()}}


def brief(found: Iterable[WorkerStatus]) -> list[tuple[str, str, bool]]:
    return [(one.budget, one.name, one.settings_agree) for one in found]


def test_workers_are_listed_for_each_budget_and_compared_within_it() -> None:
    """Of two with one file none is wrong, however different the budgets are; both clients say so."""
    server = fakeredis.FakeServer()
    store = Store("redis://", client=fakeredis.FakeRedis(server=server, decode_responses=True))

    async def ask() -> list[WorkerStatus]:
        client = fakeredis.FakeAsyncRedis(server=server, decode_responses=True)
        async with AsyncOutboundChat(store=AsyncStore("redis://", client=client), **VALUES) as chat:
            return await chat.workers()

    with OutboundChat(store=store, **VALUES) as chat:
        assert chat.workers() == []
        for budget, name, version in (("main", "b", "v1"), ("main", "a", "v1"), ("eu", "a", "v3"), ("eu", "b", "v4")):
            store.run(scripts.maintain(Keys("oc", budget), worker=name, version=version))
        found = chat.workers()

    assert brief(found) == [("eu", "a", False), ("eu", "b", False), ("main", "a", True), ("main", "b", True)]
    assert asyncio.run(ask()) == found
