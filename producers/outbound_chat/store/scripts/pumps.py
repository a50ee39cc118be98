"""The calls of pumps and wakers: claim, finish, renew, leave, maintain."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from outbound_chat.model.jobs import Priority
from outbound_chat.model.lanes import Lane
from outbound_chat.store.keys import Keys
from outbound_chat.store.records import Field, read_head
from outbound_chat.store.scripts._reply import rows
from outbound_chat.store.scripts._script_call import ScriptCall
from outbound_chat.store.scripts.jobs import StoredState


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedJob:
    """A job that this worker may send now."""

    local_id: str
    attempts: int
    """The number of attempts, including the one to be made."""
    snoozes: int
    """How many of the last calls, up to 5, the provider throttled."""
    maybe_sent: bool
    """Whether an earlier call may have reached Connect."""
    priority: Priority
    sender: str
    batch: str
    token: str
    """The ClientToken to use; empty: it is made from the id."""
    claimed_ms: int
    look: bool
    """Whether the suppression lists must be checked before the call: the claim could not read the number."""
    request: str = field(repr=False)
    recount: bool = False
    """Whether its recipient can't be compared with the contacts that are counted, so that no call may be made; after
    `recount`, the next claim can."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """At least one job to send."""

    jobs: tuple[ClaimedJob, ...]
    now_ms: int
    pace_ms: int
    """Time to the next token; 0: there were enough."""
    wakeup: str
    """Nonce with which the caller must request one more pump; empty: none is needed."""
    newer: int = 0
    """Due jobs that a newer version wrote, which are left to its workers."""
    waiting: bool = False
    """True: these were all, and the pump is registered and waits to be poked."""
    until_ms: int = -1
    """The same as in `Empty`."""


@dataclass(frozen=True, slots=True)
class Empty:
    """No job is due."""

    waiting: bool
    """True: the pump is registered and waits to be poked; False: it leaves."""
    until_ms: int
    """Time to the next due job, or until a rule may open; -1: neither is known."""
    rule: str = ""
    """The rule that blocks due jobs, and its scope: `hold sender:sms`, `number number:…`, `chats instance:…`,
    `concurrency batch:…`; empty: nothing does."""
    newer: int = 0
    """The same as in `Claimed`."""
    now_ms: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Paced:
    """Jobs are due, but the budget's rate allows no call yet."""

    pace_ms: int
    pumps: int


@dataclass(frozen=True, slots=True)
class Held:
    """A person holds the whole budget."""

    reason: str


@dataclass(frozen=True, slots=True)
class Dismissed:
    """Another pump answered the same request; this one ends at once, without `leave`."""


@dataclass(frozen=True, slots=True)
class Unconfigured:
    """The budget has no settings: without them nothing is sent."""


class Outcome(StrEnum):
    """The outcome of an attempt."""

    SENT = "sent"
    RETRY = "retry"
    """The job is called again later, with the same token; this counts as an attempt."""
    SNOOZE = "snooze"
    """The provider throttles us, so the job is called again later; this does not count as an attempt."""
    HOLD = "hold"
    """No job of the sender or instance can be sent now: all are held, keep their attempts, and one is tried from time
    to time."""
    FAILED = "failed"
    """No call for this job can succeed."""
    NOT_CALLED = "not_called"
    """No call was made: the job waits again, and keeps its attempt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The result of an attempt."""

    local_id: str
    claim: str
    outcome: Outcome
    delay_ms: int = 0
    maybe_sent: bool = False
    contact_id: str = ""
    code: str = ""
    aws_code: str = ""
    message: str = ""
    request_id: str = ""
    pause_ms: int = 0
    """How long the provider asks all callers to wait."""
    scope: str = ""
    """What a `hold` blocks, such as `sender:sms`, at first for `delay_ms`."""
    chat_ms: int = 0
    """How long the chat of a new contact is assumed to stay open."""
    not_before_ms: int = 0
    """Earliest time of the next attempt, by the server's clock, whatever `delay_ms` says; 0: there is none."""
    called: bool = True
    """False: no call was made, so its token and message parts are given back."""


@dataclass(frozen=True, slots=True)
class Renewed:
    """How many leases were renewed, and the nonce with which to start one more pump; empty: none is needed."""

    leases: int
    wakeup: str


@dataclass(frozen=True, slots=True)
class Maintained:
    """The result of `maintain`."""

    wakeup: str
    """Nonce with which the caller must request a pump; empty: none is needed."""
    next_ms: int
    """Time to the next due job, lease or expiry; -1: none."""
    lost: int
    expired: int
    configured: bool
    """Whether the budget has settings; without them nothing is sent."""
    now_ms: int
    courier: bool
    """Whether the caller must start a courier."""
    action: bool
    """Whether a bulk action waits for a worker."""


