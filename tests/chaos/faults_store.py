"""Valkey dies, freezes, is full, or loses its disk."""

import os
import shutil
from pathlib import Path

from outbound_chat.children import end
from tests.support.waiting import wait_until

from .brokers import frozen
from .faults import Fault
from .rig import Rig, RigOptions

KIND = "store"
PROMISE = 5.0
AWAY_SECONDS = 1.0
FULL_SECONDS = 3.0
ALWAYS = RigOptions(fsync="always")
DISK_MB = 64


def killed(rig: Rig) -> None:
    """kill -9 of Valkey, and its start a second later on what it had written."""
    rig.harness.kill(rig.server.process)
    rig.last(AWAY_SECONDS)
    rig.server.restart()


def shut_down(rig: Rig) -> None:
    """Valkey ends by itself, as in an upgrade, and is started again."""
    end(rig.server.process)
    rig.last(AWAY_SECONDS)
    rig.server.restart()


def stopped(rig: Rig) -> None:
    """Valkey's process stops for 8 seconds, as on a machine that hangs, and goes on."""
    with frozen(rig.server.process.pid):
        rig.last(8)


def stopped_long(rig: Rig) -> None:
    """The same for 30 seconds, longer than all time-outs."""
    with frozen(rig.server.process.pid):
        rig.last(30)


def full(rig: Rig) -> None:
    """Valkey reaches `maxmemory`, refuses every write for some seconds, and is given more."""
    rig.redis.config_set("maxmemory", 1_000_000)
    wait_until(lambda: rig.traffic.offer(1) == 0, what="a job that is refused")
    rig.last(FULL_SECONDS)
    rig.redis.config_set("maxmemory", 0)


def disk_full(rig: Rig) -> None:
    """The disk of the append-only file is full: Valkey refuses writes, or with `appendfsync always` it ends."""
    filler = rig.server_folder / "filler"
    _fill(filler)
    wait_until(lambda: rig.traffic.offer(1) == 0, timeout=60, what="a job that is refused")
    rig.last(FULL_SECONDS)
    filler.unlink()
    if rig.options.fsync == "always":
        rig.server.process.wait(30)
        rig.server.restart()
    # Valkey tries again once a second.
    wait_until(lambda: rig.traffic.offer(1) == 1, what="a job that is taken")


def host_lost(rig: Rig) -> None:
    """Valkey's machine is lost, and what it wrote in the last second was not on the disk yet."""
    copy = rig.folder / "second-before"
    shutil.copytree(rig.server_folder / "appendonlydir", copy)
    rig.traffic.offer(20)
    rig.last(1.0)
    rig.harness.kill(rig.server.process)
    shutil.rmtree(rig.server_folder / "appendonlydir")
    copy.rename(rig.server_folder / "appendonlydir")
    rig.server.restart()


def _fill(filler: Path) -> None:
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return


def _may_mount() -> str:
    return "" if os.geteuid() == 0 else "only root can mount a small disk"


FAULTS = (
    Fault(name="killed", kind=KIND, strike=killed, promise=PROMISE, share=8),
    Fault(name="killed-always", kind=KIND, strike=killed, promise=PROMISE, rig=ALWAYS, share=8),
    Fault(name="shut-down", kind=KIND, strike=shut_down, promise=PROMISE),
    Fault(name="stopped", kind=KIND, strike=stopped, promise=PROMISE),
    Fault(name="stopped-30-s", kind=KIND, strike=stopped_long, promise=PROMISE, share=0),
    Fault(name="full", kind=KIND, strike=full, promise=PROMISE),
    Fault(
        name="disk-full",
        kind=KIND,
        strike=disk_full,
        promise=PROMISE,
        rig=RigOptions(disk_mb=DISK_MB),
        needs=_may_mount,
    ),
    Fault(
        name="disk-full-always",
        kind=KIND,
        strike=disk_full,
        promise=PROMISE,
        rig=RigOptions(disk_mb=DISK_MB, fsync="always"),
        needs=_may_mount,
    ),
    Fault(name="host-lost", kind=KIND, strike=host_lost, promise=PROMISE, renew=True, may_lose=True, share=1),
)
