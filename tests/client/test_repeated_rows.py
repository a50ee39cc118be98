"""Rows that are given again when their time has passed: the same idempotency key gives the same job."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import fakeredis
import pytest
import time_machine

from outbound_chat import InvalidJob, OutboundChat
from outbound_chat.store import ScriptCall, Store
from outbound_chat.testing import InMemoryOutboundChat
from tests.client.conftest import VALUES
from tests.support.harness import number, sender
from tests.support.waiting import T

DAY = timedelta(days=1)


class TellingStore(Store):
    """A store that notes which scripts it was asked to run."""

    def __init__(self, redis: fakeredis.FakeRedis) -> None:
        super().__init__("redis://", client=redis)
        self.ran: list[str] = []

    def run(self, call: ScriptCall[T]) -> T:
        self.ran.append(call.script)
        return super().run(call)

    def begin(self, call: ScriptCall[T]) -> Callable[[], T]:
        self.ran.append(call.script)
        return super().begin(call)


def rows_due(count: int, **due: datetime) -> list[Any]:
    """Rows with a key and a time each."""
    return [{"to": number(row), "idempotency_key": f"row-{row}", **due} for row in range(count)]


@pytest.mark.parametrize("name", ["send_at", "expires_at"])
@pytest.mark.parametrize("key", [None, "another"])
def test_rows_that_are_repeated_when_their_time_has_passed_are_duplicates(
    chat: OutboundChat, name: str, key: str | None
) -> None:
    """A nightly job that runs again the next morning must not report all that went well as rejected."""
    rows = rows_due(3, **{name: datetime.now(UTC) + timedelta(hours=1)})
    chat.enqueue_batch(rows, sender="support", text="Hello")
    with time_machine.travel(datetime.now(UTC) + DAY):
        again = chat.enqueue_batch(rows, sender="support", text="Hello", batch_key=key)
        assert (again.accepted, again.rejected, again.duplicates) == (0, 0, 3)
        other = chat.enqueue_batch(rows, sender="support", text="Goodbye", batch_key=key and f"{key} one")
        assert [one.errors[0].code for one in other.rejections] == ["idempotency_conflict"] * 3


@pytest.mark.parametrize("key", [None, "another"])
def test_only_rows_that_were_taken_before_may_have_passed(chat: OutboundChat, key: str | None) -> None:
    """A new row with last year's date is a slip, whatever is around it. Rejections come in the order of the rows."""
    due = datetime.now(UTC) + timedelta(hours=1)
    taken = rows_due(2, send_at=due)
    chat.enqueue_batch(taken, sender="support")
    new: Any = {"to": number(9), "idempotency_key": "new"}
    broken = {**taken[1], "to": "12"}
    keyless = {"to": number(9), "send_at": due}
    rows = [{**new, "send_at": due}, taken[0], broken, keyless, taken[1], {**new, "to": "12"}, new]
    with time_machine.travel(datetime.now(UTC) + DAY):
        receipt = chat.enqueue_batch(rows, sender="support", batch_key=key)
        assert [(one.row, one.errors[0].field) for one in receipt.rejections] == [
            (1, "send_at"),
            (3, "send_at"),
            (4, "send_at"),
            (6, "to"),
        ]
        assert (receipt.accepted, receipt.duplicates) == (1, 2)
        assert chat.preflight_batch(rows, sender="support").rejected == 6, "it asks for no keys"


def test_a_key_of_another_tenant_is_none(chat: OutboundChat) -> None:
    """Keys are known to one tenant."""
    rows = rows_due(2, send_at=datetime.now(UTC) + timedelta(hours=1))
    chat.enqueue_batch(rows, sender="support", tenant="shop")
    with time_machine.travel(datetime.now(UTC) + DAY):
        assert chat.enqueue_batch(rows, sender="support").rejected == 2
        assert chat.enqueue_batch(rows, sender="support", tenant="shop").duplicates == 2


