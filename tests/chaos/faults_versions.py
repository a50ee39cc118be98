"""An upgrade without a pause: workers of two versions, whose records differ, and one is killed in the middle of it."""

import subprocess
from functools import partial

from outbound_chat.children import end
from tests.support.harness import data_of
from tests.support.versions import NEXT, make_next_version
from tests.support.waiting import wait_until

from .faults import Fault
from .rig import LEASE_SECONDS, Rig
from .traffic import TEXT

KIND = "versions"
PROMISE = LEASE_SECONDS + 2
EACH = 300
"""Jobs of each version."""
AT_WORK_SECONDS = 60.0


def rolling(rig: Rig, *, kill_newer: bool) -> None:
    """One worker is replaced by one of the next version, both are at work, one of them gets kill -9, then the rest."""
    rig.newer = make_next_version(rig.folder / "next")
    first, last = rig.workers
    _end(rig, first)
    rig.workers = [last]
    newer = rig.start_worker(rig.newer)
    rig.wait_ready()
    rig.traffic.add_by(partial(_enqueue_newer, rig), EACH)
    rig.traffic.add(EACH)
    wait_until(lambda: _both_kinds_in_flight(rig), timeout=AT_WORK_SECONDS, what="records of both versions at work")
    killed = newer if kill_newer else last
    rig.kill(killed.pid)
    rig.workers.remove(killed)
    rig.start_worker(rig.newer)
    rig.wait_ready()
    # What only the next version can call waited for the start of such a worker.
    rig.granted = max(0.0, rig.sampler.since_mark() - LEASE_SECONDS)
    if kill_newer:
        rig.workers.remove(last)
        _end(rig, last)
        rig.start_worker(rig.newer)
        rig.wait_ready()


def _end(rig: Rig, worker: subprocess.Popen[bytes]) -> None:
    rig.ended_by_fault.add(worker.pid)
    end(worker)


def _both_kinds_in_flight(rig: Rig) -> bool:
    raw = [rig.redis.get(f"{rig.keys.base}j:{local_id}") or "" for local_id in rig.in_flight()]
    return {f"[{NEXT - 1}", f"[{NEXT}"} <= {record.partition(",")[0] for record in raw}


def _enqueue_newer(rig: Rig, numbers: list[str]) -> str:
    """A program of the next version enqueues a batch; gives its id."""
    file = rig.folder / f"rows-{len(list(rig.folder.glob('rows-*.csv')))}.csv"
    file.write_text("\n".join(["to", *numbers]), encoding="utf-8")
    command = ("send-batch", str(file), "--sender", "support", "--text", TEXT, "--priority", "normal", "--json")
    done = rig.harness.run(*command, environment=rig.newer)
    if done.returncode:
        raise AssertionError(f"the newer program could not enqueue: {done.stderr[-1_000:]}")
    batch: str = data_of(done.stdout)["receipt"]["id"]
    return batch


def _fault(name: str, *, kill_newer: bool) -> Fault:
    strike = partial(rolling, kill_newer=kill_newer)
    strike.__doc__ = rolling.__doc__
    return Fault(name=name, kind=KIND, strike=strike, promise=PROMISE, renew=True, share=1)


FAULTS = (_fault("rolling-older-killed", kill_newer=False), _fault("rolling-newer-killed", kill_newer=True))
