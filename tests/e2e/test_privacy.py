"""Whom is written to and what stays with those who must know: no log, dump, message, error or left-over shows it.

Real processes at DEBUG, every fault of the sandbox, crashes and the dumps that follow them.
"""

import os
import signal
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis

from outbound_chat import FINAL, JobState
from outbound_chat.encryption import new_key
from outbound_chat.store import Store, scripts
from outbound_chat_worker.local.embedded import EmbeddedServer
from outbound_chat_worker.sandbox import SANDBOX_SECRET_ACCESS_KEY, Fault, FaultKind
from tests.support.harness import Harness, sender
from tests.support.privacy import Markers, assert_private, assert_private_files, content_of
from tests.support.waiting import wait_until

TEXT, NAME = "Zwiebelkuchen für Änne, heute frisch", "Brombeerstrauch"
NUMBERS = [f"+13475{551_300 + index}" for index in range(40)]
PERSONAL = Markers(NUMBERS, [TEXT, NAME])
CELERY = [sys.executable, "-m", "celery", "-A", "outbound_chat_worker"]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedServer]:
    """A server for Celery alone: its append-only file has all that ever passed it."""
    server = EmbeddedServer(tmp_path / "broker")
    try:
        yield server
    finally:
        server.stop()


def dumps(stack: Harness) -> dict[str, str]:
    """Environment in which a process that dies tells all it can, and writes its files below the test's folder."""
    folder = stack.folder / "tmp"
    folder.mkdir(exist_ok=True)
    return {"PYTHONFAULTHANDLER": "1", "TMPDIR": str(folder)}


def test_faults_crashes_and_dumps_show_nobody(stack: Harness, broker: EmbeddedServer) -> None:
    """One look into what any process wrote must tell nothing, whatever went wrong."""
    kinds = dict(zip(FaultKind, NUMBERS, strict=False))
    senders = {kind.value: sender(endpoint_url=stack.sandbox.url, instance_id=str(uuid.uuid4())) for kind in kinds}
    stack.configure(
        senders=senders,
        broker_url=broker.url,
        worker={"connect_timeout": 1, "read_timeout": 1, "lease": 5},
        retry={"base": 0.05, "cap": 0.2, "max_attempts": 2},
    )
    late = timedelta(seconds=2)
    faults = [Fault(kind, destination=to, delay=late if kind is FaultKind.LATE else None) for kind, to in kinds.items()]
    stack.sandbox.configure(faults=tuple(faults))
    chat = stack.chat()
    worker = stack.start_worker("--loglevel", "DEBUG", "-E", environment=dumps(stack))
    jobs = {
        kind: chat.enqueue(sender=kind.value, to=to, text=TEXT, attributes={"name": NAME}).id
        for kind, to in kinds.items()
    }
    wait_until(
        lambda: all(job and (job.error or job.final) for job in chat.statuses(jobs.values()).values()),
        timeout=90,
        what="a fault of every kind",
    )

    for command in ("active", "reserved", "stats", "conf"):
        asked = stack.start([*CELERY, "inspect", command], dumps(stack))
        assert asked.wait(60) == 0
    os.kill(worker.pid, signal.SIGUSR1)
    wait_until(lambda: "=== " in stack.logs() or "MainThread" in stack.logs(), what="the stacks of all threads")
    os.kill(worker.pid, signal.SIGABRT)
    worker.wait(120)
    for words in (["dead"], ["holds"], ["events"], ["doctor"], ["why", next(iter(jobs.values()))]):
        done = stack.run(*words)
        assert_private(done.stdout + done.stderr, PERSONAL, where=words[0])

    logs = stack.logs()
    assert "DEBUG" in logs
    assert "Fatal Python error: Aborted" in logs
    assert_private(logs, PERSONAL, where="the logs")
    assert_private(repr(chat.statuses(jobs.values())), PERSONAL, where="statuses")
    assert_private_files(stack.folder, PERSONAL, but=[stack.folder / "valkey"])
    assert (stack.folder / "broker").is_dir()
    for id_ in jobs.values():
        chat.cancel(id_)


def append_only_files(stack: Harness) -> bytes:
    return b"".join(path.read_bytes() for path in sorted((stack.folder / "valkey").rglob("*.aof")))


def expire(stack: Harness, *ids: str) -> None:
    """Lets the time of jobs be over."""
    with Store(stack.server.url) as store:
        keys = store.keys("main")
        store.redis.zadd(f"{keys.base}expiry", {id_.partition(".")[2]: 1 for id_ in ids})
        assert store.run(scripts.maintain(keys, worker="w", version="v", key_ids=())).expired == len(ids)