def test_a_batch_that_is_resumed_knows_its_rows_and_those_of_others(chat: OutboundChat) -> None:
    """Rows are judged by the time at which the batch began, and jobs of other batches are known by their keys."""
    due = datetime.now(UTC) + timedelta(hours=1)
    rows = rows_due(700, send_at=due)
    chat.enqueue_batch(rows[600:650], sender="support")

    def broken_off() -> Iterator[Any]:
        yield from rows[:550]
        raise ConnectionError

    with pytest.raises(ConnectionError):
        chat.enqueue_batch(broken_off(), sender="support", batch_key="k")
    with time_machine.travel(datetime.now(UTC) + DAY):
        receipt = chat.enqueue_batch(rows, sender="support", batch_key="k")
    assert (receipt.resumed_rows, receipt.accepted, receipt.duplicates, receipt.rejected) == (500, 650, 50, 0)


@pytest.mark.parametrize("passed", [0, 1, 600])
def test_passed_rows_cost_one_round_trip_a_chunk(redis: fakeredis.FakeRedis, passed: int) -> None:
    """And nothing where no row has passed. The batch, which has no job of its own, begins only as it is closed."""
    store = TellingStore(redis)
    later = datetime.now(UTC) + 3 * DAY
    with OutboundChat(store=store, **VALUES) as chat:
        rows = rows_due(passed, send_at=datetime.now(UTC) + timedelta(hours=1))
        rows += rows_due(1_000, send_at=later)[passed:]
        chat.enqueue_batch(rows, sender="support")
        store.ran.clear()
        with time_machine.travel(datetime.now(UTC) + DAY):
            assert chat.enqueue_batch(rows, sender="support").duplicates == 1_000
    asked = -(-passed // 500)
    assert sorted(store.ran) == ["close_batch", "open_batch", "open_batch", *["read_idem"] * asked, "submit", "submit"]


def test_new_rows_that_have_passed_leave_no_batch(redis: fakeredis.FakeRedis) -> None:
    """Their keys are unknown, so that nothing begins before the reader fails."""

    def rows() -> Iterator[Any]:
        yield from rows_due(1_200, send_at=datetime.now(UTC) - DAY)
        raise KeyError("id")

    with OutboundChat(store=Store("redis://", client=redis), **VALUES) as chat:
        for key in (None, "k"):
            with pytest.raises(KeyError):
                chat.enqueue_batch(rows(), sender="support", batch_key=key)
    assert redis.keys() == []


def test_the_async_client_knows_them_too(chat: InMemoryOutboundChat) -> None:
    """Same steps, other runner."""

    async def walk() -> None:
        async with chat.asynchronous() as client:
            rows = rows_due(3, send_at=datetime.now(UTC) + timedelta(hours=1))
            await client.enqueue_batch(rows, sender="support")
            with time_machine.travel(datetime.now(UTC) + DAY):
                assert (await client.enqueue_batch(rows, sender="support")).duplicates == 3

    asyncio.run(walk())


# --- quiet hours ---

NOON = datetime(2030, 5, 15, 12, tzinfo=UTC)
QUIET = {"senders": {"support": sender(quiet_hours="21:00-08:00")}}
BERLIN = "+4915112345678"


def test_a_job_that_was_taken_in_time_is_known_in_quiet_hours_too(redis: fakeredis.FakeRedis) -> None:
    """Where it expires before they are over, only the time of the call has become wrong."""
    store = Store("redis://", client=redis)
    with time_machine.travel(NOON, tick=False) as clock, OutboundChat(store=store, **QUIET) as chat:
        options: Any = {"to": BERLIN, "text": "Hello", "expires_at": NOON + timedelta(hours=14)}
        job = chat.enqueue(sender="support", idempotency_key="a", **options)
        clock.shift(timedelta(hours=9))
        assert chat.enqueue(sender="support", idempotency_key="a", **options).id == job.id
        new: Any
        for new in ({"idempotency_key": "b"}, {}):
            with pytest.raises(InvalidJob, match="quiet hours"):
                chat.enqueue(sender="support", **options, **new)
        rows = [{**options, "idempotency_key": "a"}, {**options, "idempotency_key": "b"}]
        receipt = chat.enqueue_batch(rows, sender="support", priority="normal")
        assert (receipt.duplicates, [one.row for one in receipt.rejections]) == (1, [2])
        clock.shift(DAY)
        assert chat.enqueue(sender="support", idempotency_key="a", **options).id == job.id
