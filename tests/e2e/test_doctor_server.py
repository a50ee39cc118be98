"""What `doctor` says of the Redis server: whether jobs are safe there, and for how long there is room."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis

from outbound_chat.doctor.redis import server_checks
from outbound_chat.model.diagnostics import Check, Level
from outbound_chat.store import Store
from outbound_chat.store.inspection import Server, read_servers
from outbound_chat_config import Settings
from outbound_chat_worker.cli.checks import worker_checks
from outbound_chat_worker.local.embedded import EmbeddedServer
from tests.support.harness import sender
from tests.support.waiting import wait_until

Start = Callable[..., EmbeddedServer]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with ExitStack() as stack:

        def one(name: str = "server", **options: Any) -> EmbeddedServer:
            server = EmbeddedServer(tmp_path / name, **options)
            stack.callback(server.stop)
            return server

        yield one


def told(url: str) -> dict[str, Check]:
    with Store(url) as store:
        return {check.subject: check for check in server_checks(read_servers(store))}


def test_a_server_that_is_as_it_should_be_has_no_warning(start: Start) -> None:
    checks = told(start().url)

    assert {check.level for check in checks.values()} == {Level.OK}
    assert "appendfsync everysec" in checks["persistence"].finding


@pytest.mark.parametrize(
    ("options", "subject", "level", "finding"),
    [
        (("--maxmemory-policy", "allkeys-lru"), "eviction", Level.FAULT, "allkeys-lru"),
        (("--appendonly", "no"), "persistence", Level.WARNING, "loses all jobs"),
        (("--appendonly", "no", "--save", "60 1"), "persistence", Level.WARNING, "loses the latest jobs"),
        (("--appendfsync", "no"), "persistence", Level.WARNING, "appendfsync no"),
        (("--maxmemory", "100mb"), "memory", Level.OK, "of maxmemory is used"),
    ],
)
def test_a_setting_that_costs_jobs_is_named(
    start: Start, options: tuple[str, ...], subject: str, level: Level, finding: str
) -> None:
    check = told(start(options=options).url)[subject]

    assert check.level is level
    assert finding in check.finding
    assert bool(check.advice) is (level is not Level.OK)


def test_a_server_that_fills_up_is_told_before_it_is_full(start: Start) -> None:
    server = start()
    with redis.Redis(port=server.port) as bare:
        bare.config_set("maxmemory", int(bare.info("memory")["used_memory"] * 1.1))

    check = told(server.url)["memory"]

    assert check.level is Level.WARNING
    assert "refuses new jobs" in check.advice


def test_a_snapshot_that_failed_is_told(start: Start, tmp_path: Path) -> None:
    """The server takes no more writes then, where it is to make snapshots."""
    server = start()
    # A folder in the place of the file: nobody can write it, not even root.
    (tmp_path / "server" / "dump.rdb").mkdir()
    with redis.Redis(port=server.port) as bare:
        bare.set("some", "thing")
        bare.bgsave()
        wait_until(lambda: bare.info("persistence")["rdb_last_bgsave_status"] == "err", what="the failure")

    assert told(server.url)["disk"].level is Level.FAULT


@pytest.mark.parametrize(
    ("field", "level"), [("aof_last_write_status", Level.FAULT), ("aof_last_bgrewrite_status", Level.WARNING)]
)
def test_an_append_only_file_that_cant_be_written_is_told(start: Start, field: str, level: Level) -> None:
    """As on a full disk."""
    with Store(start().url) as store:
        (server,) = read_servers(store)
    assert server.info[field] == "ok"

    found = server_checks([replace(server, info={**server.info, field: "err"})])
    (check,) = [check for check in found if check.subject == "disk"]

    assert check.level is level


def test_replicas_are_looked_at_from_both_sides(start: Start) -> None:
    """One that does not follow has not what a failover to it needs."""
    primary, replica = start(options=("--repl-diskless-sync-delay", "0")), start("replica")
    with redis.Redis(port=replica.port) as bare:
        bare.replicaof("127.0.0.1", primary.port)
        wait_until(lambda: bare.info("replication")["master_link_status"] == "up", what="the replication")
    wait_until(lambda: told(primary.url)["replication"].level is Level.OK, what="the replica to be online")

    assert "accepts no jobs" in told(replica.url)["replication"].finding

    with Store(primary.url) as store:
        (server,) = read_servers(store)
    server.info["slave0"]["lag"] = 60
    (check,) = [check for check in server_checks([server]) if check.subject == "replication"]
    assert check.level is Level.WARNING
    assert "1 of 1 replicas are not in sync" in check.finding


def test_what_the_server_does_not_tell_is_unknown_and_no_fault(start: Start) -> None:
    """Managed services have no CONFIG, and users of ACLs may lack INFO."""
    server = start()
    url = f"redis://limited:secret@127.0.0.1:{server.port}/0"
    with redis.Redis(port=server.port) as bare:
        bare.execute_command("ACL", "SETUSER", "limited", "on", ">secret", "+time", "+info")
        no_config = told(url)
        bare.execute_command("ACL", "SETUSER", "limited", "-info")
        nothing = told(url)

    assert {check.level for check in (*no_config.values(), *nothing.values())} == {Level.OK}
    assert "unknown" in no_config["persistence"].finding
    assert [nothing[subject].finding.partition(":")[0] for subject in ("redis", "eviction", "persistence")] == [
        "unknown"
    ] * 3


def test_an_old_server_is_refused() -> None:
    server = Server("", {"redis_version": "6.2.14", "clock_skew": 0.0}, {})
    assert next(iter(server_checks([server]))).level is Level.FAULT


def test_the_broker_is_that_of_the_settings_it_is_given(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Celery app of this process keeps what it has read first."""
    monkeypatch.setenv("OUTBOUND_CHAT_REDIS_URL", "redis://127.0.0.1:1")
    for server in (start("first"), start("second")):
        senders = {"support": sender(endpoint_url="http://127.0.0.1:1")}
        settings = Settings.from_values(redis_url=server.url, senders=senders)
        broker = next(check for check in worker_checks(settings) if check.subject == "broker")
        assert broker.level is Level.OK, broker
        server.stop()
