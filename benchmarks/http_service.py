"""The HTTP service: CPU of idle long polls, time from a result to its answer, and memory while a large CSV streams in.

python -m benchmarks.http_service [--pollers 1000] [--seconds 30] [--rows 100000]
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from outbound_chat.model.ids import new_local_id
from outbound_chat.store import Store, scripts
from outbound_chat.store.scripts import Claimed, Outcome, Result
from tests.support.harness import Harness, free_port, number, running_harness

JOB = {"sender": "support", "text": "Your parcel arrives today"}
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """CPU that a process used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory_kib(pid: int, field: str) -> int:
    """VmRSS (now) or VmHWM (peak) of a process."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(f"{field}:"))


def start(stack: Harness) -> tuple[subprocess.Popen[bytes], str]:
    """The service, when it answers."""
    port = free_port()
    process = stack.start([sys.executable, "-m", "outbound_chat.cli", "http", "--port", str(port)])
    url = f"http://127.0.0.1:{port}"
    for _ in range(600):
        try:
            httpx.get(f"{url}/healthz")
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return process, url
    raise RuntimeError(stack.logs())


def rows(count: int, every: int) -> Iterator[bytes]:
    """A CSV, of which each `every`th row has no usable number."""
    yield b"to,text\n"
    for first in range(1, count + 1, 500):
        lines = [
            f"{'12' if row % every == 0 else number(row)},Your parcel {row} has left and arrives today"
            for row in range(first, min(first + 500, count + 1))
        ]
        yield ("\n".join(lines) + "\n").encode()


def send_all(store: Store) -> None:
    """What a worker does, without one: so that the moment of the result is known."""
    keys, claim = store.keys("main"), new_local_id()
    call = scripts.claim(keys, pump="bench", claim_id=claim, wanted=500, lease_ms=60_000, linger_ms=0, nonce="")
    claimed = store.run(call)
    if isinstance(claimed, Claimed):
        results = [
            Result(local_id=job.local_id, claim=claim, outcome=Outcome.SENT, contact_id=f"c-{job.local_id}")
            for job in claimed.jobs
        ]
        store.run(scripts.finish(keys, results))


async def read_once(http: httpx.AsyncClient, job_id: str) -> float:
    """Milliseconds that a read takes."""
    began = time.perf_counter()
    await http.get(f"/v1/jobs/{job_id}")
    return (time.perf_counter() - began) * 1000


def show(what: str, milliseconds: list[float]) -> None:
    """A line of two percentiles."""
    cuts = statistics.quantiles(milliseconds, n=100)
    print(f"{what}: p50 {cuts[49]:.1f} ms, p99 {cuts[98]:.1f} ms", flush=True)


async def polls(url: str, process: subprocess.Popen[bytes], store: Store, pollers: int, seconds: float) -> None:
    """Measures idle pollers, then the time from result to answer with all of them waiting."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=url, timeout=120, limits=limits) as http:
        tomorrow = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(time.time() + 86_400))
        later = {**JOB, "send_at": tomorrow}
        ids = [(await http.post("/v1/jobs", json={**later, "to": number(row)})).json()["id"] for row in range(pollers)]
        waiting = [asyncio.create_task(http.get(f"/v1/jobs/{id_}", params={"wait": 60})) for id_ in ids]
        while len(store.redis.pubsub_channels("oc:*done*")) < pollers:  # noqa: ASYNC110  # another process's event
            await asyncio.sleep(0.1)
        await asyncio.sleep(1)
        before = cpu_seconds(process.pid)
        await asyncio.sleep(seconds)
        used = cpu_seconds(process.pid) - before
        print(f"{pollers} idle pollers: {used / seconds:.2%} of a core over {seconds:g} s ({used:.2f} s)")
        # A client of its own: one with 1,000 connections takes longer to choose one than the service to answer.
        async with httpx.AsyncClient(base_url=url, timeout=120) as alone:
            await latency(alone, store, ids[0], pollers)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def latency(http: httpx.AsyncClient, store: Store, known: str, pollers: int) -> None:
    """Measures the time from a result to its answer, and that of a plain read."""
    taken: list[float] = []
    for row in range(200):
        job = (await http.post("/v1/jobs", json={**JOB, "to": number(row)})).json()
        poll = asyncio.create_task(http.get(f"/v1/jobs/{job['id']}", params={"wait": 30}))
        channel = store.keys("main").done(job["id"].partition(".")[2])
        while not store.redis.pubsub_numsub(channel)[0][1]:  # noqa: ASYNC110  # as above
            await asyncio.sleep(0.002)
        began = time.perf_counter()
        send_all(store)
        assert (await poll).json()["final"]  # noqa: S101  # a benchmark of nothing would look good
        taken.append((time.perf_counter() - began) * 1000)
    show(f"result to answer, with {pollers} others waiting", taken)
    show("a plain read of a job, for comparison", [await read_once(http, known) for _ in range(200)])


def stream(url: str, process: subprocess.Popen[bytes], count: int, every: int) -> None:
    """Measures a CSV that streams in."""
    before = memory_kib(process.pid, "VmRSS")
    Path(f"/proc/{process.pid}/clear_refs").write_text("5", encoding="ascii")
    began, cpu = time.perf_counter(), cpu_seconds(process.pid)
    kind = {"Content-Type": "text/csv"}
    answer = httpx.post(
        f"{url}/v1/batches", params={"sender": "support"}, content=rows(count, every), headers=kind, timeout=600
    )
    receipt, taken = answer.json(), time.perf_counter() - began
    peak = memory_kib(process.pid, "VmHWM")
    print(
        f"CSV of {count:,} rows: {receipt['accepted']:,} accepted, {receipt['rejected']:,} rejected in {taken:.1f} s "
        f"({count / taken:,.0f} rows/s, {cpu_seconds(process.pid) - cpu:.1f} s CPU); "
        f"memory {before / 1024:.1f} MiB before, {peak / 1024:.1f} MiB at most"
    )


def main() -> None:
    """Runs all three."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pollers", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--rows", type=int, default=100_000)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        running_harness(Path(folder)) as stack,
        Store(stack.server.url) as store,
    ):
        keys = store.keys("main")
        limits: dict[str, Any] = {"rate": 10_000.0, "burst": 10_000, "max_pumps": 1, "keep_ms": 600_000}
        store.run(scripts.configure(keys, version="v", senders={}, weights={}, **limits))
        process, url = start(stack)
        asyncio.run(polls(url, process, store, options.pollers, options.seconds))
        for count, every in ((2_000, 100), (options.rows, 100), (options.rows, 2)):
            stream(url, process, count, every)


if __name__ == "__main__":
    main()
