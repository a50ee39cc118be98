"""Sentinels promote the replica: the primary dies, hangs, or somebody asks for it.

Replication is asynchronous, and an old primary that lives takes writes until the sentinels tell it otherwise, 8 s after
they first see it in its old part. Jobs that the new primary never got are lost, and are counted in the column
"may lose". Enqueued with `durability="fsync"` none may be. Nobody is contacted twice either way, though the new
primary may believe that jobs wait which were sent.

The time until work goes on is counted from the moment at which there is one primary, the new one; what the sentinels
needed for that is a column of its own.
"""

import contextlib
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import redis

from outbound_chat.client import OutboundChat
from outbound_chat_worker.local.embedded import find_server
from tests.support.waiting import wait_until

from .brokers import frozen
from .faults import Fault
from .faults_network import SILENCE_SECONDS
from .rig import Rig, RigOptions

KIND = "failover"
PROMISE = 5.0
RIG = RigOptions(sentinels=True)
FSYNC = replace(RIG, durability="fsync", fsync="always")
"""The disk at once, or each job would wait up to a second for it."""
STOPPED_SECONDS = 8.0
LOOK_SECONDS = 60.0
JOINS_SECONDS = 2.0


class _Failover:
    """The primary that is to go, and the time that its going took."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self.gone = rig.sentinels.primary()
        self._began = time.monotonic()

    def is_over(self) -> None:
        """Waits for the new primary; from then on the time runs until work goes on there."""
        self._rig.sentinels.wait_promoted(self._rig.sentinels.other(self.gone))
        over = time.monotonic()
        self._rig.promoted = over - self._began
        wait_until(lambda: self._marks(over), timeout=LOOK_SECONDS, what="a look at the new primary")

    def _marks(self, over: float) -> bool:
        # Its connection may still be one to the old primary.
        with contextlib.suppress(redis.RedisError):
            self._rig.sampler.mark(over)
            return True
        return False


@contextmanager
def _failing_over(rig: Rig) -> Iterator[_Failover]:
    """A program enqueues all the time, until the old primary has become a replica."""
    ends = threading.Event()
    with OutboundChat.from_settings(rig.direct) as chat:
        producer = threading.Thread(target=rig.traffic.offer_until, args=(chat, ends), name="producer")
        producer.start()
        try:
            failover = _Failover(rig)
            yield failover
            rig.sentinels.wait_follows(failover.gone)
            rig.last(JOINS_SECONDS)
        finally:
            ends.set()
            producer.join(120)


def killed(rig: Rig) -> None:
    """kill -9 of the primary; it comes back later, and becomes a replica."""
    with _failing_over(rig) as failover:
        failover.gone.process.kill()
        failover.gone.process.wait(10)
        failover.is_over()
        failover.gone.restart()


def hung(rig: Rig) -> None:
    """The primary's process stops, and its connections stand, until work went on: only time-outs tell the workers."""
    with _failing_over(rig) as failover, frozen(failover.gone.process.pid):
        failover.is_over()
        wait_until(lambda: rig.sampler.seen.resumed, timeout=2 * SILENCE_SECONDS, what="work at the new primary")


def stopped(rig: Rig) -> None:
    """The primary's process stops for 8 s and goes on as if it were the primary, until the sentinels tell it."""
    with _failing_over(rig) as failover:
        with frozen(failover.gone.process.pid):
            rig.last(STOPPED_SECONDS)
        rig.sentinels.wait_demoted(failover.gone)
        failover.is_over()


def planned(rig: Rig) -> None:
    """`SENTINEL FAILOVER`: the old primary takes writes until the sentinels tell it, some seconds later."""
    with _failing_over(rig) as failover:
        rig.sentinels.fail_over()
        rig.sentinels.wait_demoted(failover.gone)
        failover.is_over()


def coordinated(rig: Rig) -> None:
    """`SENTINEL FAILOVER … COORDINATED`: the old primary stops writes until the replica has all, and steps down."""
    with _failing_over(rig) as failover:
        rig.sentinels.fail_over("COORDINATED")
        rig.sentinels.wait_demoted(failover.gone)
        failover.is_over()


def lacks_valkey_9(what: str) -> str:
    """Why what came with Valkey 9.0 can't be tried here; empty: it can."""
    asked = subprocess.run([find_server(), "--version"], capture_output=True, text=True, check=True)  # ours
    version = re.search(r"Valkey server v=(\d+)", asked.stdout)
    return "" if version and int(version[1]) >= 9 else f"{what} since Valkey 9.0"


def _faults(name: str, strike: Callable[[Rig], None], promise: float = PROMISE) -> tuple[Fault, Fault]:
    weak = Fault(
        name=name, kind=KIND, strike=strike, promise=promise, rig=RIG, jobs=800, renew=True, may_lose=True, share=0
    )
    return weak, replace(weak, name=f"{name}-fsync", rig=FSYNC, may_lose=False)


FAULTS = (
    *_faults("killed", killed),
    *_faults("hung", hung, SILENCE_SECONDS),
    *_faults("stopped", stopped),
    *_faults("planned", planned),
    Fault(
        name="coordinated",
        kind=KIND,
        strike=coordinated,
        promise=PROMISE,
        rig=RIG,
        jobs=800,
        renew=True,
        share=0,
        # https://github.com/valkey-io/valkey/pull/1292
        needs=lambda: lacks_valkey_9("sentinels coordinate"),
    ),
)
