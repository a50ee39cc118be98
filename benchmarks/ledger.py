"""Ledgers of a chosen size, each on a server of its own, worked on by the store's own scripts and no worker."""

import json
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.stack import SENDER, TEXT
from outbound_chat.model.ids import new_local_id
from outbound_chat.model.jobs import Priority
from outbound_chat.request import ChatRequest
from outbound_chat.store import Keys, ScriptCall, Store, scripts
from outbound_chat.store.scripts import NewJob, Result
from outbound_chat_worker.local.embedded import EmbeddedServer
from tests.store.ledger import DAY_MS, Ledger, Taken, lane, new_job
from tests.support.harness import number

T = TypeVar("T")

UNPACED = 1_000_000
"""Rate and burst: no claim of a benchmark lacks a token."""
_PREPARED = 2
"""Calls that are made while the server works on one."""
_CONTACT = "01234567-89ab-cdef-0123-456789abcdef"


def _stored(**options: str) -> str:
    """A request as the client stores it."""
    return json.dumps(ChatRequest.from_short(options).stored(), ensure_ascii=False, separators=(",", ":"))


_SHARED = _stored(text=TEXT)
_OF_ROW = _stored(to="TO")
_OF_JOB = _stored(to="TO", text=TEXT)


@dataclass(frozen=True, slots=True)
class Cost:
    """What one call of a script took, in microseconds."""

    server: float
    """By the server's own count."""
    round_trip: float
    """As its caller sees it."""

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.server + other.server, self.round_trip + other.round_trip)


class Side:
    """One side of a comparison: a budget on a server of its own."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ledger = Ledger(store, store.redis)
        self._ledger.configure(rate=UNPACED, burst=UNPACED)
        self._rows = 0
        self.due_lanes: list[str] = []
        """Lanes that jobs to be claimed come from and go to."""

    def open_batch(self) -> None:
        """Begins a batch whose jobs share all but their number, and makes its lane the only due one."""
        batch = new_local_id()
        name = lane(Priority.BULK, SENDER, batch=batch)
        keys = self._ledger.keys
        self._ledger.run(scripts.open_batch(keys, batch=batch, lane=name, name="bench", shared=_SHARED))
        self.due_lanes = [name]

    def open_lanes(self, count: int) -> None:
        """Makes the lanes of so many tenants the due ones."""
        self.due_lanes = [lane(sender=SENDER, tenant=f"tenant-{index}") for index in range(count)]

    def fill(self, count: int) -> None:
        """Puts so many due jobs into the due lanes, as evenly as it can, at most 500 a call."""
        # While the server works on one call, the next is made; and no more calls than that are held. One thread: rows
        # of a batch that come out of order are taken for a repetition.
        with ThreadPoolExecutor(1) as pool:
            under_way: deque[Future[None]] = deque()
            for name, share in self._chunks(count):
                under_way.append(pool.submit(self.submit, name, self.new_jobs(name, share)))
                if len(under_way) > _PREPARED:
                    under_way.popleft().result()
            for future in under_way:
                future.result()

    def fill_for_later(self, lanes: int) -> None:
        """Makes so many lanes that hold one job each, due tomorrow."""
        tomorrow = int(time.time() * 1000) + DAY_MS
        for index in range(lanes):
            name = lane(sender=SENDER, tenant=f"later-{index}")
            self.submit(name, self.new_jobs(name, 1, send_at_ms=tomorrow))

    def _chunks(self, count: int) -> Iterator[tuple[str, int]]:
        lanes = len(self.due_lanes)
        for index, name in enumerate(self.due_lanes):
            share = (count + lanes - 1 - index) // lanes
            for start in range(0, share, scripts.MOST_JOBS):
                yield name, min(scripts.MOST_JOBS, share - start)

    def new_jobs(self, name: str, count: int, *, send_at_ms: int = 0) -> list[NewJob]:
        """New jobs for the lane: rows where it is a batch's, else single jobs with a whole request."""
        batch = name.rpartition(":")[2]
        jobs = []
        for _ in range(count):
            self._rows += 1
            local_id = f"{batch}-{self._rows}" if batch else new_local_id()
            request = (_OF_ROW if batch else _OF_JOB).replace("TO", number(self._rows))
            jobs.append(new_job(local_id, send_at_ms=send_at_ms, request=request))
        return jobs

    def submit(self, name: str, jobs: Sequence[NewJob]) -> None:
        """Takes the jobs into the lane."""
        self._ledger.submit(*jobs, lane=name, max_age_ms=3 * DAY_MS, watched=False)

    @property
    def redis(self) -> Any:
        """A client of its server."""
        return self._store.redis

    @property
    def keys(self) -> Keys:
        """Names of the budget's keys."""
        return self._ledger.keys

    def run(self, call: ScriptCall[T]) -> T:
        """Runs a call on the ledger's own connection."""
        return self._store.run(call)

    def claim(self, wanted: int) -> Taken:
        """Takes so many jobs, or fewer, to be called."""
        return self._ledger.take(wanted)

    def finish(self, taken: Taken) -> None:
        """Records the jobs as sent."""
        results = [Result(local_id=id_, claim=taken.claim, outcome="sent", contact_id=_CONTACT) for id_ in taken.ids]
        self._ledger.run(scripts.finish(self._ledger.keys, results))

    def lose_place(self, name: str) -> str:
        """Takes a job out of its lane behind the scripts' back; its id."""
        (local_id,) = self._store.redis.zrange(self.keys.base + f"lane:{name}", 5, 5)
        self._store.redis.zrem(self.keys.base + f"lane:{name}", local_id)
        return str(local_id)

    def lose_lane(self, name: str) -> str:
        """Deletes the ring of a lane's tenant; the lane."""
        self._store.redis.delete(self.keys.base + f"ring:2:{name.split(':')[2]}")
        return name

    def lose_lease(self) -> str:
        """Claims a job and deletes its lease; its id."""
        (local_id,) = self.claim(1).ids
        self._store.redis.zrem(self.keys.base + "leases", local_id)
        return local_id

    def timed(self, work: Callable[[], T]) -> tuple[T, Cost]:
        """Runs one script and tells what it cost."""
        before = self._script_us()
        began = time.perf_counter_ns()
        answer = work()
        round_trip = (time.perf_counter_ns() - began) / 1000
        return answer, Cost(self._script_us() - before, round_trip)

    def _script_us(self) -> float:
        return float(self._store.redis.info("commandstats")["cmdstat_fcall"]["usec"])

    def cpu_us(self) -> float:
        """CPU time that the server's main thread has had, to which a busy machine does not add."""
        info = self._store.redis.info("cpu")
        return 1e6 * float(info["used_cpu_user_main_thread"] + info["used_cpu_sys_main_thread"])

    def waiting(self) -> int:
        """Jobs that wait for a call."""
        return self._store.counts(self.keys).get("waiting", 0)

    def used_memory(self) -> int:
        """Bytes that the server holds, but for the buffers of connections, which come and go."""
        memory = self._store.redis.info("memory")
        return int(memory["used_memory"] - memory["mem_clients_normal"])


@contextmanager
def running_side(folder: Path) -> Iterator[Side]:
    """An empty ledger on a new server.

    A server of its own: two budgets on one would share the table of keys, and the small side would pay for the large
    one's. Nothing goes to disk: a rewrite of the append-only file would be measured instead of the scripts.
    """
    server = EmbeddedServer(folder, options=("--appendonly", "no"))
    try:
        with Store(server.url) as store:
            yield Side(store)
    finally:
        server.stop()
