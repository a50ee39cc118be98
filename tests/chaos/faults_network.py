"""The network between workers and Redis, between producers and Redis, and between workers and Connect."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from outbound_chat.client import OutboundChat
from tests.support.proxy import Proxy, Way

from .faults import Fault
from .faults_connect import PROXIED
from .rig import LEASE_SECONDS, Rig

PROMISE = 5.0
LONGER_THAN_THE_LEASE = LEASE_SECONDS + 2
SILENCE_SECONDS = 60.0
"""A connection that is silent is given up after 10 s where an answer is awaited; Celery's consumer needs up to 50."""
Line = Callable[[Rig], Proxy]
Strike = Callable[[Rig, Line], None]


def _to_redis(rig: Rig) -> Proxy:
    return rig.to_redis


def _to_connect(rig: Rig) -> Proxy:
    return rig.to_connect


def cut(rig: Rig, line: Line) -> None:
    """All connections are reset once."""
    line(rig).cut()


def cut_repeatedly(rig: Rig, line: Line) -> None:
    """All connections are reset again and again, four times a second."""
    for _ in range(16):
        line(rig).cut()
        rig.last(0.25)


def refused(rig: Rig, line: Line) -> None:
    """Nobody listens there for longer than a lease."""
    line(rig).refuse()
    line(rig).cut()
    rig.last(LONGER_THAN_THE_LEASE)
    line(rig).listen()


def slow(delay: float) -> Strike:
    def strike(rig: Rig, line: Line) -> None:
        """Each way takes longer; work goes on, slower."""
        line(rig).delay = delay
        rig.last(LONGER_THAN_THE_LEASE)
        line(rig).delay = 0.0

    return strike


def thin(rig: Rig, line: Line) -> None:
    """20 kB a second and connection."""
    line(rig).bytes_per_second = 20_000
    rig.last(LONGER_THAN_THE_LEASE)
    line(rig).bytes_per_second = None


def half_open(way: Way) -> Strike:
    def strike(rig: Rig, line: Line) -> None:
        """What goes one way vanishes for longer than a lease; then the connections that lost something are reset."""
        line(rig).lose(way)
        rig.last(LONGER_THAN_THE_LEASE)
        line(rig).heal()

    return strike


def late(rig: Rig, line: Line) -> None:
    """Nothing comes through for longer than a lease, then all of it: claims and results of then arrive now."""
    line(rig).hold("requests", "answers")
    rig.last(LONGER_THAN_THE_LEASE)
    line(rig).let_pass()


def forgotten(rig: Rig, line: Line) -> None:
    """A firewall forgets the connections that stand, and tells nobody: only time-outs find out. New ones pass."""
    line(rig).forget()


@contextmanager
def _producer(rig: Rig, count: int) -> Iterator[None]:
    """A program whose way to Redis is the workers', and which enqueues jobs until each is acknowledged."""
    with OutboundChat.from_settings(rig.settings) as chat:
        thread = threading.Thread(target=rig.traffic.insist, args=(chat, count), name="producer")
        thread.start()
        try:
            yield
        finally:
            thread.join(120)


def while_enqueuing(strike: Strike) -> Strike:
    def both(rig: Rig, line: Line) -> None:
        with _producer(rig, 100):
            strike(rig, line)

    both.__doc__ = (
        f"{strike.__doc__} A producer enqueues over that line, and tries again with the same idempotency keys."
    )
    return both


def _fault(name: str, strike: Strike, line: Line, promise: float = PROMISE, *, renew: bool = False) -> Fault:
    def made(rig: Rig) -> None:
        strike(rig, line)

    made.__doc__ = strike.__doc__
    return Fault(name=name, kind="network", strike=made, promise=promise, rig=PROXIED, share=2, renew=renew)


FAULTS = (
    _fault("redis-cut", cut, _to_redis),
    _fault("redis-cut-repeatedly", cut_repeatedly, _to_redis),
    _fault("redis-refused", refused, _to_redis),
    _fault("redis-slow-200-ms", slow(0.1), _to_redis),
    _fault("redis-slow-500-ms", slow(0.25), _to_redis),
    _fault("redis-thin", thin, _to_redis),
    _fault("redis-half-open-requests", half_open("requests"), _to_redis),
    _fault("redis-half-open-answers", half_open("answers"), _to_redis),
    _fault("redis-late", late, _to_redis),
    _fault("redis-forgotten", forgotten, _to_redis, SILENCE_SECONDS, renew=True),
    _fault("producer-cut-repeatedly", while_enqueuing(cut_repeatedly), _to_redis),
    _fault("producer-half-open-requests", while_enqueuing(half_open("requests")), _to_redis),
    _fault("producer-half-open-answers", while_enqueuing(half_open("answers")), _to_redis),
    _fault("producer-late", while_enqueuing(late), _to_redis),
    _fault("connect-cut-repeatedly", cut_repeatedly, _to_connect),
    _fault("connect-refused", refused, _to_connect),
    _fault("connect-half-open-requests", half_open("requests"), _to_connect),
    _fault("connect-half-open-answers", half_open("answers"), _to_connect),
    _fault("connect-late", late, _to_connect),
)
