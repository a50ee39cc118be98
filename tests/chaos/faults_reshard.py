"""The budget's slot moves to another node of a Redis Cluster, while producers enqueue and workers send.

While it moves no script runs on it, so that work stands still; what is enqueued meanwhile is tried again with the same
idempotency key. Valkey 9's own way moves it in one moment. The time until work goes on is counted from the end of the
move.
"""

import contextlib
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from outbound_chat.client import OutboundChat
from outbound_chat.model.errors import StoreError
from tests.support.clusters import Node, SlotMove, move_at_once, slot_of

from .faults import Fault
from .faults_failover import lacks_valkey_9
from .rig import BUDGET, Rig, RigOptions

KIND = "reshard"
PROMISE = 5.0
RIG = RigOptions(cluster=True)
SLOT = slot_of(BUDGET)
STEPS = 20
BETWEEN_STEPS_SECONDS = 0.05
INSISTED = 40
BETWEEN_READS_SECONDS = 0.02
READ = 100
TOOL_SECONDS = 120
JOINS_SECONDS = 120


@contextmanager
def _traffic(rig: Rig) -> Iterator[None]:
    """A producer that lets go of what is refused, one that repeats it with its key until it is taken, and a reader."""
    ends, unknown = threading.Event(), set[str]()
    with OutboundChat.from_settings(rig.direct) as lets_go, OutboundChat.from_settings(rig.direct) as insists:
        threads = [
            threading.Thread(target=rig.traffic.offer_until, args=(lets_go, ends), name="lets go"),
            threading.Thread(target=rig.traffic.insist, args=(insists, INSISTED), name="insists"),
            threading.Thread(target=_read, args=(rig, ends, unknown), name="reads"),
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            ends.set()
            for thread in threads:
                thread.join(JOINS_SECONDS)
    if unknown:
        raise AssertionError(f"{len(unknown)} acknowledged jobs were unknown while the slot moved")


def _read(rig: Rig, ends: threading.Event, unknown: set[str]) -> None:
    with OutboundChat.from_settings(rig.direct) as chat:
        while not ends.wait(BETWEEN_READS_SECONDS):
            ids = list(rig.traffic.durable)[-READ:]
            with contextlib.suppress(StoreError):
                unknown.update(id_ for id_, job in chat.statuses(ids).items() if job is None)


def _target(rig: Rig) -> Node:
    """The one of the last two nodes that has no slot, so that most clients don't know it."""
    (target,) = (node for node in rig.cluster.nodes[-2:] if node is not rig.cluster.owner(SLOT))
    return target


def by_hand(rig: Rig) -> None:
    """`CLUSTER SETSLOT` and `MIGRATE`, step by step."""
    with _traffic(rig):
        move = SlotMove(rig.cluster, SLOT, _target(rig))
        move.open()
        a_step = move.keys_left() // STEPS + 1
        while move.move_keys(a_step):
            rig.last(BETWEEN_STEPS_SECONDS)
        move.assign()
        rig.mark()


def by_tool(rig: Rig) -> None:
    """`redis-cli --cluster reshard`, which must end with 0."""
    source = rig.cluster.owner(SLOT)
    with _traffic(rig):
        done = subprocess.run(
            [
                *(str(shutil.which("redis-cli")), "--cluster", "reshard", f"127.0.0.1:{source.server.port}"),
                *("--cluster-from", source.id, "--cluster-to", _target(rig).id),
                *("--cluster-slots", "1", "--cluster-yes"),
            ],
            capture_output=True,
            text=True,
            timeout=TOOL_SECONDS,
            check=False,
        )
        rig.mark()
    if done.returncode:
        raise AssertionError(f"redis-cli ended with {done.returncode}: {(done.stdout + done.stderr)[-500:]}")


def at_once(rig: Rig) -> None:
    """`CLUSTER MIGRATESLOTS` of Valkey 9."""
    with _traffic(rig):
        move_at_once(rig.cluster, SLOT, _target(rig))
        rig.mark()


def _lacks_tool() -> str:
    return "" if shutil.which("redis-cli") else "redis-cli is missing: apt-get install redis-tools"


def _fault(name: str, strike: Callable[[Rig], None], needs: Callable[[], str] = lambda: "") -> Fault:
    return Fault(name=name, kind=KIND, strike=strike, promise=PROMISE, rig=RIG, jobs=400, needs=needs, share=0)


FAULTS = (
    _fault("by-hand", by_hand),
    _fault("redis-cli", by_tool, _lacks_tool),
    _fault("at-once", at_once, lambda: lacks_valkey_9("slots move in one moment")),
)
