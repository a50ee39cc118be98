"""The name of Connect's endpoint does not resolve for a while."""

from collections.abc import Mapping
from typing import Any

from tests.support import names
from tests.support.harness import sender

from .faults import Fault
from .faults_connect import KIND, PROMISE, patient
from .rig import Rig, RigOptions

HOST = "connect.chaos.test"
SETTLES_SECONDS = 1.5
LASTS = 4.0


def _name(rig: Rig) -> names.Name:
    return names.Name(rig.folder / "names", HOST)


def _by_name(rig: Rig) -> Mapping[str, Any]:
    rig.wrapper = _name(rig).wrapper
    return {**patient(rig), "senders": {"support": sender(endpoint_url=f"http://{HOST}:{rig.to_connect.port}")}}


def unresolved(rig: Rig) -> None:
    """The workers' machine knows the name of Connect's endpoint no more; connections that stand are reset."""
    name = _name(rig)
    name.vanish()
    try:
        rig.to_connect.cut()
        rig.last(SETTLES_SECONDS)
        calls = rig.sandbox.stats().calls
        rig.last(LASTS)
        if rig.sandbox.stats().calls > calls:
            raise AssertionError("calls arrived while the name did not resolve")
        if not rig.redis.zcard(rig.keys.base + "expiry"):
            raise AssertionError("no job waited for the name")
    finally:
        name.resolve()


FAULTS = (
    Fault(
        name="unresolved",
        kind=KIND,
        strike=unresolved,
        promise=PROMISE,
        jobs=300,
        rig=RigOptions(extend=_by_name),
        share=2,
        needs=names.missing,
    ),
)