def test_nothing_personal_is_left_when_all_is_final(stack: Harness) -> None:
    """Whoever gets the disk in a month learns that messages were sent, and no more."""
    stack.configure(results={"keep_requests": 0})
    stack.sandbox.configure(faults=(Fault(FaultKind.INVALID, destination=NUMBERS[1]),))
    chat = stack.chat()
    far = datetime.now(UTC) + timedelta(days=1)
    content: dict[str, Any] = {"text": TEXT, "attributes": {"name": NAME}}
    ids = [chat.enqueue(sender="support", to=to, idempotency_key=f"key-{to[-2:]}", **content).id for to in NUMBERS[:3]]
    ids += [chat.enqueue(sender="support", to=NUMBERS[3], send_at=far, **content).id]
    ids += [chat.enqueue(sender="support", to=NUMBERS[4], **content).id]
    chat.hold(sender="chat", reason="wait")
    ids += [chat.enqueue(sender="chat", to=NUMBERS[5], **content).id]
    expire(stack, *ids[-2:])
    batch = chat.enqueue_batch(({"to": to} for to in NUMBERS[10:30]), sender="support", **content)
    with pytest.raises(AssertionError, match="traces"):
        assert_private(content_of(stack.server.url), PERSONAL)

    stack.start_worker()
    chat.cancel(ids[3])
    wait_until(
        lambda: all(job and job.final for job in chat.statuses(ids).values()), timeout=60, what="the end of all jobs"
    )
    assert chat.wait_batch(batch.id, timeout=60).counts[JobState.SENT] == 20
    states = {job.state for job in chat.statuses(ids).values() if job}
    assert {JobState.SENT, JobState.FAILED, JobState.CANCELLED, JobState.EXPIRED} == states <= FINAL
    assert_private(content_of(stack.server.url), PERSONAL, where="the database")

    with pytest.raises(AssertionError, match="traces"):
        assert_private(append_only_files(stack), PERSONAL)
    with redis.Redis.from_url(stack.server.url) as client:
        # As text, since the other form may be compressed.
        client.config_set("aof-use-rdb-preamble", "no")
        client.bgrewriteaof()
        wait_until(lambda: not client.info("persistence")["aof_rewrite_in_progress"], what="the new file")
    wait_until(lambda: len(append_only_files(stack)) > 0, what="the file")
    wait_until(lambda: not PERSONAL.pattern().search(append_only_files(stack)), what="the end of the old file")
    chat.release(sender="chat")


@contextmanager
def locked(url: str, password: str) -> Iterator[None]:
    """The server asks for a password as long as the block lasts."""
    with redis.Redis.from_url(url) as client:
        client.config_set("requirepass", password)
        try:
            yield
        finally:
            client.config_set("requirepass", "")


def test_passwords_and_keys_are_in_no_log_and_no_error(stack: Harness) -> None:
    """A banner, an error of the connection, a dump: all of them know the URL."""
    password, key, number_key = "correct-horse-battery-staple", new_key(), new_key()
    secrets = Markers([], [password, "Tr0ub4dor", key, number_key, SANDBOX_SECRET_ACCESS_KEY])
    url = stack.server.url.replace("//", f"//:{password}@")
    stack.configure(redis_url=url, encryption={"keys": [key], "number_key": number_key})
    with locked(stack.server.url, password):
        worker = stack.start_worker("--loglevel", "DEBUG", "-E", environment=dumps(stack))
        chat = stack.chat()
        job = chat.enqueue(sender="support", to=NUMBERS[0], text=TEXT)
        assert chat.wait(job.id, timeout=60).state is JobState.SENT
        asked = stack.start([*CELERY, "inspect", "conf"], dumps(stack))
        assert asked.wait(60) == 0
        outputs = [stack.run("doctor")]
        wrong = {"OUTBOUND_CHAT_REDIS_URL": url.replace(password, "Tr0ub4dor")}
        outputs += [stack.run(*command, environment=wrong) for command in (["doctor"], ["status", job.id])]
        blind = stack.start_worker("-n", "blind@%h", "--loglevel", "DEBUG", environment={**wrong, **dumps(stack)})
        wait_until(lambda: "username-password" in stack.logs(), timeout=60, what="a refused login")
        for process in (worker, blind):
            os.kill(process.pid, signal.SIGABRT)
            process.wait(120)

    for done in outputs:
        assert_private(done.stdout + done.stderr, secrets, where=str(done.args[3:]))
    assert_private(stack.logs(), secrets, where="the logs")
    assert_private_files(stack.folder / "tmp", secrets)
