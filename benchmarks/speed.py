"""Speed: how fast jobs go in, what each costs Redis, how fast they go out at what CPU and memory, and how late one is.

All contenders stand by at once, each with a Redis of its own, and are worked on in turn, round by round, so that
whatever else the machine does strikes all of them.
"""

import itertools
import json
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from benchmarks.arrivals import percentile
from benchmarks.catalogue import ROOT
from benchmarks.endpoint import Endpoint
from benchmarks.peers.work import job_of
from benchmarks.report import Report
from benchmarks.rig import Peak, Stack, await_count, cpu_seconds, resident_mib

PATIENCE_SECONDS = 300.0
LATENCIES_MS = (0, 50)
BARE = "bare boto3 loop"
BARE_POOL = "bare boto3, 2 x 16 threads"
UNSHARED = "outbound-chat, nothing shared"
"""Its bulk where each row has all options, and the batch none."""
EVERYTHING = "*"
"""Stands for all figures of a contender that did not start."""
MEMORY_JOBS = 500
SETTLE_SECONDS = 0.3
"""Results of the last calls are written within it."""

_next_index = 10_000


def fresh(count: int) -> int:
    """First of so many numbers that no job had yet. They are small: their digits are in each text."""
    global _next_index  # noqa: PLW0603  # of this process, like the jobs
    first = _next_index
    _next_index += count
    return first


