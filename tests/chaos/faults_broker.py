"""Celery's broker loses messages, dies or hangs; and the signals in Redis get lost."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from tests.support.rabbitmq import missing
from tests.support.waiting import wait_until

from .faults import Fault
from .rig import BUDGET, Rig, RigOptions

KIND = "broker"
PROMISE = 10.0
"""A request for a pump that nobody answered is made again after 2 seconds, then 4, then 8."""
LOST_SECONDS = 4.0
AWAY_SECONDS = 3.0
FROZEN_SECONDS = 60.0
GAP_SECONDS = 5.0
"""While work waits, something is sent in each span of this length, though the broker is frozen."""
IDLE_SECONDS = 15.0
"""How long a job that comes while nothing runs and the broker is frozen is waited for."""
IDLE_PROMISE = 3.0


def _slow(_: Rig) -> Mapping[str, Any]:
    """So slow that work is left for as long as the broker is frozen."""
    return {"budgets": {BUDGET: {"rate": 15.0, "burst": 15}}}


OTHER = RigOptions(broker="other")
SLOW = RigOptions(broker="other", extend=_slow)
SLOW_RABBIT = RigOptions(broker="rabbitmq", extend=_slow)


def messages_lost(rig: Rig) -> None:
    """Every message of Celery is thrown away, again and again for some seconds."""
    ends = time.monotonic() + LOST_SECONDS
    while time.monotonic() < ends:
        rig.purge_broker()
        rig.last(0.005)


def signals_lost(rig: Rig) -> None:
    """The lists that wake wakers and pumps are deleted, again and again for some seconds."""
    ends = time.monotonic() + LOST_SECONDS
    while time.monotonic() < ends:
        rig.redis.delete(rig.keys.base + "wake", rig.keys.base + "poke")
        rig.last(0.002)


def killed(rig: Rig) -> None:
    """kill -9 of the broker, a server of its own, and its start some seconds later."""
    rig.broker.kill()
    rig.last(AWAY_SECONDS)
    rig.broker.restart()


def stopped(rig: Rig) -> None:
    """The broker's process stops for a while: connections stand, and nobody answers."""
    with rig.broker.frozen():
        rig.last(8)


def frozen(rig: Rig) -> None:
    """The broker's process stops for a minute, and work waits all the time."""
    with rig.broker.frozen():
        for _ in range(int(FROZEN_SECONDS / GAP_SECONDS)):
            before = rig.sampler.seen.ended
            rig.last(GAP_SECONDS)
            if rig.sampler.seen.ended == before:
                raise AssertionError(f"nothing was sent for {GAP_SECONDS:g} s while the broker was frozen")


def frozen_idle(rig: Rig) -> None:
    """The broker's process stops while nothing runs, and then a job comes."""
    wait_until(lambda: not rig.redis.zcard(rig.keys.base + "pumps"), timeout=60, what="workers without a pump")
    with rig.broker.frozen():
        rig.mark()
        rig.traffic.add(1)
        wait_until(lambda: rig.sampler.seen.resumed is not None, timeout=IDLE_SECONDS, what="a job without a broker")


def _frozen(name: str, strike: Callable[[Rig], None], options: RigOptions) -> Fault:
    return Fault(
        name=name,
        kind=KIND,
        strike=strike,
        promise=PROMISE if strike is frozen else IDLE_PROMISE,
        rig=options,
        jobs=1_200 if strike is frozen else 30,
        share=0,
        needs=missing if options.broker == "rabbitmq" else lambda: "",
    )


FAULTS = (
    Fault(name="messages-lost", kind=KIND, strike=messages_lost, promise=PROMISE, jobs=300),
    Fault(name="signals-lost", kind=KIND, strike=signals_lost, promise=PROMISE, jobs=300),
    Fault(name="killed", kind=KIND, strike=killed, promise=PROMISE, rig=OTHER, jobs=300),
    Fault(name="stopped", kind=KIND, strike=stopped, promise=PROMISE, rig=OTHER, jobs=300),
    _frozen("frozen-minute", frozen, SLOW),
    _frozen("frozen-minute-rabbitmq", frozen, SLOW_RABBIT),
    _frozen("frozen-idle", frozen_idle, SLOW),
    _frozen("frozen-idle-rabbitmq", frozen_idle, SLOW_RABBIT),
)
