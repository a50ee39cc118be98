"""Writes the settings and the orders of operators: configure, hold, release, cancel, close a chat."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from outbound_chat.model.operations import Hold
from outbound_chat.model.times import from_ms
from outbound_chat.store.keys import Keys
from outbound_chat.store.scripts._reply import rows
from outbound_chat.store.scripts._script_call import ScriptCall


def configure(
    keys: Keys,
    *,
    version: str,
    rate: float,
    burst: int,
    max_pumps: int,
    keep_ms: int,
    keep_requests_ms: int,
    senders: Mapping[str, Mapping[str, Any]],
    weights: Mapping[str, float],
    contacts: bool = False,
) -> ScriptCall[str]:
    """Writes the budget's settings; returns their version before, empty for none.

    `senders`: the limits of each sender, as `configure.lua` lists them. `weights`: the turns of each tenant.
    `contacts`: whether calls are recorded with their contacts.
    """
    limits: list[str | float] = [rate, burst, max_pumps, keep_ms, keep_requests_ms]
    args = [version, *limits, json.dumps(senders), json.dumps(weights), int(contacts)]
    return ScriptCall("configure", keys, args, str)


def note_budgets(keys: Keys, names: Sequence[str]) -> ScriptCall[list[str]]:
    """Notes that budgets are in use, and returns all that have ever been. `keys`: those of `ACCESS`."""
    return ScriptCall("note_budgets", keys, list(names), list)


def hold(keys: Keys, *, scope: str, reason: str) -> ScriptCall[Literal["ok", "gone", "final"]]:
    """Holds a scope for a person; `gone`: there is no such batch; `final`: the batch is final, so nothing was held."""
    return ScriptCall("hold", keys, [scope, reason], lambda reply: reply)


@dataclass(frozen=True, slots=True)
class Released:
    """The result of `release`."""

    ended: bool
    """Whether a person held the scope."""
    probing: bool
    """Whether the system holds it; one job is then tried now."""


def release(keys: Keys, *, scope: str) -> ScriptCall[Released]:
    """Ends a person's hold."""
    return ScriptCall("release", keys, [scope], lambda reply: Released(reply[0] == 1, reply[1] == 1))


def read_holds(keys: Keys) -> ScriptCall[list[Hold]]:
    """Reads all holds of the budget, the oldest first."""

    def read(reply: list[Any]) -> list[Hold]:
        holds = [_hold(keys.budget, name, _readable(kept, int(reply[0]))) for name, kept in rows(reply, 1, 2)]
        return sorted(holds, key=lambda hold: hold.since)

    return ScriptCall("read_holds", keys, [], read)


def _readable(kept: str, now_ms: int) -> Mapping[str, Any]:
    """Reads a stored hold. One that another program wrote still holds its scope."""
    try:
        hold = json.loads(kept)
        from_ms(hold["since_ms"]), from_ms(hold.get("until_ms", 0))
        return {**hold, "reason": str(hold["reason"]), "code": str(hold.get("code", ""))}
    except (ArithmeticError, AttributeError, LookupError, OSError, RecursionError, TypeError, ValueError):
        reason = "this hold is unreadable in Redis; release it, and hold the scope again if it must stay held"
        return {"reason": reason, "since_ms": now_ms}


def _hold(budget: str, name: str, kept: Mapping[str, Any]) -> Hold:
    owner, scope, *rest = [*name.split(":", 2), ""][:3]
    probe_at = kept.get("until_ms")
    return Hold(
        budget=budget,
        scope=scope,
        name=f"{budget}.{rest[0]}" if scope == "batch" else rest[0] if rest and rest[0] else budget,
        owner=owner,
        code=kept.get("code", ""),
        reason=kept["reason"],
        since=from_ms(kept["since_ms"]),
        probe_at=from_ms(probe_at) if probe_at is not None else None,
    )


def close_chat(keys: Keys, *, contact: str, instances: Sequence[str]) -> ScriptCall[bool]:
    """Reports that a chat has ended; returns whether it was counted."""
    return ScriptCall("close_chat", keys, [contact, " ".join(instances)], lambda reply: reply == 1)


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The result of `cancel_many`."""

    jobs: int
    """How many jobs it ended."""
    left: bool
    """Whether there are more: then call it again."""


def cancel_many(keys: Keys, *, scope: str, first: bool) -> ScriptCall[Cancelled | None]:
    """Cancels waiting jobs of a batch, tenant or sender. None: there is no such batch."""

    def read(reply: list[Any]) -> Cancelled | None:
        return Cancelled(int(reply[1]), reply[2] == 1) if reply[0] == "ok" else None

    return ScriptCall("cancel_many", keys, [scope, int(first)], read)


@dataclass(frozen=True, slots=True)
class Left:
    """What a budget still has of a sender or instance."""

    open: bool
    """Whether jobs of it wait or are being called, or may do so, since not all jobs were read."""
    listed: int
    """Numbers on its suppression lists."""


def read_scopes(keys: Keys, scopes: Sequence[str]) -> ScriptCall[list[Left]]:
    """Reads what the budget has of each scope, `sender:NAME` or `instance:ID`, in their order."""

    def read(reply: list[Any]) -> list[Left]:
        return [Left(jobs == 1, int(listed)) for jobs, listed in rows(reply, 0, 2)]

    return ScriptCall("read_scopes", keys, list(scopes), read)