@dataclass(slots=True)
class Figures:
    """Figures of all rounds: name of the figure → contender → values."""

    values: dict[str, dict[str, list[float]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    reasons: dict[tuple[str, str], str] = field(default_factory=dict)
    """Why a figure of a contender is missing."""
    alike: dict[str, str] = field(default_factory=dict)
    """Contender → whose figures stand for those it lacks."""

    def add(self, figure: str, contender: str, value: float) -> None:
        """Of one round."""
        self.values[figure][contender].append(value)

    def median(self, figure: str, contender: str) -> float:
        """Over the rounds; NaN where there is none."""
        found = self.values[figure].get(contender)
        return statistics.median(found) if found else float("nan")

    def ratio(self, figure: str, contender: str, other: str) -> float:
        """Median of the rounds' ratios: each round has its own noise."""
        return _ratio(self.values[figure].get(contender, []), self.values[figure].get(other, []))

    def within(self, figure: str, other: str, contender: str) -> float:
        """The same for two figures of one contender."""
        return _ratio(self.values[figure].get(contender, []), self.values[other].get(contender, []))

    @contextmanager
    def excused(self, report: Report, figure: str, contender: str) -> Iterator[None]:
        """What goes wrong with one contender is the reason for its empty cell, and no end of the run."""
        try:
            yield
        except (OSError, RuntimeError) as error:
            self.reasons[figure, contender] = str(error)
            report.say(f"  {contender}: {figure} could not be measured: {error}")


def _ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    ratios = [mine / its for mine, its in zip(ours, theirs, strict=False) if its]
    return statistics.median(ratios) if ratios else float("nan")


def measure_enqueue(
    report: Report, figures: Figures, stacks: Sequence[Stack], *, single: int, bulk: int, rounds: int
) -> None:
    """Without workers: what goes in stays, and is weighed."""
    counts = {"single": single, "bulk": bulk, "unshared": bulk}
    todo = [(stack, verb) for stack in stacks for verb in counts if verb != "unshared" or stack.contender.ours]
    for stack, verb in todo:
        # What is there once, however many jobs come (scripts, connections, a queue's own keys), is no cost of a job.
        with figures.excused(report, EVERYTHING, stack.contender.name):
            stack.producer.ask(verb, first=fresh(10), count=10)
    for turn in range(rounds):
        report.say(f"enqueue: round {turn + 1} of {rounds}")
        for stack, verb in todo:
            name, kind = (UNSHARED, "bulk") if verb == "unshared" else (stack.contender.name, verb)
            with figures.excused(report, f"enqueue {kind}", name):
                before, count = stack.used_memory(), counts[verb]
                answer = stack.producer.ask(verb, first=fresh(count), count=count)
                figures.add(f"enqueue {kind}", name, count / answer["seconds"])
                figures.add(f"enqueue cpu {kind}", name, 1e6 * answer["cpu"] / count)
                figures.add(f"waiting bytes {kind}", name, (stack.used_memory() - before) / count)
    for stack in stacks:
        stack.redis.flushall()


def measure_floors(figures: Figures, stack: Stack, *, count: int, rounds: int) -> None:
    """redis-py alone: LPUSH one by one, and EVALSHA by the 500 in a pipeline, with what a job's request takes."""
    payload = json.dumps(job_of(0))
    script = stack.redis.script_load("return redis.call('LPUSH', KEYS[1], ARGV[1])")
    for _ in range(rounds):
        began = time.monotonic()
        for _ in range(count):
            stack.redis.lpush("floor", payload)
        figures.add("enqueue single", "redis-py LPUSH", count / (time.monotonic() - began))
        began = time.monotonic()
        for start in range(0, 10 * count, 500):
            pipe = stack.redis.pipeline(transaction=False)
            for _ in range(min(500, 10 * count - start)):
                pipe.evalsha(script, 1, "floor", payload)
            pipe.execute()
        figures.add("enqueue bulk", "redis-py EVALSHA, pipelined", 10 * count / (time.monotonic() - began))
        stack.redis.delete("floor")


def measure_drain(
    report: Report, figures: Figures, stacks: Sequence[Stack], endpoint: Endpoint, *, jobs: int, rounds: int
) -> None:
    """Jobs wait behind an endpoint that holds the first calls back: from its opening to the last call is measured."""
    for turn, latency in itertools.product(range(rounds), LATENCIES_MS):
        report.say(f"drain: {latency} ms, round {turn + 1} of {rounds}")
        _measure_bare(figures, endpoint, jobs, latency)
        for stack in stacks:
            name = stack.contender.name
            with figures.excused(report, f"drain {latency} ms", name):
                drain(figures, stack, endpoint, jobs, latency)


def measure_one_process(
    report: Report, figures: Figures, stack: Stack, endpoint: Endpoint, *, jobs: int, rounds: int
) -> None:
    """The same of one worker: the last that is measured, since the other is gone then."""
    stack.stop_worker(1)
    for turn in range(rounds):
        report.say(f"drain: 0 ms, one process, round {turn + 1} of {rounds}")
        aside = Figures()
        with figures.excused(report, "drain one process", stack.contender.name):
            _measure_bare(aside, endpoint, jobs, 0, floors=(BARE,))
            drain(aside, stack, endpoint, jobs, 0)
            for name in (stack.contender.name, BARE):
                figures.add("drain one process", name, aside.median("drain 0 ms", name))


def drain(figures: Figures, stack: Stack, endpoint: Endpoint, jobs: int, latency: int) -> None:
    """Of one contender, once."""
    name, which = stack.contender.name, f"{latency} ms"
    memory = stack.used_memory()
    endpoint.set(closed=True)
    last = stack.producer.ask("bulk", first=fresh(jobs), count=jobs)["id"]
    time.sleep(SETTLE_SECONDS)
    held = len(endpoint.arrivals())
    cpu, began = cpu_seconds(stack.pids), time.monotonic()
    with Peak(stack) as peak:
        times = _open_and_await(endpoint, jobs - held, latency / 1000)
        stack.producer.ask("await_sent", id=last, timeout=PATIENCE_SECONDS)
        time.sleep(SETTLE_SECONDS)
    spent = cpu_seconds(stack.pids) - cpu
    figures.add(f"drain {which}", name, (jobs - held) / (times[-1] - began))
    figures.add(f"cpu {which}", name, 1000 * spent / jobs)
    figures.add("peak MiB", name, peak.mib)
    figures.add("finished bytes", name, (stack.used_memory() - memory) / jobs)


def _open_and_await(endpoint: Endpoint, count: int, latency: float) -> list[float]:
    times: list[float] = []

    def arrived() -> int:
        times.extend(endpoint.arrivals())
        return len(times)

    endpoint.set(latency=latency)
    await_count(count, arrived, PATIENCE_SECONDS)
    return times


def _measure_bare(
    figures: Figures, endpoint: Endpoint, jobs: int, latency: int, floors: Sequence[str] = (BARE, BARE_POOL)
) -> None:
    endpoint.set(latency=latency / 1000)
    for name in floors:
        processes, threads = (1, 1) if name == BARE else (2, 16)
        calls = jobs // 10 if name == BARE and latency else jobs
        answers = bare(endpoint.url, calls // processes, processes=processes, threads=threads)
        figures.add(f"drain {latency} ms", name, sum(one["calls"] / one["seconds"] for one in answers))
        spent = sum(one["cpu"] for one in answers) / sum(one["calls"] for one in answers)
        figures.add(f"cpu {latency} ms", name, 1000 * spent)


def bare(url: str, calls: int, *, processes: int = 1, threads: int = 1) -> list[dict[str, float]]:
    """Calls, seconds and CPU of each process that makes about so many calls of boto3."""
    environment = {"BENCH_ENDPOINT": url, "AWS_ACCESS_KEY_ID": "SANDBOXACCESSKEYID00", "AWS_SECRET_ACCESS_KEY": "x"}
    command = [sys.executable, "-m", "benchmarks.peers.bare", str(calls), str(threads)]
    with ThreadPoolExecutor(processes) as pool:
        run = partial(subprocess.run, env=environment, cwd=ROOT, capture_output=True, text=True, check=True)
        return [json.loads(done.stdout) for done in pool.map(run, [command] * processes)]


def measure_latency(
    report: Report, figures: Figures, stacks: Sequence[Stack], *, warm: int, cold: int, rounds: int
) -> None:
    """One job at a time on idle workers, contender by contender: warm with little between, cold with 2.5 s between."""
    for kind, count, pause in (*[("warm", warm, 0.0)] * rounds, ("cold", cold, 2.5)):
        report.say(f"idle latency: {kind}, {count} jobs each")
        taken: dict[str, list[float]] = {stack.contender.name: [] for stack in stacks}
        for _, stack in itertools.product(range(count), stacks):
            name = stack.contender.name
            with figures.excused(report, f"idle {kind} p50", name):
                seconds = stack.producer.ask("visible", first=fresh(1), timeout=30)["seconds"]
                taken[name].append(1000 * seconds)
            time.sleep(pause / len(stacks))
        for name, values in taken.items():
            if not values:
                continue
            figures.values[f"idle {kind}"][name] += values
            for share in (50, 99):
                figures.add(f"idle {kind} p{share}", name, percentile(values, share / 100))


def measure_polls(report: Report, figures: Figures, stacks: Sequence[Stack], *, count: int, rounds: int) -> None:
    """Reads of one status by id, one after the other."""
    for _, stack in itertools.product(range(rounds), stacks):
        name = stack.contender.name
        with figures.excused(report, "polls", name):
            id_ = stack.producer.ask("visible", first=fresh(1), timeout=30)["id"]
            figures.add("polls", name, count / stack.producer.ask("polls", id=id_, count=count)["seconds"])


def measure_statuses(
    report: Report, figures: Figures, stack: Stack, endpoint: Endpoint, *, calls: int, waiting: int, rounds: int
) -> None:
    """outbound-chat alone: reads of 1,000 statuses, and one client that waits for many jobs while they are sent."""
    name, ids = stack.contender.name, 1_000
    last = stack.producer.ask("bulk", first=fresh(ids), count=ids)["id"]
    stack.producer.ask("await_sent", id=last, timeout=PATIENCE_SECONDS)
    for turn in range(rounds):
        report.say(f"statuses: round {turn + 1} of {rounds}")
        with figures.excused(report, "statuses of 1,000", name):
            seconds = stack.producer.ask("statuses", last=last, count=ids, calls=calls)["seconds"]
            figures.add("statuses of 1,000", name, calls / seconds)
            figures.add("us a status", name, 1e6 * seconds / calls / ids)
        with figures.excused(report, "wait for many, s", name):
            answer = _wait_for_many(stack, endpoint, waiting)
            figures.add("wait for many, s", name, answer["seconds"])
            figures.add("wait for many, CPU s", name, answer["cpu"])


def _wait_for_many(stack: Stack, endpoint: Endpoint, count: int) -> dict[str, float]:
    endpoint.set(closed=True)
    try:
        last = stack.producer.ask("bulk", first=fresh(count), count=count)["id"]
        stack.producer.begin("wait_for", last=last, count=count, timeout=PATIENCE_SECONDS)
    finally:
        endpoint.set()
    return stack.producer.answer()


def measure_memory(report: Report, figures: Figures, stack: Stack, endpoint: Endpoint) -> None:
    """Of its workers, once all of their threads have made calls."""
    report.say(f"memory: {stack.contender.name}")
    with figures.excused(report, "idle MiB", stack.contender.name):
        stack.start_workers()
        stack.await_ready(fresh(1_000))
        drain(Figures(), stack, endpoint, MEMORY_JOBS, 50)
        figures.add("idle MiB", stack.contender.name, resident_mib(stack.pids))


def p99(figures: Figures, figure: str, contender: str) -> float:
    """Of all values; with fewer than 100 it is the longest."""
    return percentile(figures.values[figure].get(contender, []), 0.99)
