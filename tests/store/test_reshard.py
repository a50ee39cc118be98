"""A slot moves from one node of a cluster to another: no script runs on half a ledger, and nothing is forgotten."""

import asyncio
import contextlib
import gc
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis
from redis.exceptions import AskError, ClusterError, MovedError, ResponseError, TryAgainError

from outbound_chat import AsyncOutboundChat, Job, JobState, OutboundChat, StoreUnavailable
from outbound_chat.store import Store, inspection
from outbound_chat.store.faults import translated
from outbound_chat.store.scripts._loader import load_script
from tests.support.clusters import Cluster, Node, SlotMove, move_at_once, slot_of
from tests.support.harness import number, sender
from tests.support.waiting import wait_until

from .ledger import BUDGET
from .test_scripts import SCRIPTS, a_call

SLOT = slot_of(BUDGET)
STAGES = ("opened", "half of the keys moved", "all keys moved", "assigned")
HASTY = 0.2
"""Time for a call that is refused again and again."""
PATIENT = 60.0
"""For one that is answered."""


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two primaries that share the slots, and one without any, which no client has heard of."""
    with Cluster(tmp_path_factory.mktemp("three"), size=2, spare=1, fsync="always") as cluster:
        yield cluster


@pytest.fixture
def move(three: Cluster) -> Iterator[SlotMove]:
    """Takes the budget's slot to the node without slots, and back at the end."""
    three.flush()
    home, spare = three.owner(SLOT), three.nodes[-1]
    yield SlotMove(three, SLOT, spare)
    for node in (home, spare):  # a test that failed has left the move half way
        node.run("CLUSTER", "SETSLOT", SLOT, "STABLE")
    if three.owner(SLOT) is not home:
        three.flush()
        back = SlotMove(three, SLOT, home)
        back.open()
        back.assign()


