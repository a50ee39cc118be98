"""The scripts run as Redis Functions, and as scripts wherever functions can't be had."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from outbound_chat import StoreError
from outbound_chat.model.lanes import Lane
from outbound_chat.store import AsyncStore, Store, scripts
from outbound_chat.store.scripts import _loader as loader
from outbound_chat.store.scripts._loader import REFUSED_SECONDS, Ways, function_name, load_library
from outbound_chat_worker.local.embedded import EmbeddedServer

from .ledger import LANE, LISTED, new_job

PATIENCE = 60.0
USER = "nobody-loads"


@pytest.fixture(scope="module")
def admin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[redis.Redis]:
    server = EmbeddedServer(tmp_path_factory.mktemp("functions"), fsync="no")
    try:
        with redis.Redis(port=server.port, decode_responses=True) as client:
            yield client
    finally:
        server.stop()


@pytest.fixture(autouse=True)
def bare(admin: redis.Redis) -> None:
    """Neither keys, nor functions, nor scripts, nor counts of commands."""
    admin.flushall()
    admin.function_flush()
    admin.script_flush()
    admin.config_set("maxmemory", 0)
    admin.config_resetstat()


def url(admin: redis.Redis, user: str = "") -> str:
    return f"redis://{user}@127.0.0.1:{admin.get_connection_kwargs()['port']}/0"


def allow(admin: Any, *rights: str) -> None:
    """Makes the user, with all keys."""
    admin.execute_command("ACL", "SETUSER", USER, "reset", "on", "nopass", "~*", "&*", *rights)


def submit(store: Store, local_id: str = "a") -> None:
    keys = store.keys("main")
    store.run(
        scripts.submit(
            keys, lane=Lane.parse(LANE), max_age_ms=1_000, rejected=0, jobs=[new_job(local_id)], listing=LISTED
        )
    )


def jobs(admin: redis.Redis) -> int:
    """How many jobs the server has."""
    return len(list(admin.scan_iter("oc:{main}:j:*")))


def ran(admin: redis.Redis) -> dict[str, int]:
    """How often each way to run a script was taken, refusals included."""
    statistics: Any = admin.info("commandstats")
    names = ("fcall", "evalsha", "eval", "function|load")
    return {name: found["calls"] for name in names if (found := statistics.get(f"cmdstat_{name}"))}


def test_the_functions_are_loaded_once_and_named_in_what_operators_see(admin: redis.Redis) -> None:
    """SLOWLOG shows which script was slow."""
    admin.config_set("slowlog-log-slower-than", 0)
    admin.slowlog_reset()
    with Store(url(admin), seconds=PATIENCE) as one, Store(url(admin), seconds=PATIENCE) as other:
        for local_id in "abc":
            submit(one, local_id)
            submit(other, f"{local_id}2")

    assert ran(admin) == {"fcall": 7, "function|load": 1}
    slow: Any = admin.slowlog_get(50)
    assert any(f"FCALL {function_name('submit')} " in str(entry["command"]) for entry in slow)


def test_only_what_brings_jobs_is_refused_by_a_full_server(admin: redis.Redis) -> None:
    (library,) = load_and_list(admin)

    assert {
        function["name"].removeprefix("oc_").rpartition("_")[0] for function in library if not function["flags"]
    } == (loader.ADDS_JOBS)
    assert all(set(function["flags"]) <= {"allow-oom"} for function in library)


def load_and_list(admin: redis.Redis) -> list[list[dict[str, Any]]]:
    admin.function_load(load_library())
    found: Any = admin.function_list()
    return [
        [
            dict(zip(one[::2], one[1::2], strict=True))
            for one in dict(zip(entry[::2], entry[1::2], strict=True))["functions"]
        ]
        if isinstance(entry, list)
        else entry["functions"]
        for entry in found
    ]


@pytest.mark.parametrize("lost", ["functions", "everything"])
def test_a_server_that_lost_the_functions_is_given_them_again(admin: redis.Redis, lost: str) -> None:
    """A new primary, a node that a slot moved to, a server that was restored."""
    with Store(url(admin), seconds=PATIENCE) as store:
        submit(store)
        admin.function_flush()
        if lost == "everything":
            admin.flushall()
            admin.script_flush()
        submit(store, "b")

    assert jobs(admin) == (1 if lost == "everything" else 2)
    assert ran(admin)["function|load"] == 2


def test_two_versions_work_on_one_server(admin: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rolling upgrade: each keeps its own functions."""
    read = loader._read  # the text of another version
    with Store(url(admin), seconds=PATIENCE) as newer:
        submit(newer)
        forget_texts()
        monkeypatch.setattr(loader, "_read", lambda path: f"-- another version\n{read(path)}")
        with Store(url(admin), seconds=PATIENCE) as older:
            submit(older, "b")
        monkeypatch.undo()
        forget_texts()
        submit(newer, "c")

    assert ran(admin)["function|load"] == 2
    assert len(admin.function_list()) == 2
    assert jobs(admin) == 3


