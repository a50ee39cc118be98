"""kill -9 of the worker at each step of a job.

Silence on the way makes the step last: what the worker sends, or what it is told, stays in a proxy. Redis and the
sandbox show that the step was reached before the worker is killed.
"""

from collections.abc import Callable
from datetime import timedelta

from tests.support.waiting import wait_until

from .faults import Fault
from .rig import LATENCY, LEASE_SECONDS, Rig, RigOptions

KIND = "step"
ALONE = RigOptions(workers=1, proxied=True)
REACHED_SECONDS = 30.0
SETTLES_SECONDS = 0.3
TRIES = 40
SLOW = timedelta(seconds=1)


def after_claim(rig: Rig) -> None:
    """Redis gave jobs away, and the worker dies before it hears of it: no call leaves."""
    for _ in range(TRIES):
        rig.to_redis.hold("answers")
        rig.last(SETTLES_SECONDS)
        if rig.uncalled():
            return _die(rig)
        rig.to_redis.let_pass()
        rig.last(0.05)
    raise AssertionError("no claim was caught on its way")


def call_lost(rig: Rig) -> None:
    """The call left and never arrives; the worker dies while it waits."""
    _hold_calls(rig)
    _die(rig)


def call_arrives_after_death(rig: Rig) -> None:
    """The call left, the worker dies, and then the call arrives: only its token tells Connect of the repeat."""
    _hold_calls(rig)
    before = rig.sandbox.stats().accepted
    _die(rig, meanwhile=lambda: _calls_arrive(rig, before))


def accepted(rig: Rig) -> None:
    """Connect has the contact, and the worker dies before the answer."""
    rig.sandbox.configure(latency=SLOW)
    before = rig.sandbox.stats().accepted
    wait_until(lambda: rig.sandbox.stats().accepted > before + 3, timeout=REACHED_SECONDS, what="accepted calls")
    rig.sandbox.configure(latency=LATENCY)
    _die(rig)


def answered(rig: Rig) -> None:
    """The answer came, Redis does not hear of it, and the worker dies: the contact is known to nobody but Connect."""
    rig.to_redis.hold("requests")
    # Not all: one that came too late to be called stays claimed, since Redis does not hear of that either.
    wait_until(lambda: len(rig.in_flight()) > len(rig.uncalled()), timeout=REACHED_SECONDS, what="a call that arrived")
    rig.last(LATENCY.total_seconds() + SETTLES_SECONDS)
    _die(rig)


def finished(rig: Rig) -> None:
    """Redis has recorded results, and the worker dies before it hears of it."""
    for _ in range(TRIES):
        before = rig.sampler.seen.ended
        rig.to_redis.hold("answers")
        rig.last(SETTLES_SECONDS)
        if rig.sampler.seen.ended > before and rig.to_redis.held("answers"):
            return _die(rig)
        rig.to_redis.let_pass()
        rig.last(0.05)
    raise AssertionError("no result was caught on its way")


def _hold_calls(rig: Rig) -> None:
    rig.to_connect.hold("requests")
    wait_until(lambda: rig.to_connect.held("requests") > 3 and len(rig.uncalled()) > 3, timeout=REACHED_SECONDS)


def _calls_arrive(rig: Rig, before: int) -> None:
    rig.to_connect.let_pass()
    wait_until(lambda: rig.sandbox.stats().accepted > before, timeout=REACHED_SECONDS, what="the calls of the dead")


def _die(rig: Rig, meanwhile: Callable[[], None] = lambda: None) -> None:
    rig.kill(*rig.worker_pids())
    meanwhile()
    for proxy in (rig.to_redis, rig.to_connect):
        # In this order: what a dead worker sent and the proxy kept is lost.
        proxy.cut()
        proxy.let_pass()
    rig.replace_workers()


FAULTS = tuple(
    Fault(name=name, kind=KIND, strike=strike, promise=LEASE_SECONDS + 2, rig=ALONE)
    for name, strike in {
        "after-claim": after_claim,
        "call-lost": call_lost,
        "call-arrives-after-death": call_arrives_after_death,
        "accepted": accepted,
        "answered": answered,
        "finished": finished,
    }.items()
)