def claim(
    keys: Keys, *, pump: str, claim_id: str, wanted: int, lease_ms: int, linger_ms: int, nonce: str
) -> ScriptCall[Claimed | Empty | Paced | Held | Dismissed | Unconfigured]:
    """Claims jobs to call; a repeat with the same `claim_id` returns the same jobs.

    `nonce`: that of the request for the pump; empty once one of the pump's claims was answered.
    """

    def read(reply: list[Any]) -> Claimed | Empty | Paced | Held | Dismissed | Unconfigured:
        match reply[0]:
            case "claimed":
                jobs = tuple(_claimed_job(*job) for job in rows(reply, 7, 4))
                now_ms, pace_ms = int(reply[1]), int(reply[2])
                return Claimed(jobs, now_ms, pace_ms, reply[3], int(reply[4]), reply[5] == 1, int(reply[6]))
            case "empty":
                return Empty(reply[2] == 1, int(reply[3]), reply[4], int(reply[5]), int(reply[1]))
            case "paced":
                return Paced(int(reply[2]), int(reply[3]))
            case "held":
                return Held(reply[2])
            case "dismissed":
                return Dismissed()
            case _:
                return Unconfigured()

    return ScriptCall("claim", keys, [pump, claim_id, wanted, lease_ms, linger_ms, nonce], read)


def _claimed_job(local_id: str, raw_head: str, request: str, look: int) -> ClaimedJob:
    head = read_head(raw_head)
    lane = Lane.parse(head[Field.LANE])
    snoozes = 0
    for _, outcome, *_ in reversed(head[Field.HISTORY] or ()):
        if outcome != Outcome.SNOOZE:
            break
        snoozes += 1
    return ClaimedJob(
        local_id=local_id,
        attempts=head[Field.ATTEMPTS],
        snoozes=snoozes,
        maybe_sent=bool(head[Field.MAYBE_SENT]),
        priority=lane.priority,
        sender=lane.sender,
        batch=lane.batch,
        token=head[Field.TOKEN],
        claimed_ms=head[Field.DUE],
        look=look in {1, 3},
        recount=look > 1,
        request=request,
    )


def finish(keys: Keys, results: Sequence[Result]) -> ScriptCall[list[StoredState | Literal["stale", "gone", "newer"]]]:
    """Records at most `MOST_JOBS` results, and returns the state of each job now.

    `stale`: another claim has the job; `gone`, `newer`: as for `cancel`. In these cases nothing was recorded.
    """
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
            result.not_before_ms,
            int(result.called),
        )
    return ScriptCall("finish", keys, args, list)


def recount(
    keys: Keys, *, local_id: str, claim: str, request: str, marks: Mapping[str, str]
) -> ScriptCall[Literal["ok", "stale", "unknown"]]:
    """Makes a claimed job's recipient comparable; `unknown`: contacts are counted in a form that `marks` does not have.

    `marks`: the number in each form that the caller knows; `request`: has it in the form that is counted.
    """
    args = [local_id, claim, request, *(part for mark in marks.items() for part in mark)]
    return ScriptCall("recount", keys, args, lambda reply: reply)


def renew(
    keys: Keys, *, pump: str, load: Literal["idle", "full", "left"], lease_ms: int, leased: Sequence[tuple[str, str]]
) -> ScriptCall[Renewed]:
    """Extends the leases of `(local id, claim id)` pairs.

    `load`: whether the pump has room for more jobs (`idle`), has none (`full`), or has left (`left`).
    """
    args: list[str | int] = [pump, load, lease_ms, *(part for pair in leased for part in pair)]
    return ScriptCall("renew", keys, args, lambda reply: Renewed(int(reply[0]), reply[1]))


def leave(keys: Keys, *, pump: str, warm: bool, unanswered: str) -> ScriptCall[str]:
    """Removes a pump; returns the nonce with which the caller must start a successor, empty for none.

    `unanswered`: id of its last claim if that got no answer, so that its jobs are given back; empty: it got one.
    """
    return ScriptCall("leave", keys, [pump, int(warm), unanswered], str)


def maintain(
    keys: Keys, *, worker: str, version: str, skew_ms: int = 0, posts: bool = False, key_ids: Sequence[str] = ()
) -> ScriptCall[Maintained]:
    """Ends lost leases and expired jobs, and finds due work without a pump.

    `skew_ms`: by how much the clock of the worker's machine is ahead, if that keeps it from work; 0: it is right.
    `posts`: whether it posts webhooks. `key_ids`: names of the encryption keys that it has.
    """

    def read(reply: list[Any]) -> Maintained:
        next_ms, lost, expired = map(int, reply[1:4])
        return Maintained(reply[0], next_ms, lost, expired, reply[4] == 1, int(reply[5]), reply[6] == 1, reply[7] == 1)

    return ScriptCall("maintain", keys, [worker, version, skew_ms, int(posts), " ".join(key_ids)], read)
