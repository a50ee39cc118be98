"""kill -9 of each process that can hold a job."""

from pathlib import Path

from tests.support.waiting import wait_until

from .faults import Fault
from .rig import LEASE_SECONDS, Rig, RigOptions, children

KIND = "kill"
PROMISE = LEASE_SECONDS + 2
CHILD_START = 2.0
PREFORK = RigOptions(pool="processes")
SUPERVISED = RigOptions(pool="supervised")


def kill_worker(rig: Rig) -> None:
    """kill -9 of one worker's main process; another goes on."""
    rig.kill(rig.chance.choice(rig.worker_pids()))
    rig.start_workers()


def kill_all_workers(rig: Rig) -> None:
    """kill -9 of all workers at once, and the start of new ones."""
    rig.kill(*rig.worker_pids())
    rig.replace_workers()


def kill_pool_child(rig: Rig) -> None:
    """kill -9 of one process of a prefork pool; Celery starts another."""
    rig.kill(rig.chance.choice(_pool_processes(rig)))


def kill_all_pool_children(rig: Rig) -> None:
    """kill -9 of all processes of all prefork pools at once."""
    rig.kill(*_pool_processes(rig))


def kill_supervised_worker(rig: Rig) -> None:
    """kill -9 of one worker of `outbound-chat worker --processes 2`, which starts it again."""
    rig.kill(rig.chance.choice(rig.worker_pids()))
    rig.wait_ready()


def kill_supervisor(rig: Rig) -> None:
    """kill -9 of `outbound-chat worker`: its workers end warmly by themselves."""
    workers = rig.worker_pids()
    rig.ended_by_fault.update(workers)
    rig.kill(*(worker.pid for worker in rig.workers))
    wait_until(lambda: all(map(_gone, workers)), timeout=60, what="the end of the workers without a supervisor")
    rig.start_workers()


def _pool_processes(rig: Rig) -> list[int]:
    return [child for worker in rig.worker_pids() for child in children(worker)]


def _gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return True
    # Nobody may be there to collect one whose parent is dead.
    return state == "Z"


FAULTS = (
    Fault(name="worker", kind=KIND, strike=kill_worker, promise=PROMISE),
    Fault(name="all-workers", kind=KIND, strike=kill_all_workers, promise=PROMISE),
    Fault(name="worker-prefork", kind=KIND, strike=kill_worker, promise=PROMISE, rig=PREFORK),
    Fault(name="pool-child", kind=KIND, strike=kill_pool_child, promise=PROMISE, rig=PREFORK),
    Fault(
        name="all-pool-children",
        kind=KIND,
        strike=kill_all_pool_children,
        # None is left to go on: new ones are forked and make their clients first.
        promise=PROMISE + CHILD_START,
        rig=PREFORK,
    ),
    Fault(name="supervised-worker", kind=KIND, strike=kill_supervised_worker, promise=PROMISE, rig=SUPERVISED),
    Fault(name="supervisor", kind=KIND, strike=kill_supervisor, promise=PROMISE, rig=SUPERVISED),
)
