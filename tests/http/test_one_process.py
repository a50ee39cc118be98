"""Callers who hang up when all that they sent has come, and long bodies: what would hold up the service for others.

The service runs in this process, so that the caller has gone at a known moment, right behind the request, and its loop
can be looked at.
"""

import asyncio
import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis

from outbound_chat.client import OutboundChat
from outbound_chat.client.api_keys import ApiKeys
from outbound_chat.http import create_app
from outbound_chat.model.api_keys import NewApiKey, Scope
from outbound_chat.store import Store, scripts
from outbound_chat.store.scripts import Outcome
from outbound_chat_config import Settings
from outbound_chat_worker.local.embedded import EmbeddedServer
from tests.guards.counting import Commands
from tests.store.ledger import Ledger, lane
from tests.support.harness import number, sender

THEIRS = 5_000
HELD = MINE = 60


class Threads(ThreadPoolExecutor):
    """What the loop hands on to other threads, counted."""

    work = 0

    def submit(self, *work: Any, **options: Any) -> Any:
        """Runs it."""
        self.work += 1
        return super().submit(*work, **options)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # as its base has it
        """Stays: the next loop has the same."""


class Stage:
    """A ledger in which most is another tenant's, and a service that is asked by one with a key for its own."""

    def __init__(self, url: str, store: Store, server: Any) -> None:
        self.redis = server
        self.threads = Threads()
        self.settings = Settings.from_values(redis_url=url, senders={"support": sender()})
        self.token, _ = ApiKeys(store).create(NewApiKey(name="mine", scopes=tuple(Scope), tenant="mine"))
        ledger = Ledger(store, server)
        ledger.configure()
        with OutboundChat.from_settings(self.settings) as chat:
            mine = [{"to": number(row), "text": "x"} for row in range(MINE)]
            chat.enqueue_batch(mine, sender="support", tenant="mine")
            self.fail(ledger, MINE)
            ledger.add(THEIRS, lane=lane(sender="support", tenant="theirs"), watched=False)
            self.fail(ledger, THEIRS)
            for _ in range(HELD):
                held = chat.enqueue_batch([{"to": number(1)}], sender="support", tenant="theirs")
                chat.hold(batch=held.id, reason="r")

    @staticmethod
    def fail(ledger: Ledger, jobs: int) -> None:
        while jobs:
            taken = ledger.take(min(jobs, scripts.MOST_JOBS))
            results = [
                scripts.Result(local_id=id_, claim=taken.claim, outcome=Outcome.FAILED, code="x") for id_ in taken.ids
            ]
            ledger.run(scripts.finish(ledger.keys, results))
            jobs -= len(results)

    def ask(self, method: str, path: str, body: bytes, *, stays: bool) -> int:
        """Sends a request; the status of its answer, 0 where there is none."""
        head = {"host": "127.0.0.1", "authorization": f"Bearer {self.token}", "content-type": "application/json"}
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "path": path,
        }
        scope |= {"raw_path": path.encode(), "query_string": b"", "root_path": "", "scheme": "http", "client": None}
        scope |= {"headers": [(name.encode(), value.encode()) for name, value in head.items()]}
        coming: list[dict[str, Any]] = [{"type": "http.request", "body": body, "more_body": False}]
        answers: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            if not coming and stays:
                await asyncio.Event().wait()
            return coming.pop() if coming else {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            answers.append(message)

        async def walk() -> None:
            asyncio.get_running_loop().set_default_executor(self.threads)
            app = create_app(self.settings)
            async with app.router.lifespan_context(app):
                await app({**scope, "app": app}, receive, send)  # type: ignore[arg-type]  # plain dicts, as servers give

        asyncio.run(walk())
        return int(answers[0]["status"]) if answers else 0


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    server = EmbeddedServer(tmp_path_factory.mktemp("valkey"), fsync="no")
    try:
        with Store(server.url) as store, redis.Redis(port=server.port, decode_responses=True) as client:
            yield Stage(server.url, store, client)
    finally:
        server.stop()


@pytest.mark.parametrize(("path", "least"), [("/v1/dead-letters", 10), ("/v1/holds", HELD)])
def test_work_in_many_round_trips_ends_when_its_caller_has_gone(
    stage: Stage, caplog: pytest.LogCaptureFixture, path: str, least: int
) -> None:
    """A key with limits may have little among much of others: each request that was given up would read it all."""
    caplog.set_level(logging.INFO, "outbound_chat.http.access")
    counted = Commands(stage.redis)
    assert stage.ask("GET", path, b"", stays=False) == 0
    for_nobody = counted.scripts()
    assert " 499 " in caplog.text
    counted = Commands(stage.redis)
    assert stage.ask("GET", path, b"", stays=True) == 200
    assert for_nobody <= counted.scripts() - least // 2


@pytest.mark.parametrize(("size", "threads"), [(100, 0), (60_000, 0), (70_000, 1), (900_000, 1)])
def test_long_bodies_are_parsed_beside_the_loop(stage: Stage, size: int, threads: int) -> None:
    """A megabyte takes as long as a hundred requests, which would all wait for it."""
    body = json.dumps({"ids": [], "budget": "x" * size}).encode()
    before = stage.threads.work
    assert stage.ask("POST", "/v1/webhooks/replay", body, stays=True) == 400
    assert stage.threads.work - before == threads
