"""The Lua scripts as typed functions: each makes a `Call` with its arguments in the script's order and reads its reply.

The only place that knows the order of arguments and the form of replies. Nothing here talks to Redis: a `Store` or
`AsyncStore` runs the call.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from outbound_chat.jobs import Hold, Job
from outbound_chat.store.keys import Keys
from outbound_chat.store.records import Place, UnreadableRecord, from_ms, job_from_head, read_head

T = TypeVar("T")

MOST_JOBS = 500
"""Jobs that one script may handle, so that none holds the server for long."""
MOST_BYTES = 1_000_000
"""Bytes of requests that one script may be given."""


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A script to run, its arguments, and how to read what it answers."""

    script: str
    keys: Keys
    args: Sequence[str | int | float] = field(repr=False)
    read: Callable[[Any], T] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """A job on its way into the ledger."""

    local_id: str
    send_at_ms: int
    expires_ms: int
    parts: int
    token: str
    idem: str
    fingerprint: str
    request: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Other:
    """A job was not taken, since its idempotency key belongs to another."""

    index: int
    same: bool
    """The other job asked for the same."""
    local_id: str


@dataclass(frozen=True, slots=True)
class Submitted:
    """All jobs of the call are in the ledger, but for `others`."""

    now_ms: int
    others: tuple[Other, ...]


@dataclass(frozen=True, slots=True)
class NotOpen:
    """Nothing was taken: the batch is closed, or there is none."""

    closed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedJob:
    """A job that this worker may call now."""

    local_id: str
    attempts: int
    """Counts the one to be made."""
    snoozes: int
    """How many of the last calls, up to 5, the provider has paced."""
    maybe_sent: bool
    """An earlier call may have reached Connect."""
    sender: str
    batch: str
    token: str
    """The ClientToken to use; empty: it is made from the id."""
    claimed_ms: int
    request: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Claimed:
    """Jobs to call, at least one."""

    jobs: tuple[ClaimedJob, ...]
    now_ms: int
    pace_ms: int
    """Time to the next token; 0: none lacked."""
    bring: str
    """Nonce with which the caller is to bring one more pump; empty: none."""


@dataclass(frozen=True, slots=True)
class Empty:
    """No job is due."""

    waiting: bool
    """The pump is registered and waits to be poked; otherwise it leaves."""
    until_ms: int
    """Time to the next due job, or until a rule may let one go; -1: neither is known."""
    rule: str = ""
    """What keeps due jobs back, and its scope: `hold sender:sms`, `number number:…`, `chats instance:…`,
    `concurrency batch:…`; empty: nothing does."""


@dataclass(frozen=True, slots=True)
class Paced:
    """Jobs are due, but the budget gives no call yet."""

    pace_ms: int
    pumps: int


@dataclass(frozen=True, slots=True)
class Held:
    """A person stopped the whole budget."""

    reason: str


@dataclass(frozen=True, slots=True)
class Dismissed:
    """Another pump has come on the request that brought this one, which ends at once, without `leave`."""


@dataclass(frozen=True, slots=True)
class Unconfigured:
    """Nobody wrote the budget's settings: without them nothing is sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What an attempt led to."""

    local_id: str
    claim: str
    outcome: str
    """`sent`, `retry`, `snooze`, `hold`, `not_called` or `failed`."""
    delay_ms: int = 0
    maybe_sent: bool = False
    contact_id: str = ""
    code: str = ""
    aws_code: str = ""
    message: str = ""
    request_id: str = ""
    pause_ms: int = 0
    """How long the provider asks everybody to wait."""
    scope: str = ""
    """What a `hold` stops, such as `sender:sms`, at first for `delay_ms`."""
    chat_ms: int = 0
    """How long the chat of a new contact is assumed to stay open."""


@dataclass(frozen=True, slots=True)
class Renewed:
    """How many leases were renewed, and the nonce with which to bring one more pump; empty: none."""

    leases: int
    bring: str


@dataclass(frozen=True, slots=True)
class Tended:
    """What the waker found."""

    bring: str
    """Nonce with which the caller is to bring a pump; empty: none."""
    next_ms: int
    """Time to the next due job, lease or expiry; -1: none."""
    lost: int
    expired: int
    configured: bool
    """The budget's settings are there; without them nothing is sent."""


