"""One contender at work: a Redis of its own, its workers, its producer, and what they all cost."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import redis
import tomlkit

from benchmarks.catalogue import ROOT, Contender
from benchmarks.line import running_line
from outbound_chat.children import end, spawn
from outbound_chat.store import Keys
from outbound_chat_worker.local.embedded import EmbeddedServer
from outbound_chat_worker.sandbox import SANDBOX_ENVIRONMENT
from tests.support.harness import sender

TICKS = os.sysconf("SC_CLK_TCK")
READY_SECONDS = 120.0
SAMPLE_SECONDS = 0.5
MEMORY_SETTLES_SECONDS = 0.3
SOURCES = (ROOT, ROOT / "config", ROOT / "producers", ROOT / "worker")


def family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    found = [pid]
    for parent in found:
        try:
            children = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii").split()
        except OSError:
            continue
        found += map(int, children)
    return found


def cpu_seconds(pids: Iterable[int]) -> float:
    """CPU that the processes have used, with that of their children that ended."""
    total = 0
    for pid in pids:
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
        except OSError:
            continue
        total += sum(map(int, stat.rpartition(")")[2].split()[11:15]))
    return total / TICKS


def resident_mib(pids: Iterable[int]) -> float:
    """Memory of the processes, where what they share counts once (PSS)."""
    total = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
        except OSError:
            continue
        total += next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
    return total / 1024


@dataclass(slots=True)
class Producer:
    """A producer process, told what to do line by line."""

    process: "subprocess.Popen[str]"

    def begin(self, verb: str, **arguments: Any) -> None:
        """Has it begin; `answer` waits for the end."""
        assert self.process.stdin is not None  # noqa: S101  # it is a pipe
        try:
            self.process.stdin.write(json.dumps([verb, arguments]) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise self._ended() from None

    def answer(self) -> dict[str, Any]:
        """What the command begun led to."""
        assert self.process.stdout is not None  # noqa: S101  # it is a pipe
        line = self.process.stdout.readline()
        if not line:
            raise self._ended()
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    def _ended(self) -> RuntimeError:
        return RuntimeError(f"the producer ended with code {self.process.wait(30)}; its errors stand above")

    def ask(self, verb: str, **arguments: Any) -> dict[str, Any]:
        """Has it done."""
        self.begin(verb, **arguments)
        return self.answer()


def _end_producer(process: "subprocess.Popen[str]") -> None:
    # Its pipes are closed with it; what was written to one that had ended goes nowhere.
    with suppress(BrokenPipeError), process:
        process.terminate()


class Stack:
    """A contender with all its processes. Made in the main thread; see `spawn`."""

    def __init__(
        self,
        contender: Contender,
        folder: Path,
        endpoint: str,
        rate: float = 0.0,
        burst: int = 0,
        *,
        away: float = 0.0,
    ) -> None:
        """`rate`: the account's calls a second as its owner would configure them; 0: no limit.

        `away`: seconds that each way to Redis takes its producer and workers.
        """
        self.contender = contender
        self._folder = folder
        self._stack = ExitStack()
        folder.mkdir(parents=True)
        self.server = EmbeddedServer(folder / "valkey")
        self._stack.callback(self.server.stop)
        self.redis = self._stack.enter_context(redis.Redis.from_url(self.server.url))
        self._url = self.server.url
        if away:
            port = self._stack.enter_context(running_line(int(self._url.rpartition(":")[2].partition("/")[0]), away))
            self._url = f"redis://127.0.0.1:{port}/0"
        self._environment = self._make_environment(endpoint, rate, burst)
        self.workers: list[subprocess.Popen[bytes]] = []
        self.producer = self._start_producer()

    def _make_environment(self, endpoint: str, rate: float, burst: int) -> dict[str, str]:
        settings = self._folder / "outbound-chat.toml"
        budget = {"rate": rate or 10_000.0, "burst": burst or 1_000}
        support = sender(endpoint_url=endpoint)
        values = {
            "redis_url": self._url,
            "budgets": {"main": budget},
            "senders": {"support": support},
            # 10,000 reads that begin at once take longer than the 5 s of a fresh installation.
            "redis_timeout": 60,
        }
        settings.write_text(tomlkit.dumps(values), encoding="utf-8")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("OUTBOUND_CHAT_", "AWS_"))}
        return {
            **kept,
            "PYTHONPATH": os.pathsep.join(map(str, SOURCES)),
            "OUTBOUND_CHAT_CONFIG": str(settings),
            **SANDBOX_ENVIRONMENT,
            "BENCH_REDIS_URL": self._url,
            "BENCH_ENDPOINT": endpoint,
            "BENCH_RATE": str(rate),
            "BENCH_PROCESSES": str(len(self.contender.workers)),
            **self.contender.environment,
        }

    def _start_producer(self) -> Producer:
        command = [str(self.contender.python), "-m", "benchmarks.peers.producer", self.contender.module]
        process = subprocess.Popen(
            command, env=self._environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._stack.callback(_end_producer, process)
        return Producer(process)

    def start_workers(self) -> None:
        """Starts them all; they are ready when `await_ready` says so."""
        for index in range(len(self.contender.workers)):
            self.start_worker(index)

    def start_worker(self, index: int) -> None:
        """Starts one of its worker processes, in place of the one that had this index."""
        command = [str(self.contender.python), *self.contender.workers[index]]
        log = (self._folder / f"worker-{index}-{len(self.workers)}.log").open("wb")
        with log:
            process = spawn(command, environment=self._environment, folder=self._folder, output=log)
        self._stack.callback(end, process)
        self.workers[index : index + 1] = [process]

    def await_ready(self, first: int) -> None:
        """Until a job of each priority goes through, and so many more that each worker is likely to have had some."""
        self.producer.ask("visible", first=first, timeout=READY_SECONDS)
        last = self.producer.ask("bulk", first=first + 1, count=64)["id"]
        self.producer.ask("await_sent", id=last, timeout=READY_SECONDS)

    @property
    def pids(self) -> list[int]:
        """Processes of its workers, all generations."""
        return [pid for worker in self.workers for pid in family(worker.pid)]

    def kill_worker(self, index: int) -> None:
        """kill -9 of a worker and its children, at once, as when its machine goes."""
        for pid in family(self.workers[index].pid):
            os.kill(pid, signal.SIGKILL)
        self.workers[index].wait(30)

    def stop_worker(self, index: int) -> None:
        """Ends a worker as its operator would."""
        self.workers[index].terminate()
        self.workers[index].wait(60)

    def used_memory(self) -> int:
        """Bytes that its Redis holds, but for the buffers of connections, which come and go, and for our last events.

        Of events there are 10,000 at most: they are no cost of a job, and would be with the few jobs of a run.
        """
        # What connections hold is counted ten times a second: just after much work it would be taken for the jobs'.
        time.sleep(MEMORY_SETTLES_SECONDS)
        memory = self.redis.info("memory")
        events = self.redis.memory_usage(Keys("oc", "main").events, samples=0) or 0
        return int(memory["used_memory"] - memory["mem_clients_normal"] - events)

    def close(self) -> None:
        """Ends everything."""
        for worker in self.workers:
            if worker.poll() is None:
                worker.terminate()
        self._stack.close()


@contextmanager
def running_stacks(
    contenders: Sequence[Contender], folder: Path, endpoints: Mapping[str, str], *, rate: float = 0.0, burst: int = 0
) -> Iterator[list[Stack]]:
    """A stack each, without workers, for the length of a block. `endpoints`: by the contender's name."""
    with ExitStack() as stack:
        stacks = []
        for contender in contenders:
            one = Stack(contender, folder / contender.name, endpoints[contender.name], rate, burst)
            stack.callback(one.close)
            stacks.append(one)
        yield stacks


@contextmanager
def running_endpoint() -> Iterator[str]:
    """The fast endpoint's address."""
    command = [sys.executable, "-m", "benchmarks.endpoint"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            assert process.stdout is not None  # noqa: S101  # it is a pipe
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


class Peak:
    """The most memory that a stack's workers held, looked at twice a second during a block."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.mib = 0.0

    def _look(self) -> None:
        while True:
            self.mib = max(self.mib, resident_mib(self._stack.pids))
            if self._over.wait(SAMPLE_SECONDS):
                return

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def await_count(count: int, read: Any, timeout: float) -> None:
    """Until `read()` is at least `count`. Raises `TimeoutError`."""
    ends = time.monotonic() + timeout
    while (now := read()) < count:
        if time.monotonic() > ends:
            raise TimeoutError(f"{now} of {count} after {timeout:g} s")
        time.sleep(0.05)
