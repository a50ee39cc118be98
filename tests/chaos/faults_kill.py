"""kill -9 of each process that can hold a job."""

from .faults import Fault
from .rig import LEASE_SECONDS, Rig, RigOptions

PROMISE = LEASE_SECONDS + 2


def kill_worker(rig: Rig) -> None:
    """One worker's main process; the other goes on."""
    rig.kill(rig.chance.choice(rig.worker_pids()))
    rig.start_workers()


def kill_all_workers(rig: Rig) -> None:
    """All at once, then started anew: nobody is there to take over, so the time runs from the start."""
    rig.kill(*rig.worker_pids())
    left = rig.in_flight()
    rig.start_workers()
    rig.mark(left)


FAULTS = (
    Fault(name="kill-worker", kind="kill", strike=kill_worker, promise=PROMISE),
    Fault(name="kill-all-workers", kind="kill", strike=kill_all_workers, promise=PROMISE),
    Fault(
        name="kill-worker-prefork",
        kind="kill",
        strike=kill_worker,
        promise=PROMISE,
        rig=RigOptions(pool="prefork"),
    ),
)
