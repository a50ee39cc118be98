"""Lists and replays failed and uncertain jobs."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Self, TypeAlias

from outbound_chat.model.actions import BulkAction
from outbound_chat.model.errors import StoreError, WrittenByNewerVersion
from outbound_chat.model.jobs import Job
from outbound_chat.model.json import to_json
from outbound_chat.model.lanes import Lane
from outbound_chat.store.keys import Keys
from outbound_chat.store.records import job_from_head, readable_job
from outbound_chat.store.scripts._reply import rows
from outbound_chat.store.scripts._script_call import ScriptCall
from outbound_chat.store.scripts.jobs import Listing


@dataclass(frozen=True, slots=True)
class StoredJob:
    """A job with its request: personal data."""

    job: Job
    token: str
    """The ClientToken that the job was given; empty: it is made from the id."""
    request: str = field(repr=False)
    """Empty: it is no longer kept."""
    shared: str = field(repr=False)
    lost: bool
    """Whether its batch was removed, and with it what its rows shared."""
    now_ms: int


@dataclass(frozen=True, slots=True)
class Replayed:
    """The result of `replay`."""

    outcome: Literal["ok", "replayed", "not_dead", "gone", "newer", "duplicate_risk"]
    detail: str
    """For each outcome in turn: id of the new job, id of the earlier replay, state, empty, empty, since when in ms."""


class DeadCursor(NamedTuple):
    """Where a page of dead letters begins: after the job that ended at this time and has this local id."""

    ended_ms: int
    local_id: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads a cursor from its text. ValueError: it is not a cursor."""
        if not re.fullmatch(r"[0-9]{1,15} [A-Z0-9-]{1,40}", text):
            raise ValueError("not a cursor of dead letters")
        ended_ms, _, local_id = text.partition(" ")
        return cls(int(ended_ms), local_id)

    @classmethod
    def after(cls, job: Job) -> Self:
        """Returns the cursor after a final job."""
        ended = job.finished_at or job.created_at
        return cls(round(ended.timestamp() * 1000), job.id.partition(".")[2])

    def __str__(self) -> str:
        """Returns what callers pass to get the next page."""
        return f"{self.ended_ms} {self.local_id}"


@dataclass(frozen=True, slots=True)
class DeadPage:
    """A page of failed and uncertain jobs, the newest first."""

    jobs: Sequence[Job]
    following: DeadCursor | None
    """Where the next page begins; None: this is the last page."""


def read_dead(keys: Keys, *, state: str, code: str, after: DeadCursor | None, count: int) -> ScriptCall[DeadPage]:
    """Reads a page of failed and uncertain jobs. `state`, `code`: empty for all. `after`: None for the first page."""

    def read(reply: list[Any]) -> DeadPage:
        found = (readable_job(keys.budget, local_id, head, int(reply[0])) for local_id, _, head in rows(reply, 1, 3))
        jobs = [job for job in found if job]
        full = len(reply) // 3 >= count
        return DeadPage(jobs, DeadCursor(int(reply[-2]), reply[-3]) if full else None)

    return ScriptCall("read_dead", keys, [state, code, *(after or ("", "")), count], read)


def read_request(keys: Keys, local_id: str) -> ScriptCall[StoredJob | None]:
    """Reads the job with its request, and what its batch shares; None: there is no such job."""

    def read(reply: list[Any]) -> StoredJob | None:
        if reply == ["newer"]:
            raise WrittenByNewerVersion(f"{keys.budget}.{local_id}")
        if reply == ["gone"]:
            return None
        job = job_from_head(keys.budget, local_id, reply[0], int(reply[3]))
        return StoredJob(job, reply[4], reply[1], reply[2], reply[5] == 1, int(reply[3]))

    return ScriptCall("read_request", keys, [local_id], read)


def replay(
    keys: Keys,
    *,
    old: str,
    local_id: str,
    lane: Lane,
    max_age_ms: int,
    parts: int,
    token: str,
    edited: bool,
    force: bool,
    send_at_ms: int,
    request: str,
    listing: Listing,
    action: tuple[str, str] = ("", ""),
) -> ScriptCall[Replayed]:
    """Sends a failed or uncertain job again, as a new job. `token`: that of the old job. `action`: id and holder."""
    flags = [int(edited), int(force)]
    args: list[str | int] = [old, local_id, str(lane), max_age_ms, parts, token, *flags, send_at_ms]
    args += [listing.listed, int(listing.by_number), *action, request]
    return ScriptCall("replay", keys, args, lambda reply: Replayed(reply[0], str(reply[1]) if len(reply) > 1 else ""))


Record: TypeAlias = dict[str, Any]
"""A `BulkAction` with times in ms; `holder`, who alone may replay for it, until `lease_ms`; `after`, its cursor."""
MOST_ACTIONS = 100


class Actions(NamedTuple):
    """The bulk actions of a budget, by local id, the oldest first."""

    written: bool
    now_ms: int
    version: str
    records: dict[str, Record]


def actions(keys: Keys, found: Actions | None = None, record: Record | None = None) -> ScriptCall[Actions]:
    """Reads them; before that it writes one, unless one was written since `found`, and forgets the oldest of many."""

    def read(reply: list[Any]) -> Actions:
        held = dict(rows(reply[2], 0, 2))
        try:
            done = {id_: int(held[f"done:{id_}"]) for id_ in sorted(held) if f"done:{id_}" in held}
            records = {id_: {**json.loads(held[id_].partition(" ")[2]), "done": number} for id_, number in done.items()}
        except (ValueError, TypeError, RecursionError):
            records = {"": {}}
        if not all(BulkAction.__dataclass_fields__.keys() <= one.keys() for one in records.values()):
            raise StoreError(
                f"bulk actions can't be read, another program wrote to {keys.base}actions; delete that key"
            )
        return Actions(reply[0] == 1, int(reply[1]), held.get("version", "0"), records)

    args: list[str | int] = [""] * 5
    if found and record:
        every = found.records | {(local_id := record["id"].partition(".")[2]): record}
        leases = [one["lease_ms"] for one in every.values() if one["state"] == "running"]
        ended = [id_ for id_, one in found.records.items() if one["state"] != "running" and len(every) > MOST_ACTIONS]
        text = f"{record['holder']} {to_json(record).decode()}"
        args = [found.version, min(leases, default=""), local_id, text, min(ended, default="")]
    return ScriptCall("actions", keys, args, read)