def submit(
    keys: Keys, *, lane: str, max_age_ms: int, rejected: int, jobs: Sequence[NewJob]
) -> Call[Submitted | NotOpen]:
    """Takes jobs of one lane, at most `MOST_JOBS`, into the ledger; twice changes nothing."""
    args: list[str | int] = [lane, max_age_ms, rejected]
    for job in jobs:
        args += (
            job.local_id,
            job.send_at_ms,
            job.expires_ms,
            job.parts,
            job.token,
            job.idem,
            job.fingerprint,
            job.request,
        )

    def read(reply: list[Any]) -> Submitted | NotOpen:
        if reply[0] != "ok":
            return NotOpen(closed=reply[0] == "batch_closed")
        others = zip(reply[2::3], reply[3::3], reply[4::3], strict=True)
        return Submitted(
            int(reply[1]), tuple(Other(int(index), verdict == "same", other) for index, verdict, other in others)
        )

    return Call("submit", keys, args, read)


def claim(
    keys: Keys, *, pump: str, claim_id: str, wanted: int, lease_ms: int, linger_ms: int, nonce: str
) -> Call[Claimed | Empty | Paced | Held | Dismissed | Unconfigured]:
    """Asks for jobs to call; repeated with the same `claim_id` it gives the same jobs.

    `nonce`: of the request that brought the pump, until a claim of it was answered; then empty.
    """

    def read(reply: list[Any]) -> Claimed | Empty | Paced | Held | Dismissed | Unconfigured:
        match reply[0]:
            case "claimed":
                jobs = zip(reply[4::3], reply[5::3], reply[6::3], strict=True)
                return Claimed(tuple(_claimed_job(*job) for job in jobs), int(reply[1]), int(reply[2]), reply[3])
            case "empty":
                return Empty(reply[2] == 1, int(reply[3]), reply[4])
            case "paced":
                return Paced(int(reply[2]), int(reply[3]))
            case "held":
                return Held(reply[2])
            case "dismissed":
                return Dismissed()
            case _:
                return Unconfigured()

    return Call("claim", keys, [pump, claim_id, wanted, lease_ms, linger_ms, nonce], read)


def _claimed_job(local_id: str, raw_head: str, request: str) -> ClaimedJob:
    head = read_head(raw_head)
    _, sender, _, batch = head[Place.LANE].split(":")
    snoozes = 0
    for _, outcome, *_ in reversed(head[Place.HISTORY] or ()):
        if outcome != "snooze":
            break
        snoozes += 1
    return ClaimedJob(
        local_id=local_id,
        attempts=head[Place.ATTEMPTS],
        snoozes=snoozes,
        maybe_sent=bool(head[Place.MAYBE_SENT]),
        sender=sender,
        batch=batch,
        token=head[Place.TOKEN],
        claimed_ms=head[Place.DUE],
        request=request,
    )


def finish(keys: Keys, results: Sequence[Result]) -> Call[list[str]]:
    """Records results, at most `MOST_JOBS`; answers the state each job is in now, `stale` or `gone`."""
    args: list[str | int] = []
    for result in results:
        args += (
            result.local_id,
            result.claim,
            result.outcome,
            result.delay_ms,
            int(result.maybe_sent),
            result.contact_id,
            result.code,
            result.aws_code,
            result.message,
            result.request_id,
            result.pause_ms,
            result.scope,
            result.chat_ms,
        )
    return Call("finish", keys, args, list)


def renew(
    keys: Keys, *, pump: str, place: Literal["idle", "full", "left"], lease_ms: int, leased: Sequence[tuple[str, str]]
) -> Call[Renewed]:
    """Lengthens the leases of `(local id, claim id)` pairs.

    `place`: the pump has room for more jobs (`idle`), has none (`full`), or has signed off (`left`).
    """
    args: list[str | int] = [pump, place, lease_ms, *(part for pair in leased for part in pair)]
    return Call("renew", keys, args, lambda reply: Renewed(int(reply[0]), reply[1]))


def leave(keys: Keys, *, pump: str, warm: bool, unanswered: str) -> Call[str]:
    """Signs a pump off; answers the nonce with which the caller is to bring a successor, empty for none.

    `unanswered`: id of its last claim, if it got no answer to it: what that took goes back. Empty: it got one.
    """
    return Call("leave", keys, [pump, int(warm), unanswered], str)


def tend(keys: Keys, *, worker: str, version: str) -> Call[Tended]:
    """Ends lost leases and expired jobs, and finds due work without a pump."""

    def read(reply: list[Any]) -> Tended:
        return Tended(reply[0], int(reply[1]), int(reply[2]), int(reply[3]), reply[4] == 1)

    return Call("tend", keys, [worker, version], read)


