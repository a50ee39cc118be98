"""What pumps and wakers ask: claim, finish, renew, leave, maintain."""

from collections.abc import Sequence
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
    """A job that this worker may call now."""

    local_id: str
    attempts: int
    """Counts the one to be made."""
    snoozes: int
    """How many of the last calls, up to 5, the provider has paced."""
    maybe_sent: bool
    """An earlier call may have reached Connect."""
    priority: Priority
    sender: str
    batch: str
    token: str
    """The ClientToken to use; empty: it is made from the id."""
    claimed_ms: int
    look: bool
    """Whether its number is on a suppression list is to be looked up before the call: the claim could not see it."""
    request: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Claimed:
    """Jobs to call, at least one."""

    jobs: tuple[ClaimedJob, ...]
    now_ms: int
    pace_ms: int
    """Time to the next token; 0: none lacked."""
    wakeup: str
    """Nonce with which the caller publishes a request for one more pump; empty: none."""
    newer: int = 0
    """Due jobs that a newer version wrote, and that were left to its workers."""


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
    newer: int = 0
    """As of `Claimed`."""


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
    """Another pump came on the same request; this one ends at once, without `leave`."""


@dataclass(frozen=True, slots=True)
class Unconfigured:
    """Nobody wrote the budget's settings: without them nothing is sent."""


class Outcome(StrEnum):
    """What an attempt led to."""

    SENT = "sent"
    RETRY = "retry"
    """Call again later, with the same token; counts as an attempt."""
    SNOOZE = "snooze"
    """The provider paces us: call again later; counts as no attempt."""
    HOLD = "hold"
    """No job of the sender or instance can be sent now: all are held, keep their attempts, and one probes from time to
    time."""
    FAILED = "failed"
    """No call for this job can succeed."""
    NOT_CALLED = "not_called"
    """No call was made: the job goes back, with its attempt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What an attempt led to."""

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
    """How long the provider asks everybody to wait."""
    scope: str = ""
    """What a `hold` stops, such as `sender:sms`, at first for `delay_ms`."""
    chat_ms: int = 0
    """How long the chat of a new contact is assumed to stay open."""
    not_before_ms: int = 0
    """Time, by the server's clock, before which there is no other attempt, whatever `delay_ms` says; 0: none."""
    called: bool = True
    """False: it came to this before a call was made, whose token and message parts go back."""


@dataclass(frozen=True, slots=True)
class Renewed:
    """How many leases were renewed, and the nonce with which to bring one more pump; empty: none."""

    leases: int
    wakeup: str


@dataclass(frozen=True, slots=True)
class Maintained:
    """What the waker found."""

    wakeup: str
    """Nonce with which the caller publishes a request for a pump; empty: none."""
    next_ms: int
    """Time to the next due job, lease or expiry; -1: none."""
    lost: int
    expired: int
    configured: bool
    """The budget's settings are there; without them nothing is sent."""
    now_ms: int
    courier: bool
    """The caller is to bring a courier."""


def claim(
    keys: Keys, *, pump: str, claim_id: str, wanted: int, lease_ms: int, linger_ms: int, nonce: str
) -> ScriptCall[Claimed | Empty | Paced | Held | Dismissed | Unconfigured]:
    """Asks for jobs to call; repeated with the same `claim_id` it gives the same jobs.

    `nonce`: of the request for the pump, until a claim of it was answered; then empty.
    """

    def read(reply: list[Any]) -> Claimed | Empty | Paced | Held | Dismissed | Unconfigured:
        match reply[0]:
            case "claimed":
                jobs = tuple(_claimed_job(*job) for job in rows(reply, 5, 4))
                return Claimed(jobs, int(reply[1]), int(reply[2]), reply[3], int(reply[4]))
            case "empty":
                return Empty(reply[2] == 1, int(reply[3]), reply[4], int(reply[5]))
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
        look=look == 1,
        request=request,
    )


def finish(keys: Keys, results: Sequence[Result]) -> ScriptCall[list[StoredState | Literal["stale", "gone", "newer"]]]:
    """Records results, at most `MOST_JOBS`, and gives the state each job is in now.

    `stale`: another claim has the job; `gone`, `newer`: as of `cancel`. Nothing was recorded then.
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


def renew(
    keys: Keys, *, pump: str, load: Literal["idle", "full", "left"], lease_ms: int, leased: Sequence[tuple[str, str]]
) -> ScriptCall[Renewed]:
    """Lengthens the leases of `(local id, claim id)` pairs.

    `load`: the pump has room for more jobs (`idle`), has none (`full`), or has signed off (`left`).
    """
    args: list[str | int] = [pump, load, lease_ms, *(part for pair in leased for part in pair)]
    return ScriptCall("renew", keys, args, lambda reply: Renewed(int(reply[0]), reply[1]))


def leave(keys: Keys, *, pump: str, warm: bool, unanswered: str) -> ScriptCall[str]:
    """Signs a pump off; answers the nonce with which the caller is to bring a successor, empty for none.

    `unanswered`: id of its last claim, if it got no answer to it: what that took goes back. Empty: it got one.
    """
    return ScriptCall("leave", keys, [pump, int(warm), unanswered], str)


def maintain(
    keys: Keys, *, worker: str, version: str, skew_ms: int = 0, posts: bool = False, key_ids: Sequence[str] = ()
) -> ScriptCall[Maintained]:
    """Ends lost leases and expired jobs, and finds due work without a pump.

    `skew_ms`: by how much the clock of the worker's machine is ahead, where that keeps it from work; 0: it is right.
    `posts`: it posts webhooks. `key_ids`: names of the encryption keys that it has.
    """

    def read(reply: list[Any]) -> Maintained:
        next_ms, lost, expired = map(int, reply[1:4])
        return Maintained(reply[0], next_ms, lost, expired, reply[4] == 1, int(reply[5]), reply[6] == 1)

    return ScriptCall("maintain", keys, [worker, version, skew_ms, int(posts), " ".join(key_ids)], read)
