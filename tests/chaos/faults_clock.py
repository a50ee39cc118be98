"""A worker whose machine has a wrong clock joins the others, is put right, and leaves."""

from datetime import timedelta
from functools import partial

from outbound_chat.children import end
from tests.support.shifted import ShiftedClock
from tests.support.waiting import wait_until

from .faults import Fault
from .rig import Rig

HOUR = timedelta(hours=1)
STARTS_SECONDS = 120.0
SAID = "sends nothing until it is correct"


def wrong_clock(rig: Rig, ahead: timedelta) -> None:
    """It claims nothing, for AWS would refuse its calls and the whole sender would be held; the others go on."""
    said, folder = rig.harness.logs().count(SAID), rig.folder / f"clock-{len(list(rig.folder.glob('clock-*')))}"
    clock = ShiftedClock(folder, ahead)
    worker = rig.harness.start_worker("-n", f"{folder.name}@%h", environment=clock.environment)
    rig.ended_by_fault.add(worker.pid)
    try:
        wait_until(lambda: rig.harness.logs().count(SAID) > said, timeout=STARTS_SECONDS, what="word of the worker")
        rig.traffic.add(100)
        rig.last(1.0)
        if rig.chat.holds():
            raise AssertionError("the sender is held for one machine's clock")
        clock.set(timedelta(0))
        rig.last(1.0)
    finally:
        end(worker)


def _fault(name: str, ahead: timedelta) -> Fault:
    strike = partial(wrong_clock, ahead=ahead)
    strike.__doc__ = wrong_clock.__doc__
    return Fault(name=name, kind="clock", strike=strike, promise=5.0, share=2)


FAULTS = (_fault("hour-ahead", HOUR), _fault("hour-behind", -HOUR))
