"""Checks that accepted jobs are on disk, before a producer reports them as safe."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from outbound_chat.store.keys import Keys
from outbound_chat.store.scripts._script_call import ScriptCall

TRIED_MS = 1
"""The shortest possible wait: 0 would be forever."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What is safe of what was accepted."""

    lost: bool
    """The store no longer has it: it was lost in a restart or failover."""
    online: int | None
    """Replicas that are connected; None: the server does not say."""
    on_disk: bool
    """The append-only file of the primary has it, and is on disk."""
    on_replicas: int
    """Replicas that have it; 0 if none was asked for."""
    refusal: Exception | None
    """Why the server can't report it; None: it can."""


def check_durable(
    keys: Keys,
    *,
    batch: str = "",
    accepted: int = 0,
    local_ids: Sequence[str] = (),
    timeout_ms: int = TRIED_MS,
    replicas: int = 0,
) -> ScriptCall[Standing]:
    """Checks that a batch and jobs are still there, then waits until everything written before is on disk.

    `replicas`: how many replicas must have it too. Each of the two waits ends after `timeout_ms`.
    """

    def read(replies: list[Any]) -> Standing:
        (verdict, online), disk, *copies = replies
        refusals = [reply for reply in replies[1:] if isinstance(reply, Exception)]
        return Standing(
            lost=verdict != "ok",
            online=None if online < 0 else online,
            on_disk=not refusals and bool(disk[0]),
            on_replicas=copies[0] if copies and not refusals else 0,
            refusal=refusals[0] if refusals else None,
        )

    waits: list[tuple[str | int, ...]] = [("WAITAOF", 1, 0, timeout_ms)]
    if replicas:
        waits.append(("WAIT", replicas, timeout_ms))
    return ScriptCall("check_durable", keys, [batch, accepted, *local_ids], read, waits)
