"""What producers and callers ask of single jobs."""

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any, Literal

from outbound_chat.model.jobs import Job
from outbound_chat.model.lanes import Lane
from outbound_chat.store.keys import Keys
from outbound_chat.store.records import UnreadableRecord, job_from_head
from outbound_chat.store.scripts._reply import rows
from outbound_chat.store.scripts._script_call import ScriptCall


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """A job on its way into the store."""

    local_id: str
    send_at_ms: int
    expires_ms: int
    parts: int
    token: str
    idem: str
    fingerprint: str
    request: str = field(repr=False)
    callback: str = field(default="", repr=False)
    """URL of its own for webhooks; it may hold a secret."""


_in_order = attrgetter(*(one.name for one in fields(NewJob)))
"""The values of a new job in the order that `submit.lua` takes them in, which is that of its fields."""


@dataclass(frozen=True, slots=True)
class Other:
    """A job was not taken, since its idempotency key belongs to another."""

    index: int
    same: bool
    """The other job asked for the same."""
    local_id: str
    """Empty: what is kept of the key can't be read, so nobody knows."""


@dataclass(frozen=True, slots=True)
class Submitted:
    """All jobs of the call are in the store, except `others`."""

    now_ms: int
    others: tuple[Other, ...]
    first: bool = False
    """No job of the budget came before."""


@dataclass(frozen=True, slots=True)
class NotOpen:
    """Nothing was taken: the batch is closed, or there is none."""

    closed: bool


def submit(
    keys: Keys, *, lane: Lane, max_age_ms: int, rejected: int, jobs: Sequence[NewJob]
) -> ScriptCall[Submitted | NotOpen]:
    """Submits jobs of one lane, at most `MOST_JOBS`; repeating it changes nothing."""
    args: list[str | int] = [str(lane), max_age_ms, rejected]
    for job in jobs:
        args += _in_order(job)

    def read(reply: list[Any]) -> Submitted | NotOpen:
        if reply[0] not in {"ok", "first"}:
            return NotOpen(closed=reply[0] == "batch_closed")
        others = (Other(int(index), verdict == "same", other) for index, verdict, other in rows(reply, 2, 3))
        return Submitted(int(reply[1]), tuple(others), reply[0] == "first")

    return ScriptCall("submit", keys, args, read)


def used_keys(keys: Keys, tenant: str | None, idems: Collection[str]) -> ScriptCall[set[str]]:
    """Those idempotency keys, at most `MOST_JOBS`, given by their hashes, that belong to a job of the tenant."""

    def read(reply: list[int]) -> set[str]:
        return {idem for idem, used in zip(idems, reply, strict=True) if used}

    return ScriptCall("read_idem", keys, [tenant or "", *idems], read)


StoredState = Literal["queued", "sending", "sent", "failed", "expired", "cancelled", "uncertain"]
"""The state of a job as Redis has it, where a `scheduled` one is `queued`."""


def cancel(keys: Keys, local_id: str) -> ScriptCall[StoredState | Literal["gone", "newer"]]:
    """Stops one job, and gives its state now; `gone`: it has no record, `newer`: a newer version wrote that."""
    return ScriptCall("cancel", keys, [local_id], lambda reply: reply)


def read_clock(keys: Keys) -> ScriptCall[int]:
    """The server's clock, in milliseconds."""
    return ScriptCall("read_jobs", keys, [], lambda reply: int(reply[0]))


def read_jobs(keys: Keys, local_ids: Sequence[str]) -> ScriptCall[dict[str, Job]]:
    """The jobs, at most `MOST_JOBS`, that have a record that can be read, by local id.

    Raises when it runs:
        WrittenByNewerVersion: a newer version wrote one of them.
    """

    def read(reply: list[Any]) -> dict[str, Job]:
        jobs: dict[str, Job] = {}
        for local_id, head in zip(local_ids, reply[1:], strict=True):
            # One record that another program wrote must not hide the others.
            with suppress(UnreadableRecord):
                if head:
                    jobs[local_id] = job_from_head(keys.budget, local_id, head, int(reply[0]))
        return jobs

    return ScriptCall("read_jobs", keys, list(local_ids), read)
