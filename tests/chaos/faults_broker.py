"""Celery's broker loses messages, dies or hangs; and the signals in Redis get lost."""

import time

from .faults import Fault
from .rig import Rig, RigOptions

KIND = "broker"
PROMISE = 10.0
"""A request for a pump that nobody answered is made again after 2 seconds, then 4, then 8."""
LOST_SECONDS = 4.0
AWAY_SECONDS = 3.0
OTHER = RigOptions(broker="other")


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


FAULTS = (
    Fault(name="messages-lost", kind=KIND, strike=messages_lost, promise=PROMISE, jobs=300),
    Fault(name="signals-lost", kind=KIND, strike=signals_lost, promise=PROMISE, jobs=300),
    Fault(name="killed", kind=KIND, strike=killed, promise=PROMISE, rig=OTHER, jobs=300),
    Fault(name="stopped", kind=KIND, strike=stopped, promise=PROMISE, rig=OTHER, jobs=300),
)
