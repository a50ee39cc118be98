"""The producer process of a peer: reads a command a line, does it, and answers how long it took, as JSON.

`python -m benchmarks.peers.producer MODULE`. In a process of its own, since peers need other versions of one library
and must not warm each other's caches.
"""

import asyncio
import gc
import importlib
import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from benchmarks.peers.work import job_of

POLL_SECONDS = 0.001


class Peer(Protocol):
    """What a peer's module has as `Producer`."""

    def enqueue(self, job: dict[str, Any], *, urgent: bool) -> str:
        """Puts one job in; the id to poll it by."""

    def enqueue_bulk(self, jobs: Sequence[dict[str, Any]]) -> str:
        """Puts many in by the quickest way that the peer documents; the last one's id."""

    def is_sent(self, job_id: str) -> bool:
        """Whether the job's result says so."""

    # A peer that takes no request of boto3 has its own `job_of`, and `row_of` where a row of many is something else.


class Commands:
    """Verbs of the rig. Times are `time.monotonic()`, which the processes of a machine share."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._job_of: Callable[[int], Any] = getattr(peer, "job_of", job_of)
        self._row_of: Callable[[int], Any] = getattr(peer, "row_of", self._job_of)

    def single(self, first: int, count: int, *, urgent: bool = False) -> dict[str, Any]:
        """One after the other."""
        jobs = [self._job_of(index) for index in range(first, first + count)]
        gc.collect()
        began, cpu = time.monotonic(), time.process_time()
        ids = [self._peer.enqueue(job, urgent=urgent) for job in jobs]
        return _taken(began, cpu) | {"began": began, "id": ids[-1]}

    def other(self, first: int) -> dict[str, Any]:
        """One job that has nothing to do with the others: of another tenant, where a peer knows tenants."""
        job, enqueue = self._job_of(first), getattr(self._peer, "enqueue_other", None)
        began = time.monotonic()
        id_ = enqueue(job) if enqueue else self._peer.enqueue(job, urgent=False)
        return {"began": began, "id": id_}

    def bulk(self, first: int, count: int) -> dict[str, Any]:
        """All at once."""
        return self._bulk(self._peer.enqueue_bulk, self._row_of, first, count)

    def unshared(self, first: int, count: int) -> dict[str, Any]:
        """All at once, of outbound-chat: where its rows could share something, and do not."""
        peer: Any = self._peer
        return self._bulk(peer.enqueue_unshared, self._job_of, first, count)

    def _bulk(
        self, enqueue: Callable[[Any], str], row_of: Callable[[int], Any], first: int, count: int
    ) -> dict[str, Any]:
        jobs = [row_of(index) for index in range(first, first + count)]
        gc.collect()
        began, cpu = time.monotonic(), time.process_time()
        last = enqueue(jobs)
        return _taken(began, cpu) | {"began": began, "id": last}

    def visible(self, first: int, timeout: float) -> dict[str, Any]:
        """From before enqueue until a poll says sent."""
        job = self._job_of(first)
        began = time.monotonic()
        id_ = self._peer.enqueue(job, urgent=False)
        return self.await_sent(id_, timeout) | {"seconds": time.monotonic() - began}

    def await_sent(self, id: str, timeout: float) -> dict[str, Any]:  # noqa: A002  # a name of the protocol
        """Polls until the job is sent."""
        ends = time.monotonic() + timeout
        while not self._peer.is_sent(id):
            if time.monotonic() > ends:
                raise TimeoutError(f"not sent after {timeout:g} s")
            time.sleep(POLL_SECONDS)
        return {"id": id}

    def polls(self, id: str, count: int) -> dict[str, Any]:  # noqa: A002  # a name of the protocol
        """Reads one status so many times."""
        began = time.monotonic()
        for _ in range(count):
            self._peer.is_sent(id)
        return {"seconds": time.monotonic() - began}

    # What outbound-chat alone is asked.

    def waited(self, first: int, timeout: float) -> dict[str, Any]:
        """From before enqueue until `wait` returns."""
        peer: Any = self._peer
        job = self._job_of(first)
        began = time.monotonic()
        peer.wait(self._peer.enqueue(job, urgent=False), timeout)
        return {"seconds": time.monotonic() - began}

    def statuses(self, last: str, count: int, calls: int) -> dict[str, Any]:
        """Reads the statuses of a whole batch so many times."""
        peer: Any = self._peer
        ids = _ids(last, count)
        began = time.monotonic()
        for _ in range(calls):
            peer.statuses(ids)
        return {"seconds": time.monotonic() - began}

    def wait_for(self, last: str, count: int, timeout: float) -> dict[str, Any]:
        """Waits for all jobs of a batch, each by itself, in one event loop."""
        peer: Any = self._peer
        began, cpu = time.monotonic(), time.process_time()
        asyncio.run(peer.wait_for(_ids(last, count), timeout))
        return _taken(began, cpu)


def _taken(began: float, cpu: float) -> dict[str, Any]:
    return {"seconds": time.monotonic() - began, "cpu": time.process_time() - cpu}


def _ids(last: str, count: int) -> list[str]:
    """The batch's, of which this is the last."""
    batch = last.rpartition("-")[0]
    return [f"{batch}-{row}" for row in range(1, count + 1)]


def main() -> None:
    """Serves until its standard input ends."""
    commands = Commands(importlib.import_module(f"benchmarks.peers.{sys.argv[1]}").Producer())
    answers = sys.stdout
    sys.stdout = sys.stderr
    for line in sys.stdin:
        verb, arguments = json.loads(line)
        try:
            answer = getattr(commands, verb)(**arguments)
        except Exception as error:  # noqa: BLE001  # whatever goes wrong with a peer is the reason for its empty cell
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
