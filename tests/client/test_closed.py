"""A client that was closed says so, whatever is asked of it."""

import asyncio
import inspect
import sys
from collections.abc import AsyncIterator, Awaitable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import redis

from outbound_chat import AsyncOutboundChat, ClientClosed, FileKey, OutboundChat, OutboundChatError
from outbound_chat.client.closing import Closable
from outbound_chat_worker.local.embedded import embedded_server
from tests.client.conftest import VALUES
from tests.support.harness import number
from tests.support.waiting import wait_until

ID = "main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR"
JOB: dict[str, Any] = {"sender": "support", "to": number(1), "text": "Hello"}
CALLS: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "enqueue": ((), JOB),
    "enqueue_request": ((), {"InstanceId": "x"}),
    "enqueue_many": (([JOB],), {}),
    "status": ((ID,), {}),
    "statuses": (([ID],), {}),
    "jobs": ((), {}),
    "each_job": ((), {}),
    "why": ((ID,), {}),
    "cancel": ((ID,), {}),
    "cancel_jobs": (([ID],), {}),
    "wait": ((ID,), {}),
    "enqueue_batch": (([JOB],), {"sender": "support"}),
    "preflight_batch": (([JOB],), {"sender": "support"}),
    "batch": ((ID,), {}),
    "wait_batch": ((ID,), {}),
    "batches": ((), {}),
    "each_batch": ((), {}),
    "batch_jobs": ((ID,), {}),
    "each_batch_job": ((ID,), {}),
    "earlier_batches": ((), {"sender": "support", "batch_key": FileKey("x")}),
    "is_file_of": ((ID, FileKey("x")), {}),
    "cancel_batch": ((ID,), {}),
    "cancel_batch_jobs": ((ID,), {"rows": "1-5"}),
    "cancel_tenant": (("acme",), {}),
    "cancel_sender": (("support",), {}),
    "dead_letters": ((), {}),
    "each_dead_letter": ((), {}),
    "count_dead": ((), {}),
    "replay": ((ID,), {}),
    "replay_all": ((), {}),
    "start_replay": ((), {}),
    "actions": ((), {}),
    "stop_action": ((ID,), {}),
    "hold": ((), {"reason": "x", "sender": "support"}),
    "release": ((), {"sender": "support"}),
    "holds": ((), {}),
    "contact_closed": (("x",), {}),
    "ingest_contact_events": (([],), {}),
    "contact_event_status": ((), {}),
    "budgets": ((), {}),
    "history": ((), {}),
    "lanes": ((), {}),
    "workers": ((), {}),
    "receipts": ((), {}),
    "events": ((), {}),
    "each_event": ((), {}),
    "suppress": (([number(1)],), {"sender": "support"}),
    "unsuppress": (([number(1)],), {"sender": "support"}),
    "suppressed": ((), {"sender": "support"}),
    "suppressed_page": ((), {"sender": "support"}),
    "rewrite_suppressed": ((), {"sender": "support"}),
    "webhook_hosts": ((), {}),
    "dead_webhooks": ((), {}),
    "replay_webhooks": (([],), {}),
    "replay_all_webhooks": ((), {}),
    "ping": ((), {}),
}


def test_every_method_is_asked() -> None:
    public = {name for name, one in vars(OutboundChat).items() if inspect.isfunction(one) and name[0] != "_"}
    assert CALLS.keys() == public - {"close"}


@pytest.mark.parametrize("method", CALLS)
def test_a_method_of_a_closed_client_raises_one_error(chat: OutboundChat, method: str) -> None:
    """It would connect again, and that connection would never be closed."""
    chat.close()
    chat.close()
    given, named = CALLS[method]
    ask = getattr(chat, method)
    # An iterator begins when it is read.
    with pytest.raises(ClientClosed, match="create another one"):
        list(ask(*given, **named))
    assert issubclass(ClientClosed, OutboundChatError)


def test_a_closed_client_for_asyncio_does_the_same() -> None:
    async def ask(chat: AsyncOutboundChat, method: str) -> None:
        given, named = CALLS[method]
        found = getattr(chat, method)(*given, **named)
        if isinstance(found, Awaitable):
            await found
        elif isinstance(found, AsyncIterator):
            async for _ in found:
                pass

    async def walk() -> None:
        async with AsyncOutboundChat(**VALUES) as chat:
            pass
        await chat.close()
        for method in CALLS:
            with pytest.raises(ClientClosed):
                await ask(chat, method)

    asyncio.run(walk())


def test_other_names_are_still_missing_as_ever() -> None:
    chat = OutboundChat(**VALUES)
    for _ in range(2):
        assert not hasattr(chat, "nosuch")
        with pytest.raises(AttributeError, match="'OutboundChat' object has no attribute 'sned'"):
            chat.sned()  # type: ignore[attr-defined]  # misspelt by intention
        chat.close()


def test_what_a_subclass_keeps_stays() -> None:
    chat = OutboundChat(**VALUES)
    vars(chat)["mine"] = "kept"
    chat.close()
    assert vars(chat) == {"mine": "kept"}


def test_of_threads_that_close_a_client_at_once_one_closes_it() -> None:
    """Each step of one close is followed by all of another, as a thread that takes its turn would do it."""
    inner = Closable._take.__code__
    for turn in range(200):
        chat, left = OutboundChat(**VALUES), turn

        def step(frame: FrameType, event: str, _: object) -> Any:
            nonlocal left
            frame.f_trace_opcodes = frame.f_code is inner
            left -= event == "opcode"
            if left < 0 and frame.f_code is inner:
                chat.close()  # noqa: B023  # called in this turn
            return step if frame.f_code is inner else None

        before = sys.gettrace()
        sys.settrace(step)
        try:
            chat.close()
        finally:
            sys.settrace(before)
        if left >= 0:
            break
        with pytest.raises(ClientClosed):
            chat.ping()
    assert 0 < turn < 199, "each step of it had its turn"


def test_who_waits_while_the_client_is_closed_learns_it(tmp_path: Path) -> None:
    """Not only when the time-out is over, which may be hours."""

    async def walk(url: str, look: redis.Redis) -> None:
        chat = AsyncOutboundChat(redis_url=url, redis_timeout=60, **VALUES)
        job = await chat.enqueue(**JOB)
        waits = [asyncio.create_task(chat.wait(job.id, timeout=600)) for _ in range(3)]
        subscribed = partial(look.pubsub_channels, f"*{job.id.partition('.')[2]}*")
        await asyncio.to_thread(wait_until, subscribed, timeout=60, what="the subscription")
        await chat.close()
        outcomes = await asyncio.gather(*waits, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {ClientClosed}

    with (
        embedded_server(tmp_path / "valkey") as server,
        redis.Redis.from_url(server.url) as look,
    ):
        asyncio.run(walk(server.url, look))