def cancel(keys: Keys, local_id: str) -> Call[str]:
    """Stops one job; answers the state it is in now, or `gone`."""
    return Call("cancel", keys, [local_id], str)


def open_batch(
    keys: Keys,
    *,
    batch: str,
    lane: str,
    name: str,
    shared: str,
    weight: float | None = None,
    concurrency: int | None = None,
) -> Call[str]:
    """Begins a batch; twice changes nothing."""
    limits: list[str | float] = ["" if limit is None else limit for limit in (weight, concurrency)]
    return Call("open_batch", keys, [batch, lane, name, shared, *limits], str)


def close_batch(keys: Keys, *, batch: str, rejected: int) -> Call[str]:
    """Says that no more jobs come; answers `ok` or `gone`."""
    return Call("close_batch", keys, [batch, rejected], str)


def read_jobs(keys: Keys, local_ids: Sequence[str]) -> Call[dict[str, Job]]:
    """The jobs, at most `MOST_JOBS`, that have a record that can be read, by local id."""

    def read(reply: list[Any]) -> dict[str, Job]:
        jobs: dict[str, Job] = {}
        for local_id, head in zip(local_ids, reply[1:], strict=True):
            # One record that another program wrote must not hide the others.
            with suppress(UnreadableRecord):
                if head:
                    jobs[local_id] = job_from_head(keys.budget, local_id, head, int(reply[0]))
        return jobs

    return Call("read_jobs", keys, list(local_ids), read)


def read_batch(keys: Keys, batch: str) -> Call[tuple[int, Mapping[str, str]] | None]:
    """How many jobs of the batch are scheduled, and its book; None: there is no such batch."""

    def read(reply: list[Any]) -> tuple[int, Mapping[str, str]] | None:
        if len(reply) == 1:
            return None
        return int(reply[1]), dict(zip(reply[2::2], reply[3::2], strict=True))

    return Call("read_batch", keys, [batch], read)


def read_shared(keys: Keys, batch: str) -> Call[str]:
    """The part of the request that all jobs of the batch share, as stored; empty: there is none."""
    return Call("read_shared", keys, [batch], str)


def configure(
    keys: Keys,
    *,
    version: str,
    rate: float,
    burst: int,
    max_pumps: int,
    keep_ms: int,
    senders: Mapping[str, Mapping[str, Any]],
    weights: Mapping[str, float],
) -> Call[str]:
    """Writes the budget's settings; answers the version that stood before, empty for none.

    `senders`: limits of each sender, as `configure.lua` lists them. `weights`: turns of a tenant.
    """
    args: list[str | float] = [version, rate, burst, max_pumps, keep_ms, json.dumps(senders), json.dumps(weights)]
    return Call("configure", keys, args, str)


def hold(keys: Keys, *, scope: str, reason: str) -> Call[str]:
    """Stops a scope by a person's order; answers `ok` or `gone` (no such batch)."""
    return Call("hold", keys, [scope, reason], str)


def release(keys: Keys, *, scope: str) -> Call[tuple[bool, bool]]:
    """Ends a person's hold; whether there was one, and whether one of the system is probed now."""
    return Call("release", keys, [scope], lambda reply: (reply[0] == 1, reply[1] == 1))


def read_holds(keys: Keys) -> Call[list[Hold]]:
    """All holds of the budget, the oldest first."""

    def read(reply: list[Any]) -> list[Hold]:
        holds = [
            _hold(keys.budget, name, json.loads(kept)) for name, kept in zip(reply[1::2], reply[2::2], strict=True)
        ]
        return sorted(holds, key=lambda hold: hold.since)

    return Call("read_holds", keys, [], read)


def _hold(budget: str, name: str, kept: Mapping[str, Any]) -> Hold:
    owner, scope, *rest = name.split(":", 2)
    probe_at = kept.get("until_ms")
    return Hold(
        budget=budget,
        scope=scope,
        name=f"{budget}.{rest[0]}" if scope == "batch" else rest[0] if rest else budget,
        owner=owner,
        code=kept.get("code", ""),
        reason=kept["reason"],
        since=from_ms(kept["since_ms"]),
        probe_at=from_ms(probe_at) if probe_at is not None else None,
    )


def close_chat(keys: Keys, *, contact: str, instances: Sequence[str]) -> Call[bool]:
    """Says that a chat has ended; whether it was counted."""
    return Call("close_chat", keys, [contact, " ".join(instances)], lambda reply: reply == 1)
