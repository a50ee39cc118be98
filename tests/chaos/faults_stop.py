"""Workers that are told to stop, in all of Celery's ways, and one that freezes and comes back."""

import os
import signal
from collections.abc import Callable

from .faults import Fault
from .rig import LEASE_SECONDS, Rig, RigOptions

KIND = "stop"
PROMISE = LEASE_SECONDS + 2
ENDS_SECONDS = 90.0
# https://docs.celeryq.dev/en/stable/userguide/workers.html#soft-shutdown
SOFT = ("worker.soft_shutdown_timeout=2",)


def _told(*signals: signal.Signals) -> Callable[[Rig], None]:
    def strike(rig: Rig) -> None:
        worker = rig.chance.choice(rig.workers)
        left = rig.in_flight()
        rig.ended_by_fault.update(
            (worker.pid, *rig.worker_pids()) if rig.options.pool == "supervised" else (worker.pid,)
        )
        for one in signals:
            worker.send_signal(one)
            rig.last(0.1)
        rig.mark(left)
        worker.wait(ENDS_SECONDS)
        rig.start_workers()

    return strike


def freeze(rig: Rig) -> None:
    """A worker's process stops for longer than its lease, and then goes on with answers that come too late."""
    worker = rig.chance.choice(rig.workers)
    left = rig.in_flight()
    os.kill(worker.pid, signal.SIGSTOP)
    try:
        rig.mark(left)
        rig.last(LEASE_SECONDS + 2)
    finally:
        os.kill(worker.pid, signal.SIGCONT)


def _documented(strike: Callable[[Rig], None], text: str) -> Callable[[Rig], None]:
    strike.__doc__ = text
    return strike


warm = _documented(_told(signal.SIGTERM), "SIGTERM to one worker: it ends its calls.")
interrupt = _documented(_told(signal.SIGINT), "SIGINT to one worker: it ends its calls.")
impatient = _documented(_told(signal.SIGINT, signal.SIGINT), "SIGINT twice to one worker: a cold end.")
cold = _documented(_told(signal.SIGQUIT), "SIGQUIT to one worker: cold, or Celery's soft shutdown where it is set.")

THREADS, PREFORK = RigOptions(), RigOptions(pool="processes")
FAULTS = (
    Fault(name="sigterm", kind=KIND, strike=warm, promise=PROMISE),
    Fault(name="sigint", kind=KIND, strike=interrupt, promise=PROMISE),
    Fault(name="sigint-twice", kind=KIND, strike=impatient, promise=PROMISE),
    Fault(name="sigquit", kind=KIND, strike=cold, promise=PROMISE),
    Fault(name="freeze", kind=KIND, strike=freeze, promise=PROMISE),
    Fault(name="soft", kind=KIND, strike=cold, promise=PROMISE, rig=RigOptions(arguments=SOFT), share=2),
    Fault(name="sigterm-prefork", kind=KIND, strike=warm, promise=PROMISE, rig=PREFORK, share=2),
    Fault(name="sigquit-prefork", kind=KIND, strike=cold, promise=PROMISE, rig=PREFORK, share=2),
    Fault(
        name="soft-prefork",
        kind=KIND,
        strike=cold,
        promise=PROMISE,
        rig=RigOptions(pool="processes", arguments=SOFT),
        share=2,
    ),
    Fault(name="supervisor-sigterm", kind=KIND, strike=warm, promise=PROMISE, rig=RigOptions(pool="supervised")),
)
