"""What a page asks of Redis is the same for a store with twenty jobs and for one with thousands."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest

from outbound_chat.client import OutboundChat
from outbound_chat.client.api_keys import ApiKeys
from outbound_chat.model.api_keys import NewApiKey, Scope
from outbound_chat.store import Store
from tests.browser.stack import INVALID, OF_ACME, OTHER, TEXT
from tests.guards.counting import Commands
from tests.support.asgi import running_app
from tests.support.harness import Harness, number
from tests.support.receiver import Receiver
from tests.support.waiting import wait_until

BATCHES, BATCH_SIZE, FAILED = 150, 20, 600


class Asked(NamedTuple):
    """What a page asks of Redis."""

    trips: int
    """Reads of the server: what is asked at once comes with one."""
    scripts: int


Bounds = Mapping[str, Asked]
ALL: Bounds = {
    "": Asked(34, 13),  # with what the doctor finds, every five seconds, over two connections of its own
    "batches": Asked(2, 21),
    f"batches?tenant={OTHER}": Asked(2, 21),
    "batches?open=1": Asked(2, 21),
    "batches/{batch}": Asked(1, 2),
    "batches/{batch}?state=queued": Asked(1, 2),
    "jobs/{waiting}": Asked(1, 1),
    "jobs/{failed}": Asked(1, 1),
    "dead": Asked(2, 2),
    # 10,000 are looked at, 500 at a time.
    "dead?sender=chat": Asked(20, 20),
    "actions": Asked(1, 1),
    "holds": Asked(1, 1),
    "suppression": Asked(0, 0),
    "webhooks": Asked(2, 2),
    "workers": Asked(30, 9),
    "keys": Asked(1, 1),
    "send": Asked(0, 0),
    "upload": Asked(0, 0),
    "audit": Asked(1, 0),
}
OF_A_TENANT: Bounds = {
    "batches": Asked(2, 21),
    "batches/{batch}": Asked(2, 3),
    "jobs/{waiting}": Asked(2, 2),
    "dead": Asked(20, 20),
    "actions": Asked(1, 1),
    # A script for each batch that is held; a hundred of them are more than the server reads at once.
    "holds": Asked(6, 3 + BATCHES),
    "webhooks": Asked(2, 2),
    "send": Asked(0, 0),
}
THE_KEY = 1
"""The key may be due to be read again."""


@pytest.mark.parametrize(("tenant", "bounds"), [(None, ALL), (OF_ACME, OF_A_TENANT)])
def test_a_page_asks_the_same_of_a_small_and_of_a_large_store(
    stack: Harness, server: Any, tenant: str | None, bounds: Bounds
) -> None:
    with Store(stack.server.url) as store:
        token, _ = ApiKeys(store).create(NewApiKey(name="guard", scopes=tuple(Scope), tenant=tenant))
    stack.configure(webhooks={"secrets": ["whsec_" + "A" * 32], "allow_private": True})
    ids = fill(stack, batches=2, failed=2)
    few = {path: asked(stack, server, token, path.format_map(ids)) for path in bounds}
    fill(stack, batches=BATCHES, failed=FAILED)
    many = {path: asked(stack, server, token, path.format_map(ids)) for path in bounds}
    for path, (trips, scripts) in bounds.items():
        for found in (few[path], many[path]):
            assert found.trips <= trips + THE_KEY, path
            assert found.scripts <= scripts + THE_KEY, path


def asked(stack: Harness, server: Any, token: str, path: str) -> Asked:
    """What a process asks for the page that it shows first."""
    with running_app(stack.settings, token=token) as app:
        assert app.ask("GET", "/v1/jobs").status == 200  # it knows the key now
        counted, before = Commands(server), server.info("stats")["total_reads_processed"]
        answer = app.ask("GET", f"/ui/{path}".removesuffix("/"))
        trips = server.info("stats")["total_reads_processed"] - before - 1  # that one
        assert answer.status == 200
        return Asked(trips, counted.scripts())


def fill(stack: Harness, batches: int, failed: int) -> dict[str, str]:
    """Jobs that failed, with webhooks that were given up, then batches on hold; ids for paths."""
    worker, chat = stack.start_worker(), stack.chat()
    with Receiver() as receiver:
        receiver.respond = lambda _: (410, {})
        row = {"to": INVALID, "callback_url": receiver.url}
        lost = chat.enqueue_batch([row] * failed, sender="support", text=TEXT, tenant=OTHER)
        own = chat.enqueue_batch([row], sender="support", text=TEXT, tenant=OF_ACME)
        for one in (lost, own):
            chat.wait_batch(one.id, 300)
        wait_until(lambda: given_up(chat) >= min(failed, 500), timeout=300, what="dead webhooks")
    worker.terminate()
    worker.wait(60)
    held = [hold_batch(chat, index) for index in range(batches)]
    chat.start_replay(budget="main", tenant=OF_ACME)
    return {"batch": held[0], "waiting": f"{held[0]}-1", "failed": f"{own.id}-1"}


def given_up(chat: OutboundChat) -> int:
    return len(chat.dead_webhooks(limit=500))


def hold_batch(chat: OutboundChat, index: int) -> str:
    """A batch of each tenant, and one of a new tenant, in turn."""
    rows = ({"to": number(index * BATCH_SIZE + row)} for row in range(BATCH_SIZE))
    tenant, sender = (OF_ACME, OTHER, f"tenant-{index}")[index % 3], ("support", "chat")[index % 2]
    return chat.enqueue_batch(rows, sender=sender, tenant=tenant, text=TEXT, hold="until it is looked at").id