def forget_texts() -> None:
    for cached in (loader.load_script, loader.load_library, loader._version, loader._functions):
        cached.cache_clear()


@pytest.mark.parametrize(
    "rights", ["+@all -function|load", "+@all -fcall -function", "+@all -@scripting +eval +evalsha"]
)
def test_a_user_without_rights_for_functions_runs_scripts(admin: redis.Redis, rights: str) -> None:
    """Only workers need the right to load them: with it, one program can change what another runs."""
    allow(admin, *rights.split())
    with Store(url(admin, USER), seconds=PATIENCE) as store:
        for local_id in "abc":
            submit(store, local_id)

        async def ask() -> None:
            asynchronous = AsyncStore(url(admin, USER), seconds=PATIENCE)
            assert (await asynchronous.run(scripts.read_jobs(store.keys("main"), ["a"]))) is not None
            await asynchronous.close()

        asyncio.run(ask())
    assert jobs(admin) == 3
    counted = ran(admin)
    assert counted["eval"] == 2
    assert counted["evalsha"] == 4


def test_a_user_who_may_not_load_functions_uses_those_of_others(
    admin: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that came before the first worker."""
    allow(admin, "+@all", "-function|load")
    with Store(url(admin, USER), seconds=PATIENCE) as store:
        submit(store)
        load_and_list(admin)
        submit(store, "b")
        before = ran(admin)["fcall"]
        later = time.monotonic() + REFUSED_SECONDS
        monkeypatch.setattr(time, "monotonic", lambda: later)
        submit(store, "c")

    assert ran(admin)["fcall"] == before + 1
    assert jobs(admin) == 3


def test_a_full_server_without_the_functions_serves_what_brings_no_jobs(admin: redis.Redis) -> None:
    """It takes no functions (https://redis.io/docs/latest/commands/function-load/), but scripts."""
    with Store(url(admin), seconds=PATIENCE) as store:
        submit(store)
        admin.function_flush()
        admin.config_set("maxmemory", 1)
        with pytest.raises(StoreError, match="full"):
            submit(store, "b")
        found = store.run(scripts.read_jobs(store.keys("main"), ["a"]))
        store.run(scripts.cancel(store.keys("main"), ["a"]))
    assert found is not None
    statistics: Any = admin.info("commandstats")
    assert statistics["cmdstat_function|load"]["rejected_calls"] == 1


def test_a_script_and_what_follows_it_are_sent_together_either_way(admin: redis.Redis) -> None:
    """Where the server knows no function, and where it does."""
    with Store(url(admin), seconds=PATIENCE) as store:
        for local_id in "ab":
            submit(store, local_id)
            standing = store.run(scripts.check_durable(store.keys("main"), local_ids=[local_id], timeout_ms=100))
            assert not standing.lost
            admin.function_flush()


def test_ways_are_asked_in_order_and_no_other_error_is_passed_over() -> None:
    """An error of the call itself is no reason to run it again."""
    ways = Ways()
    error = redis.ResponseError("WRONGTYPE Operation against a key holding the wrong kind of value")

    assert not any(ways.next_after(way, error) for way in ways.of("submit"))
