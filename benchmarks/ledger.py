"""Ledgers of a chosen size, each on a server of its own, worked on by the store's own scripts and no worker."""

import json
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from benchmarks.stack import TEXT
from outbound_chat.ids import new_local_id
from outbound_chat.jobs import Priority
from outbound_chat.request import ChatRequest
from outbound_chat.store import Call, Store, calls
from outbound_chat.store.calls import Claimed, NewJob, Result, Submitted
from outbound_chat.store.records import lane_of
from outbound_chat_worker.embedded import EmbeddedServer
from tests.harness import number

T = TypeVar("T")

DAY_MS = 86_400_000
LEASE_MS = 60_000
_CONNECTIONS = 2
UNPACED = 1_000_000
"""Rate and burst: no claim of a benchmark lacks a token."""


def stored_request(**own: str) -> str:
    """A request as the client stores it."""
    return json.dumps(ChatRequest.from_short(own).stored(), ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Taken:
    """Jobs of one claim."""

    claim: str
    local_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cost:
    """What one call of a script took, in microseconds."""

    server: float
    """By the server's own count."""
    round_trip: float
    """As its caller sees it."""


class Ledger:
    """One budget on one server."""

    def __init__(self, server: EmbeddedServer, store: Store) -> None:
        self._server = server
        self._store = store
        self._keys = store.keys("main")
        self._rows = 0
        self.due_lanes: list[str] = []
        """Lanes that jobs to be claimed come from and go to."""
        self._run(calls.configure(self._keys, version="1", rate=UNPACED, burst=UNPACED, max_pumps=1, keep_ms=LEASE_MS))

    def _run(self, call: Call[T]) -> T:
        return self._store.run(call)

    def open_batch(self) -> None:
        """Begins a batch whose jobs share all but their number, and makes its lane the only due one."""
        batch = new_local_id()
        lane = lane_of(Priority.BULK, "support", None, batch)
        self._run(calls.open_batch(self._keys, batch=batch, lane=lane, name="bench", shared=_SHARED))
        self.due_lanes = [lane]

    def open_lanes(self, count: int) -> None:
        """Makes the lanes of so many tenants the due ones."""
        self.due_lanes = [lane_of(Priority.NORMAL, "support", f"tenant-{index}", None) for index in range(count)]

    def fill(self, count: int) -> None:
        """Puts so many due jobs into the due lanes, as evenly as it can, at most 500 a call."""
        # Two connections: while the server works on one call, the next is made; and no more calls than that are held.
        with ThreadPoolExecutor(_CONNECTIONS) as pool:
            under_way: deque[Future[Submitted | calls.NotOpen]] = deque()
            for lane, share in self._shares(count):
                for call in self._chunks(lane, share):
                    under_way.append(pool.submit(self._run, call))
                    if len(under_way) > _CONNECTIONS:
                        under_way.popleft().result()
            for future in under_way:
                future.result()

    def fill_for_later(self, lanes: int) -> None:
        """Makes so many lanes that hold one job each, due tomorrow."""
        tomorrow = int(time.time() * 1000) + DAY_MS
        for index in range(lanes):
            lane = lane_of(Priority.NORMAL, "support", f"later-{index}", None)
            self._run(self.submitting(lane, 1, send_at_ms=tomorrow))

    def _shares(self, count: int) -> Iterator[tuple[str, int]]:
        lanes = len(self.due_lanes)
        for index, lane in enumerate(self.due_lanes):
            if share := (count + lanes - 1 - index) // lanes:
                yield lane, share

    def _chunks(self, lane: str, count: int) -> "Iterator[Call[Submitted | calls.NotOpen]]":
        for start in range(0, count, calls.MOST_JOBS):
            yield self.submitting(lane, min(calls.MOST_JOBS, count - start))

    def submitting(self, lane: str, count: int, *, send_at_ms: int = 0) -> "Call[Submitted | calls.NotOpen]":
        """A call that submits new jobs: rows where the lane is a batch's, else single jobs with a whole request."""
        batch = lane.rpartition(":")[2]
        jobs = []
        for _ in range(count):
            self._rows += 1
            to = number(self._rows)
            jobs.append(
                NewJob(
                    local_id=f"{batch}-{self._rows}" if batch else new_local_id(),
                    send_at_ms=send_at_ms,
                    expires_ms=0,
                    parts=1,
                    token="",
                    idem="",
                    fingerprint="-",
                    request=_OF_ROW.replace("TO", to) if batch else _OF_JOB.replace("TO", to),
                )
            )
        return calls.submit(self._keys, lane=lane, max_age_ms=3 * DAY_MS, rejected=0, jobs=jobs)

    def claiming(self, wanted: int) -> tuple[str, "Call[Claimed | calls.Empty | calls.Paced | calls.Unconfigured]"]:
        """A claim id, and the call that claims so many jobs under it."""
        claim = new_local_id()
        call = calls.claim(
            self._keys, pump="bench", claim_id=claim, wanted=wanted, lease_ms=LEASE_MS, linger_ms=0, first=False
        )
        return claim, call

    def finishing(self, claim: str, local_ids: Sequence[str]) -> Call[list[str]]:
        """A call that records them as sent."""
        contact = "01234567-89ab-cdef-0123-456789abcdef"
        return calls.finish(
            self._keys, [Result(local_id=id_, claim=claim, outcome="sent", contact_id=contact) for id_ in local_ids]
        )

    def timed(self, call: Call[T]) -> tuple[T, Cost]:
        """Runs the call and tells what it cost."""
        before = self._script_us()
        began = time.perf_counter_ns()
        answer = self._run(call)
        round_trip = (time.perf_counter_ns() - began) / 1000
        return answer, Cost(self._script_us() - before, round_trip)

    def _script_us(self) -> float:
        return float(self._store.redis.info("commandstats")["cmdstat_evalsha"]["usec"])

    def used_memory(self) -> int:
        """Bytes that the server holds."""
        return int(self._store.redis.info("memory")["used_memory"])


_SHARED = stored_request(text=TEXT)
_OF_ROW = stored_request(to="TO")
_OF_JOB = stored_request(to="TO", text=TEXT)


@contextmanager
def running_ledger(folder: Path) -> Iterator[Ledger]:
    """An empty ledger on a new server.

    A server of its own: two budgets on one would share the table of keys, and the small side would pay for the large
    one's. Nothing goes to disk: a rewrite of the append-only file would be measured instead of the scripts.
    """
    server = EmbeddedServer(folder, options=("--appendonly", "no"))
    try:
        with Store(server.url) as store:
            yield Ledger(server, store)
    finally:
        server.stop()
