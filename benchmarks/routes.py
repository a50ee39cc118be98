"""One process of the HTTP service beside bare routes under the same uvicorn: requests a second, and CPU of each."""

import asyncio
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.peers import outbound
from benchmarks.report import Report
from benchmarks.rig import SOURCES, cpu_seconds, family
from benchmarks.speed import Figures, fresh
from tests.support.harness import Harness, free_port, running_harness

KEYED, OPEN, BARE_ROUTE = "outbound-chat", "outbound-chat, no API key", "bare FastAPI and redis.asyncio"
POST, GET = "POST /v1/jobs", "GET /v1/jobs/{id}"
CONNECTIONS = 16
READ_JOBS = 64
WARM_UP = 200
START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class _Service:
    name: str
    url: str
    pid: int
    key: str = ""

    def request(self, method: str, path: str, body: bytes = b"") -> bytes:
        """As it goes over the wire."""
        head = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Accept: */*", "Content-Type: application/json"]
        key = [f"Authorization: Bearer {self.key}"] if self.key else []
        return "\r\n".join([*head, *key, f"Content-Length: {len(body)}", "", ""]).encode() + body


def measure_routes(report: Report, figures: Figures, folder: Path, *, count: int, rounds: int) -> None:
    """Each serves alone what 16 connections ask, one request after the other each; in turn, round by round."""
    with running_harness(folder) as stack, figures.excused(report, POST, KEYED):
        services = _started(stack)
        for service in services:
            # What is loaded and connected with the first requests is no cost of the others.
            _measure(Figures(), service, WARM_UP)
        for turn in range(rounds):
            report.say(f"http: round {turn + 1} of {rounds}")
            for service in services:
                _measure(figures, service, count)


def _started(stack: Harness) -> list[_Service]:
    def start(name: str, *command: str, key: str = "", **environment: str) -> _Service:
        port = free_port()
        arguments = [sys.executable, "-m", *(part.replace("PORT", str(port)) for part in command)]
        process = stack.start(arguments, environment)
        url, ends = f"http://127.0.0.1:{port}", time.monotonic() + START_SECONDS
        while time.monotonic() < ends:
            try:
                httpx.get(f"{url}/healthz", trust_env=False)
            except httpx.TransportError:
                time.sleep(0.1)
            else:
                return _Service(name, url, process.pid, key)
        raise RuntimeError(stack.logs())

    service = ("outbound_chat.cli", "http", "--port", "PORT")
    free = start(OPEN, *service, OUTBOUND_CHAT_KEY_PREFIX="open")
    made = stack.run("keys", "create", "bench", "--scope", "enqueue", "--scope", "read", "--json")
    keyed = start(KEYED, *service, key=json.loads(made.stdout)["data"]["key"])
    environment = {"BENCH_REDIS_URL": stack.server.url, "PYTHONPATH": os.pathsep.join(map(str, SOURCES))}
    return [keyed, free, start(BARE_ROUTE, "benchmarks.peers.bare_http", "PORT", **environment)]


def _measure(figures: Figures, service: _Service, count: int) -> None:
    first = fresh(count)
    bodies = [json.dumps({"sender": outbound.SENDER, **outbound.job_of(first + index)}) for index in range(count)]
    made = _timed(figures, service, POST, [service.request("POST", "/v1/jobs", body.encode()) for body in bodies])
    ids = [json.loads(answer)["id"] for answer in made[:READ_JOBS]]
    reads = [service.request("GET", f"/v1/jobs/{ids[index % len(ids)]}") for index in range(count)]
    _timed(figures, service, GET, reads)


def _timed(figures: Figures, service: _Service, figure: str, requests: Sequence[bytes]) -> list[bytes]:
    pids = family(service.pid)
    cpu, began = cpu_seconds(pids), time.monotonic()
    answers = asyncio.run(_ask_all(service.url, requests))
    seconds = time.monotonic() - began
    figures.add(figure, service.name, len(requests) / seconds)
    figures.add(f"cpu {figure}", service.name, 1e6 * (cpu_seconds(pids) - cpu) / len(requests))
    return answers


async def _ask_all(url: str, requests: Sequence[bytes]) -> list[bytes]:
    port = int(url.rpartition(":")[2])
    answers: list[bytes] = []
    todo = iter(requests)

    async def ask() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for request in todo:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            answers.append(await reader.readexactly(int(head.lower().partition(b"content-length:")[2].split()[0])))
            if not head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 201")):
                raise RuntimeError(f"{head.decode()}{answers[-1].decode()}")
        writer.close()

    await asyncio.gather(*(ask() for _ in range(CONNECTIONS)))
    return answers
