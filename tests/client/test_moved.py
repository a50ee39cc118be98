"""A sender that is given another budget while jobs of it wait in the one it had: nothing it must keep to is lost."""

from collections.abc import Callable, Iterator
from typing import Any

import fakeredis
import pytest

from outbound_chat import OutboundChat, SettingsError
from outbound_chat.doctor.moved_senders import moved_checks
from outbound_chat.model.diagnostics import Level
from outbound_chat.store import Store, scripts
from outbound_chat.store.scripts import Claimed
from outbound_chat_config import Settings
from outbound_chat_worker.runtime import Runtime
from tests.support.harness import INSTANCE_ID, number, sender

Open = Callable[..., OutboundChat]


@pytest.fixture
def opened(redis: fakeredis.FakeRedis) -> Iterator[Open]:
    """Opens clients whose settings give the sender `support` some budget."""
    clients: list[OutboundChat] = []

    def open_client(budget: str = "eu", **changes: Any) -> OutboundChat:
        clients.append(OutboundChat(store=Store("redis://", client=redis), **values(budget, **changes)))
        return clients[-1]

    yield open_client
    for client in clients:
        client.close()


def values(budget: str, **changes: Any) -> dict[str, Any]:
    return {
        "budgets": {"main": {}, "eu": {}, "idle": {}},
        "senders": {"support": sender(budget=budget, **changes), "other": sender(budget="main", instance_id="i" * 36)},
    }


def _held(chat: OutboundChat) -> list[tuple[str, str]]:
    return sorted((hold.budget, hold.scope) for hold in chat.holds())


def test_its_limits_hold_where_its_jobs_wait(redis: fakeredis.FakeRedis, opened: Open) -> None:
    """A flow that bears one call at a time must not get ten because a file was edited."""
    before = opened("main")
    for index in range(3):
        before.enqueue(sender="support", to=number(index), text="Hello")
    store = Store("redis://", client=redis)
    runtime = Runtime(Settings.from_values(**values("eu", concurrency=1)))
    runtime.store = store
    runtime.configure("main")

    call = scripts.claim(store.keys("main"), pump="p", claim_id="p:1", wanted=3, lease_ms=30_000, linger_ms=0, nonce="")
    answer = store.run(call)
    assert isinstance(answer, Claimed)
    assert len(answer.jobs) == 1


@pytest.mark.parametrize("scope", [{"sender": "support"}, {"instance": INSTANCE_ID}], ids=["sender", "instance"])
def test_a_hold_stops_its_jobs_where_they_wait(opened: Open, scope: dict[str, str]) -> None:
    """Whoever stops a sender means all of its jobs, and no budget in which it has none."""
    opened("main").enqueue(sender="support", to=number(1), text="Hello")
    chat = opened("eu")
    (kind,) = scope
    chat.hold(**scope, reason="wrong text")
    assert _held(chat) == [("eu", kind), ("main", kind)]

    assert chat.release(**scope)
    assert not chat.release(**scope)
    assert _held(chat) == []


def test_a_hold_from_before_can_be_released(opened: Open) -> None:
    """Else it would be listed for ever, and nothing could end it; a sender may be removed, too."""
    opened("main").hold(sender="support", reason="wrong text")
    opened("main").hold(sender="other", reason="wrong text")

    assert opened("eu").release(sender="support")
    with OutboundChat(store=opened()._store, budgets={"main": {}}, senders={"support": sender()}) as chat:
        assert chat.release(sender="other")
        with pytest.raises(SettingsError, match="other"):
            chat.release(sender="other")
        assert _held(chat) == []


def test_a_number_that_opts_out_is_not_called_by_jobs_of_before(redis: fakeredis.FakeRedis, opened: Open) -> None:
    """STOP means now, whatever budget a job waits in; and a number that is taken off again is off everywhere."""
    before = opened("main")
    job = before.enqueue(sender="support", to=number(1), text="Hello")
    chat = opened("eu")
    assert chat.suppress([number(1)], sender="support", reason="STOP") == 1
    assert [entry.number for entry in before.suppressed(sender="support")] == [number(1)]
    assert not redis.exists("oc:{idle}:suppressed:support")

    assert chat.unsuppress([number(1)], sender="support") == 1
    assert list(before.suppressed(sender="support")) == []
    before.cancel(job.id)


def test_its_list_comes_along_with_a_command(opened: Open) -> None:
    """A sender without its list would text those who said STOP."""
    opened("main").suppress([number(1), number(2)], sender="support", reason="STOP")
    chat = opened("eu")
    assert list(chat.suppressed(sender="support")) == []
    chat.suppress([number(2)], sender="support", reason="asked by phone")

    assert chat.rewrite_suppressed(sender="support") == 2
    found = {entry.number: entry.reason for entry in chat.suppressed(sender="support")}
    assert found == {number(1): "STOP", number(2): "asked by phone"}


def test_doctor_says_that_the_list_was_left_behind(redis: fakeredis.FakeRedis, opened: Open) -> None:
    """Until it is copied, those who said STOP are texted from the new budget."""
    opened("main").suppress([number(1), number(2)], sender="support")
    chat = opened("eu")
    store, settings = Store("redis://", client=redis), Settings.from_values(**values("eu"))
    (check,) = moved_checks(settings, store)
    assert (check.subject, check.level) == ("suppression list of support", Level.FAULT)
    assert "2 numbers in its former budget main" in check.finding
    assert "rewrite-suppressed --sender support" in check.advice

    chat.rewrite_suppressed(sender="support")
    assert list(moved_checks(settings, store)) == []