def stages(move: SlotMove) -> Iterator[str]:
    """Takes the slot from one stage to the next."""
    move.open()
    yield STAGES[0]
    move.move_keys(move.keys_left() // 2)
    assert move.keys_left()
    yield STAGES[1]
    move.move_keys()
    yield STAGES[2]
    move.assign()
    yield STAGES[3]


def values_of(cluster: Cluster, seconds: float) -> dict[str, Any]:
    """Settings of a client."""
    broker = "redis://127.0.0.1:1"
    return {"redis_url": cluster.url, "broker_url": broker, "senders": {"sms": sender()}, "redis_timeout": seconds}


def client(cluster: Cluster, seconds: float = PATIENT) -> OutboundChat:
    return OutboundChat(**values_of(cluster, seconds))


def contents(cluster: Cluster) -> dict[str, bytes]:
    """Every key with what it holds; a key on two nodes fails."""
    found: dict[str, bytes] = {}
    for node in cluster.nodes:
        with redis.Redis(port=node.server.port) as raw:
            names = raw.keys("*")
            assert not found.keys() & {name.decode() for name in names}
            for name in names:
                raw.execute_command("ASKING")
                found[name.decode()] = raw.dump(name)
    return found


def test_no_script_runs_before_the_slot_has_arrived(move: SlotMove) -> None:
    """At the source it would miss the keys that went, at the target those that did not come yet."""
    with client(move.cluster) as chat:
        for index in range(10):
            chat.enqueue(sender="sms", to=number(index), text="Hello", idempotency_key=f"key-{index}")
    for name in move.source.run("CLUSTER", "GETKEYSINSLOT", SLOT, 1_000):
        move.source.run("PERSIST", name)  # none is to go by itself
    before = contents(move.cluster)

    for stage in stages(move):
        if stage != STAGES[-1]:
            for name in SCRIPTS:
                call, source = a_call(name, 1), load_script(name).source
                asked = ("EVAL", source, 2, *call.keys.declared, *call.args)
                with pytest.raises(AskError):
                    move.source.run(*asked)
                move.target.run("ASKING")
                with pytest.raises(TryAgainError):
                    move.target.run(*asked)
        assert contents(move.cluster) == before, stage


def test_no_job_is_unknown_and_no_key_forgotten(move: SlotMove) -> None:
    """Each answer is right, or there is none: a producer that repeats itself gets the job it had."""

    def answers(chat: OutboundChat) -> list[Callable[[], Job]]:
        return [lambda: chat.status(job.id), lambda: _enqueue(chat), lambda: _enqueue(chat, fsync=True)]

    with client(move.cluster) as patient, client(move.cluster, HASTY) as hasty:
        job = _enqueue(patient)
        for stage in stages(move):
            if stage == STAGES[-1]:
                assert {answer().id for answer in answers(patient)} == {job.id}
                continue
            for answer in answers(hasty):
                with pytest.raises(StoreUnavailable):
                    answer()
        assert patient.status(job.id).state is JobState.QUEUED
    with Store(move.cluster.url, seconds=PATIENT) as store:
        assert inspection.counts(store, store.keys(BUDGET)) == {"accepted": 1, "waiting": 1}


def _enqueue(chat: OutboundChat, *, fsync: bool = False) -> Job:
    durability: Any = {"durability": "fsync"} if fsync else {}
    return chat.enqueue(sender="sms", to=number(1), text="Hello", idempotency_key="key-1", **durability)


def test_a_move_that_ends_in_time_is_a_wait(move: SlotMove) -> None:
    """Nobody who enqueues notices a small budget's move."""
    with client(move.cluster) as chat, ThreadPoolExecutor() as pool:
        job = _enqueue(chat)
        move.target.run("CONFIG", "RESETSTAT")
        move.open()
        answers = [
            pool.submit(_enqueue, chat),
            pool.submit(_enqueue, chat, fsync=True),
            pool.submit(chat.status, job.id),
        ]
        wait_until(lambda: _refusals(move.target) >= len(answers), timeout=60, what="calls that are refused")
        move.move_keys()
        move.assign()
        assert {answer.result().id for answer in answers} == {job.id}


def _refusals(node: Node) -> int:
    found: dict[str, int] = node.client.info("errorstats").get("errorstat_TRYAGAIN", {})
    return found.get("count", 0)


def test_the_same_holds_for_asyncio(move: SlotMove) -> None:
    """Its client follows redirections by code of its own."""

    async def enqueue(chat: AsyncOutboundChat, **options: Any) -> Job:
        return await chat.enqueue(sender="sms", to=number(1), text="Hello", idempotency_key="key-1", **options)

    async def walk() -> None:
        def answers(chat: AsyncOutboundChat) -> list[Awaitable[Job]]:
            return [chat.status(job.id), enqueue(chat), enqueue(chat, durability="fsync")]

        async with (
            AsyncOutboundChat(**values_of(move.cluster, PATIENT)) as patient,
            AsyncOutboundChat(**values_of(move.cluster, HASTY)) as hasty,
        ):
            job = await enqueue(patient)
            for stage in stages(move):
                if stage == STAGES[-1]:
                    assert {(await answer).id for answer in answers(patient)} == {job.id}
                    continue
                for answer in answers(hasty):
                    with pytest.raises(StoreUnavailable):
                        await answer

    asyncio.run(walk())
    gc.collect()  # a connection that was left open is reported as of this test


def test_what_is_read_without_a_script_is_right_at_every_stage(move: SlotMove) -> None:
    """Doctor and workers read single keys, which are on one node or the other."""
    with client(move.cluster) as chat, Store(move.cluster.url, seconds=PATIENT) as store:
        keys = store.keys(BUDGET)
        for index in range(5):
            chat.enqueue(sender="sms", to=number(index), text="Hello")
        wake = store.redis.lrange(keys.wake, 0, -1)
        assert wake
        for stage in stages(move):
            assert inspection.counts(store, keys) == {"accepted": 5, "waiting": 5}, stage
            assert (
                inspection.faults(store, keys),
                inspection.foreign_keys(store, keys),
                inspection.budget_settings(store, keys),
            ) == ({}, [], {}), stage
            with store.listen(keys.done("x")):
                move.target.run("PUBLISH", keys.done("x"), "sent")
        signal = store.wait_for_signal([keys.wake], 1)
        assert signal
        assert [signal.word] == wake


def test_a_signal_wakes_who_waits_while_the_slot_moves(move: SlotMove) -> None:
    """A waker asks for two lists, which may be refused while the slot moves; then it asks again."""
    with (
        client(move.cluster) as chat,
        Store(move.cluster.url, seconds=PATIENT) as patient,
        Store(move.cluster.url, seconds=HASTY) as hasty,
    ):
        keys = patient.keys(BUDGET)
        chat.enqueue(sender="sms", to=number(1), text="Hello")
        for stage in stages(move):
            store = patient if stage == STAGES[-1] else hasty
            with contextlib.suppress(StoreUnavailable):
                if found := store.wait_for_signal([keys.hook_wake, keys.wake], 0.05):
                    assert found.key == keys.wake
                    return
        raise AssertionError("the signal is lost")


def test_an_atomic_move_shows_nothing_at_all(move: SlotMove) -> None:
    """Valkey 9: the next call finds the slot at its new node."""
    with client(move.cluster) as chat:
        job = _enqueue(chat)
        move_at_once(move.cluster, SLOT, move.target)
        assert _enqueue(chat, fsync=True).id == chat.status(job.id).id == job.id


@pytest.mark.parametrize(
    "error",
    [
        ClusterError("TTL exhausted."),
        TryAgainError("Multiple keys request during rehashing of slot"),
        AskError("12501 127.0.0.1:1"),
        MovedError("12501 127.0.0.1:1"),
        ResponseError("Attempted to access a non local key in a cluster node script: f_1"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_a_moving_slot_leads_to_is_said_to_pass(error: Exception) -> None:
    """Callers repeat what is unavailable; what is refused they give up."""
    with pytest.raises(StoreUnavailable), translated():
        raise error
