"""Submits, cancels and reads single jobs, for producers and callers."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any, Literal, NamedTuple

from outbound_chat.model.jobs import Job
from outbound_chat.model.lanes import Lane
from outbound_chat.store.keys import Keys
from outbound_chat.store.records import readable_job
from outbound_chat.store.scripts._reply import rows
from outbound_chat.store.scripts._script_call import ScriptCall


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """A job to submit."""

    local_id: str
    send_at_ms: int
    expires_ms: int
    parts: int
    token: str
    idem: str
    fingerprint: str
    request: str = field(repr=False)
    callback: str = field(default="", repr=False)
    """The job's own URL for webhooks; it may contain a secret."""


_in_order = attrgetter(*(one.name for one in fields(NewJob)))
"""Returns the values of a new job in the order of its fields, in which `submit.lua` reads them."""


@dataclass(frozen=True, slots=True)
class Other:
    """A job that was not accepted, since its idempotency key belongs to another job."""

    index: int
    same: bool
    """Whether the other job has the same request."""
    local_id: str
    """Id of the other job; empty: what is stored about the key is unreadable, so nobody knows."""


@dataclass(frozen=True, slots=True)
class Submitted:
    """All jobs of the call are in the store, except `others`."""

    now_ms: int
    others: tuple[Other, ...]
    first: bool = False
    """Whether these are the first jobs of the budget."""


@dataclass(frozen=True, slots=True)
class NotOpen:
    """Nothing was accepted: the batch is closed, or there is none."""

    closed: bool


SHARED_ARGS = 5
"""Arguments of `submit` that its jobs share; those of each follow."""


class Listing(NamedTuple):
    """In which lists new jobs are found."""

    listed: int
    """How many single jobs stay listed; 0: they are not."""
    by_number: bool
    """Whether all jobs are listed by their phone numbers."""


def submit(
    keys: Keys,
    *,
    lane: Lane,
    max_age_ms: int,
    rejected: int,
    jobs: Sequence[NewJob],
    listing: Listing,
) -> ScriptCall[Submitted | NotOpen]:
    """Submits jobs of one lane, at most `MOST_JOBS`; a repeat changes nothing."""
    args: list[str | int] = [str(lane), max_age_ms, rejected, listing.listed, int(listing.by_number)]
    for job in jobs:
        args += _in_order(job)

    def read(reply: list[Any]) -> Submitted | NotOpen:
        if reply[0] not in {"ok", "first"}:
            return NotOpen(closed=reply[0] == "batch_closed")
        if not reply[2:]:
            return Submitted(int(reply[1]), (), reply[0] == "first")
        others = (Other(int(index), verdict == "same", other) for index, verdict, other in rows(reply, 2, 3))
        return Submitted(int(reply[1]), tuple(others), reply[0] == "first")

    return ScriptCall("submit", keys, args, read)


def requests_of(call: ScriptCall[Any]) -> dict[str, str]:
    """Returns the stored requests of the jobs that a call of `submit` or `replay` may add, by their local ids."""
    if call.script == "replay":
        return {str(call.args[1]): str(call.args[-1])}
    names = [one.name for one in fields(NewJob)]
    jobs = call.args[SHARED_ARGS:] if call.script == "submit" else ()
    ids, requests = (jobs[names.index(name) :: len(names)] for name in ("local_id", "request"))
    return dict(zip(map(str, ids), map(str, requests), strict=True))


UNREADABLE = "?"


def used_keys(keys: Keys, tenant: str | None, idems: Collection[str]) -> ScriptCall[dict[str, str]]:
    """Finds the idempotency keys that belong to a job of the tenant, each with its local id, or `UNREADABLE`.

    `idems`: at most `MOST_JOBS`, as hashes.
    """

    def read(reply: list[str]) -> dict[str, str]:
        return {idem: local_id for idem, local_id in zip(idems, reply, strict=True) if local_id}

    return ScriptCall("read_idem", keys, [tenant or "", *idems], read)


StoredState = Literal["queued", "sending", "sent", "failed", "expired", "cancelled", "uncertain"]
"""The state of a job as it is stored, where a `scheduled` one is `queued`."""
CancelWord = StoredState | Literal["gone", "newer", "other"]
"""`gone`: the job has no record; `newer`: a newer version wrote it; `other`: it is in another state than was wanted."""


MOST_CANCELLED = 200
"""Jobs that one call of `cancel` may have: to end one costs more than to add one."""


def cancel(keys: Keys, local_ids: Sequence[str], state: str = "") -> ScriptCall[list[CancelWord]]:
    """Cancels at most `MOST_CANCELLED` jobs, of one state or of all; returns a word for each."""
    return ScriptCall("cancel", keys, [state, *local_ids], lambda reply: reply)


def read_clock(keys: Keys) -> ScriptCall[int]:
    """Reads the server's clock, in milliseconds."""
    return ScriptCall("read_jobs", keys, [], lambda reply: int(reply[0]))


def read_jobs(keys: Keys, local_ids: Sequence[str]) -> ScriptCall[dict[str, Job]]:
    """Reads at most `MOST_JOBS` jobs; returns those with a readable record, by local id.

    Raises when it runs:
        WrittenByNewerVersion: a newer version wrote one of them.
    """

    def read(reply: list[Any]) -> dict[str, Job]:
        heads = zip(local_ids, reply[1:], strict=True)
        found = {local_id: readable_job(keys.budget, local_id, head, int(reply[0])) for local_id, head in heads}
        return {local_id: job for local_id, job in found.items() if job}

    return ScriptCall("read_jobs", keys, list(local_ids), read)


@dataclass(frozen=True, slots=True)
class ListedJobs:
    """Some jobs of a list."""

    jobs: Sequence[Job]
    """Those with a readable record, the newest first."""
    last: str
    """The id of the last one, readable or not; empty: there is none."""
    more: bool
    """Whether older ones follow."""
    other_key: bool
    """Whether other numbers were listed by blind indexes of another key."""


def read_listed(keys: Keys, *, blind_index: str, after: str, skipped: int, count: int) -> ScriptCall[ListedJobs]:
    """Looks at some single jobs, at most `MOST_JOBS`; or at all those of a number, by its blind index.

    `after`: the local id behind which to begin, empty: at the newest; `skipped`: how many to pass over from there.
    """

    def read(reply: list[Any]) -> ListedJobs:
        now_ms, more, others = map(int, reply[:3])
        found = list(rows(reply, 3, 2))
        jobs = (readable_job(keys.budget, local_id, head, now_ms) for local_id, head in found)
        return ListedJobs([job for job in jobs if job], found[-1][0] if found else "", more > 0, others > 0)

    name = f"by_number:{blind_index}" if blind_index else "listed"
    return ScriptCall("read_listed", keys, [name, after, skipped, count], read)
