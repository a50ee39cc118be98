"""`durability="fsync"`: what is acknowledged is on disk and with replicas, or the error says what is not."""

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis

from outbound_chat import AsyncOutboundChat, BatchStart, InvalidJob, JobState, NotDurable, OutboundChat, StoreError
from outbound_chat_config import Settings
from outbound_chat_worker.local.embedded import EmbeddedServer
from tests.support.harness import Harness, number, sender
from tests.support.waiting import wait_until

SHORT = {"timeout": 0.5}
JOB: dict[str, Any] = {"sender": "support", "to": number(0), "text": "Hello"}

Start = Callable[..., EmbeddedServer]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts servers, each in a folder of its own."""
    with ExitStack() as stack:

        def one(name: str = "server", **options: Any) -> EmbeddedServer:
            server = EmbeddedServer(tmp_path / name, **options)
            stack.callback(server.stop)
            return server

        yield one


def values(server: EmbeddedServer, **durability: Any) -> dict[str, Any]:
    return {"redis_url": server.url, "senders": {"support": sender()}, "durability": durability}


def client(server: EmbeddedServer, **durability: Any) -> OutboundChat:
    return OutboundChat(**values(server, **durability))


def accepted(server: EmbeddedServer) -> int:
    with redis.Redis(port=server.port, decode_responses=True) as bare:
        return int(bare.hget("oc:{main}:counts", "accepted") or 0)


def replica_of(primary: EmbeddedServer, start: Start, name: str) -> EmbeddedServer:
    replica = start(name, options=("--repl-diskless-sync-delay", "0"))
    with redis.Redis(port=replica.port) as bare, redis.Redis(port=primary.port) as first:
        bare.replicaof("127.0.0.1", primary.port)
        wait_until(lambda: first.info("replication").get("slave0", {}).get("state") == "online", what="the replica")
    return replica


@pytest.mark.parametrize("fsync", ["always", "everysec"])
def test_what_was_acknowledged_outlives_the_server(start: Start, fsync: str) -> None:
    """kill -9 in the moment after the call returned."""
    server = start(fsync=fsync)
    with client(server) as chat:
        job = chat.enqueue(**JOB, durability="fsync")
        receipt = chat.enqueue_batch(
            ({"to": number(row)} for row in range(1_200)), sender="support", text="Hi", durability="fsync"
        )
        os.kill(server.process.pid, signal.SIGKILL)
        server.restart()

        assert chat.status(job.id).state is JobState.QUEUED
        assert chat.batch(receipt.id).accepted == receipt.accepted == 1_200


def test_a_disk_that_is_not_reached_is_named(start: Start) -> None:
    """With `appendfsync no` nobody asks the disk, so nothing is known to be there."""
    server = start(fsync="no")
    with client(server, **SHORT) as chat:
        with pytest.raises(NotDurable, match=r"is in the store .* not confirmed on disk within 0\.5 s") as caught:
            chat.enqueue(**JOB, durability="fsync")

        assert caught.value.missing == ("disk",)
        assert chat.status(caught.value.id).state is JobState.QUEUED
        assert number(0) not in str(caught.value)

        with pytest.raises(NotDurable) as caught:
            chat.enqueue_batch([{"to": number(1)}], sender="support", text="Hi", durability="fsync")

        assert chat.batch(caught.value.id).closed
        assert not hasattr(caught.value, "__notes__"), "the batch was not interrupted"


def test_a_repeat_waits_for_the_earlier_job(start: Start) -> None:
    """The caller whose first call ended with an error asks again: it must not be told of safety that is none."""
    server = start(fsync="no")
    keyed = {**JOB, "idempotency_key": "order-17"}
    with client(server, **SHORT) as chat, redis.Redis(port=server.port) as bare:
        first = chat.enqueue(**keyed)
        with pytest.raises(NotDurable) as caught:
            chat.enqueue(**keyed, durability="fsync")
        assert caught.value.id == first.id
        bare.config_set("appendfsync", "always")

        assert chat.enqueue(**keyed, durability="fsync").id == first.id
    assert accepted(server) == 1


def test_a_repeated_batch_waits_for_the_jobs_of_the_first(start: Start) -> None:
    """A producer whose first try ended with an error gives the same rows again: none is sent twice, or rejected."""
    server = start(fsync="no")
    rows = [{"to": number(row), "idempotency_key": f"order-{row}"} for row in range(600)]
    with client(server, **SHORT) as chat, redis.Redis(port=server.port) as bare:
        with pytest.raises(NotDurable):
            chat.enqueue_batch(rows, sender="support", text="Hi", durability="fsync")
        with pytest.raises(NotDurable):
            chat.enqueue_batch(rows, sender="support", text="Hi", durability="fsync")

        bare.config_set("appendfsync", "always")
        again = chat.enqueue_batch(rows, sender="support", text="Hi", durability="fsync")

    assert (again.accepted, again.rejected, again.duplicates) == (0, 0, 600)
    assert accepted(server) == 600


def test_the_default_is_a_setting_and_a_call_may_ask_for_less(start: Start) -> None:
    server = start(fsync="no")
    with client(server, default="fsync", **SHORT) as chat:
        with pytest.raises(NotDurable):
            chat.enqueue(**JOB)
        assert chat.enqueue(**JOB, durability="memory").state is JobState.QUEUED


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--appendonly", "no"), "append-only file"),
        (("--rename-command", "WAITAOF", ""), r"Redis 7\.2"),
    ],
)
def test_a_server_that_cant_promise_it_is_told_of_before_anything_is_stored(
    start: Start, options: tuple[str, ...], why: str
) -> None:
    """Else each try would store a job, which is sent."""
    server = start(options=options)
    with client(server) as chat:
        for enqueue in (
            lambda: chat.enqueue(**JOB, durability="fsync"),
            lambda: chat.enqueue_batch([{"to": number(1)}], sender="support", text="Hi", durability="fsync"),
        ):
            with pytest.raises(StoreError, match=f"{why}.*; nothing was stored") as caught:
                enqueue()
            assert not isinstance(caught.value, NotDurable)
    assert accepted(server) == 0


def test_a_replica_that_does_not_answer_is_named(start: Start) -> None:
    """Where a replica is connected, one must have the job: a failover would lose it else."""
    server = start(fsync="always")
    replica = replica_of(server, start, "replica")
    with client(server, **SHORT) as chat:
        job = chat.enqueue(**JOB, durability="fsync")
        with redis.Redis(port=replica.port) as bare:
            assert bare.exists(f"oc:{{main}}:j:{job.id.partition('.')[2]}")

        os.kill(replica.process.pid, signal.SIGSTOP)
        try:
            with pytest.raises(NotDurable, match=r"only 0 of 1 replicas confirmed it within 0\.5 s") as caught:
                chat.enqueue(**JOB, durability="fsync")
            assert caught.value.missing == ("replicas",)
            with client(server, replicas=0) as careless:
                careless.enqueue(**JOB, durability="fsync")
        finally:
            os.kill(replica.process.pid, signal.SIGCONT)


def test_more_replicas_than_there_are_is_told_before_anything_is_stored(start: Start) -> None:
    server = start()
    replica_of(server, start, "replica")
    with (
        client(server, replicas=2) as chat,
        pytest.raises(StoreError, match=r"asks for 2, and 1 are connected.*nothing was stored"),
    ):
        chat.enqueue(**JOB, durability="fsync")
    assert accepted(server) == 0


def test_a_host_that_lost_its_last_writes_in_the_middle_of_a_batch_is_noticed(start: Start, tmp_path: Path) -> None:
    """The last write is on disk then, and those before are not: the end of the file went with the host."""
    server = start()
    (log,) = (tmp_path / "server" / "appendonlydir").glob("*.incr.aof")
    size: list[int] = []

    def keep_size(_: BatchStart) -> None:
        wait_until(lambda: b"created_at" in log.read_bytes(), what="the batch in the file")
        size.append(log.stat().st_size)

    def lose(taken: int, _: int) -> None:
        if taken == 500:
            os.kill(server.process.pid, signal.SIGKILL)
            server.process.wait(60)
            os.truncate(log, size[0])
            server.restart()

    with client(server) as chat:
        rows = [{"to": number(row), "text": "Hi"} for row in range(600)]
        with pytest.raises(NotDurable, match="lost it, or part of it") as caught:
            chat.enqueue_batch(rows, sender="support", on_start=keep_size, on_progress=lose, durability="fsync")
        assert caught.value.missing == ("store",)
        assert chat.batch(caught.value.id).accepted == 100


def test_a_server_that_dies_while_the_call_waits_is_told_as_not_durable(start: Start) -> None:
    """The caller learns at once the id, and that the job was taken: nothing is left to wait for."""
    server = start(fsync="no")
    caught: list[NotDurable] = []
    # Longer than a setting may be: the disk must not have its time before the server dies.
    settings = Settings.from_values(**values(server))
    durability = settings.durability.model_copy(update={"timeout": timedelta(hours=1)})
    settings = settings.model_copy(update={"durability": durability})

    def enqueue() -> None:
        with OutboundChat.from_settings(settings) as chat, pytest.raises(NotDurable) as error:
            chat.enqueue(**JOB, durability="fsync")
        caught.append(error.value)

    caller = threading.Thread(target=enqueue)
    caller.start()
    with redis.Redis(port=server.port, decode_responses=True) as bare:
        wait_until(lambda: accepted(server) and any(one["flags"] == "b" for one in bare.client_list()))
    os.kill(server.process.pid, signal.SIGKILL)
    caller.join(120)

    assert caught[0].missing == ("disk",)
    assert "can't be reached" in str(caught[0])


def test_the_client_for_asyncio_keeps_the_same_promise(start: Start) -> None:
    server = start(fsync="always")

    async def walk() -> None:
        chat = AsyncOutboundChat(**values(server, **SHORT))
        jobs = await asyncio.gather(*(chat.enqueue(**JOB, durability="fsync") for _ in range(20)))
        assert len({job.id for job in jobs}) == 20
        with redis.Redis(port=server.port) as bare:
            bare.config_set("appendfsync", "no")
        with pytest.raises(NotDurable):
            await chat.enqueue(**JOB, durability="fsync")
        with pytest.raises(NotDurable):
            await chat.enqueue_batch([{"to": number(1)}], sender="support", text="Hi", durability="fsync")
        await chat.close()

    asyncio.run(walk())


def test_an_unknown_word_is_refused_and_a_row_has_none_of_its_own(start: Start) -> None:
    server = start()
    with client(server) as chat:
        wrong: Any = "disk"
        with pytest.raises(InvalidJob, match="durability: must be"):
            chat.enqueue(**JOB, durability=wrong)
        receipt = chat.enqueue_batch([{"to": number(1), "durability": "fsync"}], sender="support", text="Hi")
    assert [error.field for error in receipt.rejections[0].errors] == ["durability"]


def test_the_command_line_asks_for_it(stack: Harness) -> None:
    to = ("--sender", "support", "--to", number(0), "--text", "Hello", "--durability", "fsync")
    file = stack.folder / "rows.csv"
    file.write_text(f"to,text\n{number(1)},Hello\n", encoding="utf-8")

    assert stack.run("send", *to).returncode == 0
    assert stack.run("send-batch", str(file), "--sender", "support", "--durability", "fsync").returncode == 0
    with redis.Redis(port=stack.server.port) as bare:
        bare.config_set("appendfsync", "no")
    stack.configure(durability=SHORT)
    refused = stack.run("send", *to)

    assert refused.returncode == 3
    assert "not confirmed on disk" in refused.stderr
    assert number(0) not in refused.stderr
