"""A stack that faults strike, one after the other, since starting one takes longer than most faults.

Longer than other modules: all that a fault may lay its hands on is of one object, and is read in one place.
"""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

from outbound_chat.client import OutboundChat
from outbound_chat.store import Store
from outbound_chat_config import Settings
from outbound_chat_worker.local.embedded import EmbeddedServer
from tests.support.clusters import Cluster, SlotMove, slot_of
from tests.support.harness import UNLIMITED, Harness, sender
from tests.support.proxy import Proxy, running_proxy
from tests.support.sentinels import SentinelSet
from tests.support.waiting import wait_until

from .brokers import Broker, RedisBroker, start_broker
from .sampler import Sampler
from .stores import client_of
from .traffic import Traffic

BUDGET = "main"
LEASE_SECONDS = 3.0
READY_SECONDS = 120.0
LATENCY = timedelta(milliseconds=150)
"""Connect's time for an answer: long enough that a cause finds calls in flight."""
RATE = 120.0
"""Calls a second: so slow that jobs wait when a cause comes."""

WORKER: Mapping[str, Any] = MappingProxyType(
    {"lease": LEASE_SECONDS, "connect_timeout": 1, "read_timeout": 1.5, "threads": 12, "slice": 2}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RigOptions:
    """What a fault needs. Faults with equal options share a rig."""

    workers: int = 2
    pool: str = "threads"
    """`threads`, `processes` (Celery's prefork), or `supervised`: `outbound-chat worker --processes N`."""
    fsync: str = "everysec"
    broker: str = "redis"
    """`redis`: the store's own server; `other`: a second one; `rabbitmq`."""
    proxied: bool = False
    """Workers reach Redis and Connect through proxies, `rig.to_redis` and `rig.to_connect`."""
    sentinels: bool = False
    """Store and broker are what sentinels name, `rig.sentinels`: a primary and its replica."""
    cluster: bool = False
    """The store is a Redis Cluster, `rig.cluster`, in which a node has the budget's slot alone, and one has none."""
    durability: str = ""
    """`fsync`: a job is acknowledged when it is on the disk and with a replica; empty: as by default."""
    disk_mb: int = 0
    """Valkey's folder is a disk of its own of that size; 0: it is not."""
    arguments: tuple[str, ...] = ()
    """Celery's own settings, at the end of its command line: `worker.soft_shutdown_timeout=2`."""
    server: tuple[str, ...] = ()
    """More options of Valkey's command line."""
    environment: tuple[tuple[str, str], ...] = ()
    """Of the workers."""
    extend: "Callable[[Rig], Mapping[str, Any]] | None" = None
    """Called before the workers start; it may start more (`rig.stack` ends it) and gives changes to their settings."""


class Rig:
    """A running stack with its traffic and its sampler."""

    def __init__(self, folder: Path, options: RigOptions, chance: random.Random) -> None:
        """Starts everything; returns when the workers are ready. `chance` is for faults that choose."""
        self.stack = ExitStack()
        self.options = options
        self.chance = chance
        self.folder = folder
        self._lasting = threading.Event()
        self.granted = 0.0
        """Seconds that this run's promise is put off."""
        self.promoted: float | None = None
        """Seconds that sentinels needed in this run until they named another primary."""
        self.wrapper: tuple[str, ...] = ()
        """Begins the command of each worker; `extend` may set it."""
        self.newer: Mapping[str, str] = {}
        """Environment of a newer version that works here too; only that can read all records."""
        self.ended_by_fault: set[int] = set()
        """Process ids of the workers that the run's fault ended; any other must outlive it."""
        folder.mkdir(parents=True)
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    def _start(self) -> None:
        if self.options.disk_mb:
            self._mount_disk()
        if self.options.sentinels:
            # It outlives the workers, for to sign off from no store takes its time-outs.
            self.sentinels = self.stack.enter_context(SentinelSet(self.folder / "sentinels", fsync=self.options.fsync))
        if self.options.cluster:
            self.cluster = self.stack.enter_context(Cluster(self.folder / "cluster", size=2, spare=2))
            move = SlotMove(self.cluster, slot_of(BUDGET), self.cluster.nodes[-1])
            move.open()
            move.assign()
        self.harness = Harness(self.folder, UNLIMITED, fsync=self.options.fsync, server=self.options.server)
        self.stack.callback(self.harness.close)
        self.sandbox = self.harness.sandbox
        self.to_redis = self._proxy(self.server.port)
        self.to_connect = self._proxy(int(self.sandbox.url.rsplit(":", 1)[1]))
        self.calm()
        changes: dict[str, Any] = {
            "worker": dict(WORKER),
            "budgets": {BUDGET: {"rate": RATE, "burst": 20}},
            # As clients have it that set nothing.
            "redis_timeout": 5,
        }
        if self.options.sentinels:
            changes["redis_url"] = self.sentinels.url
        if self.options.cluster:
            # Celery has no transport for clusters.
            changes |= {"redis_url": self.cluster.url, "broker_url": self.server.url}
        if self.options.durability:
            changes["durability"] = {"default": self.options.durability, "replicas": 1}
        if self.options.broker == "redis":
            self.broker: Broker = RedisBroker(self.sentinels.primary() if self.options.sentinels else self.server)
        else:
            self.broker = start_broker(self.options.broker, self.folder / "broker")
            self.stack.callback(self.broker.stop)
            changes["broker_url"] = self.broker.url
        self.harness.configure(**changes)
        self.direct = self.harness.settings
        """Settings of those who go round the proxies."""
        self._configure_workers(changes)
        self.chat = self.stack.enter_context(OutboundChat.from_settings(self.direct))
        self.url = self.direct.redis_url.get_secret_value()
        """Of the store, for those who go round the proxies."""
        self.store = self.stack.enter_context(Store(self.url))
        self.keys = self.store.keys(BUDGET)
        self.redis = self.stack.enter_context(client_of(self.url, tries=5, timeout=10))
        self.workers: list[subprocess.Popen[bytes]] = []
        self.start_workers()
        self.sampler = self.stack.enter_context(Sampler(self.url, self.keys))
        self.traffic = Traffic(self.chat)

    def _mount_disk(self) -> None:
        self.server_folder.mkdir(mode=0o700)
        size = f"size={self.options.disk_mb}m"
        subprocess.run(["mount", "-t", "tmpfs", "-o", size, "none", str(self.server_folder)], check=True)
        self.stack.callback(subprocess.run, ["umount", str(self.server_folder)], check=True)

    def _proxy(self, port: int) -> Proxy:
        return self.stack.enter_context(running_proxy(port))

    def _configure_workers(self, changes: dict[str, Any]) -> None:
        if self.options.proxied:
            endpoint = f"http://127.0.0.1:{self.to_connect.port}"
            changes["redis_url"] = f"redis://127.0.0.1:{self.to_redis.port}/0"
            changes["senders"] = {"support": sender(endpoint_url=endpoint)}
        if self.options.extend:
            changes |= self.options.extend(self)
        self.harness.configure(**changes)

    @property
    def server_folder(self) -> Path:
        """Where Valkey keeps its files."""
        return self.folder / "valkey"

    @property
    def server(self) -> EmbeddedServer:
        """The store's server."""
        return self.harness.server

    @property
    def settings(self) -> Settings:
        """Settings of the workers."""
        return self.harness.settings

    def calm(self) -> None:
        """Lets Connect answer as it should again, and opens the ways to it and to Redis."""
        for proxy in (self.to_redis, self.to_connect):
            proxy.let_pass()
        self.sandbox.configure(latency=LATENCY, faults=(), rate=None)

    def begin_run(self) -> None:
        """Lets traffic and sampler count anew, for the next fault."""
        self.granted = 0.0
        self.promoted = None
        self.ended_by_fault = set()
        self.traffic.begin_run()
        self.sampler.begin_run()

    def start_worker(self, environment: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Starts one worker, or the supervisor of some; `wait_ready` waits for it.

        `environment`: of this one, besides that of all.
        """
        environment = {**dict(self.options.environment), **(environment or {})}
        if self.options.pool == "supervised":
            command = [sys.executable, "-m", "outbound_chat.cli", "worker", "--processes", str(self.options.workers)]
            process = self.harness.start(command, environment)
        else:
            name = f"w{len(self.harness.workers)}@%h"
            options = ("--pool", self.options.pool, "-n", name)
            concurrency = ("--concurrency", "2") if self.options.pool == "processes" else ()
            settings = ("--", *self.options.arguments) if self.options.arguments else ()
            process = self.harness.start_worker(
                *options,
                *concurrency,
                *settings,
                environment=environment,
                wrapper=self.wrapper,
            )
        self.workers.append(process)
        return process

    def replace_workers(self) -> None:
        """Starts new workers after all were killed; if that takes longer than the lease, the promise waits for it."""
        self.start_workers()
        self.granted = max(0.0, self.sampler.since_mark() - LEASE_SECONDS)

    def start_workers(self) -> None:
        """Starts as many workers as are missing, and waits until all are ready."""
        wanted = 1 if self.options.pool == "supervised" else self.options.workers
        self.workers = [worker for worker in self.workers if worker.poll() is None]
        while len(self.workers) < wanted:
            self.start_worker()
        self.wait_ready()

    def wait_ready(self) -> None:
        """Waits until as many workers as the rig has said to Redis that they live."""
        try:
            wait_until(
                lambda: len(self._known_pids()) == self.options.workers, timeout=READY_SECONDS, what="the workers"
            )
        except AssertionError as error:
            codes = [worker.poll() for worker in self.workers]
            error.add_note(f"exit codes {codes}; known {self._known_pids()}\n{self.harness.logs()[-3_000:]}")
            raise

    def _known_pids(self) -> set[str]:
        """Process ids of the living workers that the ledger knows."""
        known = {member.split(" ")[0].rsplit(":", 1)[1] for member in self.redis.zrange(self.keys.workers, 0, -1)}
        return known & {str(pid) for pid in self.worker_pids()}

    def worker_pids(self) -> list[int]:
        """Process ids of all Celery workers' main processes."""
        pids = [worker.pid for worker in self.workers if worker.poll() is None]
        return [child for pid in pids for child in children(pid)] if self.options.pool == "supervised" else pids

    def in_flight(self) -> list[str]:
        """Local ids of the jobs that have a lease now."""
        ids: list[str] = self.redis.zrange(self.keys.base + "leases", 0, -1)
        return ids

    def uncalled(self) -> list[str]:
        """Local ids of the jobs that have a lease, and of which Connect has heard nothing."""
        leased = self.in_flight()
        called = {arrival.destination for arrival in self.sandbox.arrivals()}
        numbers = self.traffic.durable
        return [id_ for id_ in leased if (to := numbers.get(f"{BUDGET}.{id_}")) and to not in called]

    def last(self, seconds: float) -> None:
        """Lets the cause last: no wait for something to come true."""
        self._lasting.wait(seconds)

    def purge_broker(self) -> None:
        """Throws away every message that waits for a worker."""
        self.broker.purge()

    def kill(self, *pids: int) -> None:
        """kill -9. The time runs until every job that was in flight then is final."""
        self.ended_by_fault.update(pids)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        at = time.monotonic()
        self.sampler.mark(at, self.in_flight())
        for worker in self.workers:
            if worker.pid in pids:
                worker.wait(10)

    def mark(self, in_flight: Sequence[str] = ()) -> None:
        """The cause ends now: the time runs until a job becomes final, or all those named."""
        self.sampler.mark(time.monotonic(), in_flight)

    def close(self) -> None:
        """Ends everything that the rig started; the workers all at once."""
        for worker in getattr(self, "workers", []):
            if worker.poll() is None:
                worker.terminate()
        self.stack.close()


def children(pid: int) -> list[int]:
    """Process ids of a process's children. https://man7.org/linux/man-pages/man5/proc_pid_task_tid_children.5.html"""
    found: list[int] = []
    for thread in Path(f"/proc/{pid}/task").iterdir():
        found += map(int, (thread / "children").read_text().split())
    return found
