"""What operators and settings order: configure, hold, release, chats that have ended."""

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
) -> ScriptCall[str]:
    """Writes the budget's settings; answers the version that stood before, empty for none.

    `senders`: limits of each sender, as `configure.lua` lists them. `weights`: turns of a tenant.
    """
    limits: list[str | float] = [rate, burst, max_pumps, keep_ms, keep_requests_ms]
    args = [version, *limits, json.dumps(senders), json.dumps(weights)]
    return ScriptCall("configure", keys, args, str)


def note_budgets(keys: Keys, names: Sequence[str]) -> ScriptCall[list[str]]:
    """Notes that budgets are in use, and answers all that ever were. `keys`: those of `ACCESS`."""
    return ScriptCall("note_budgets", keys, list(names), list)


def hold(keys: Keys, *, scope: str, reason: str) -> ScriptCall[Literal["ok", "gone", "final"]]:
    """Stops a scope by a person's order; `gone`: there is no such batch, `final`: it is, so nothing was held."""
    return ScriptCall("hold", keys, [scope, reason], lambda reply: reply)


@dataclass(frozen=True, slots=True)
class Released:
    """What became of `release`."""

    ended: bool
    """A person held the scope."""
    probing: bool
    """The system holds it, and one job is tried now."""


def release(keys: Keys, *, scope: str) -> ScriptCall[Released]:
    """Ends a person's hold."""
    return ScriptCall("release", keys, [scope], lambda reply: Released(reply[0] == 1, reply[1] == 1))


def read_holds(keys: Keys) -> ScriptCall[list[Hold]]:
    """All holds of the budget, the oldest first."""

    def read(reply: list[Any]) -> list[Hold]:
        holds = [_hold(keys.budget, name, _readable(kept, int(reply[0]))) for name, kept in rows(reply, 1, 2)]
        return sorted(holds, key=lambda hold: hold.since)

    return ScriptCall("read_holds", keys, [], read)


def _readable(kept: str, now_ms: int) -> Mapping[str, Any]:
    """What is kept of a hold; of one that another program wrote, that it stops its scope all the same."""
    try:
        hold = json.loads(kept)
        from_ms(hold["since_ms"]), from_ms(hold.get("until_ms", 0))
        return {**hold, "reason": str(hold["reason"]), "code": str(hold.get("code", ""))}
    except (ArithmeticError, AttributeError, LookupError, OSError, RecursionError, TypeError, ValueError):
        reason = "what Redis keeps of this hold can't be read; release it, and hold anew what is to stay so"
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
    """Says that a chat has ended; whether it was counted."""
    return ScriptCall("close_chat", keys, [contact, " ".join(instances)], lambda reply: reply == 1)


@dataclass(frozen=True, slots=True)
class Cancelled:
    """What became of `cancel_many`."""

    jobs: int
    """How many it ended."""
    left: bool
    """There are more: call again."""


def cancel_many(keys: Keys, *, scope: str, first: bool) -> ScriptCall[Cancelled | None]:
    """Cancels waiting jobs of a batch or tenant. None: there is no such batch."""

    def read(reply: list[Any]) -> Cancelled | None:
        return Cancelled(int(reply[1]), reply[2] == 1) if reply[0] == "ok" else None

    return ScriptCall("cancel_many", keys, [scope, int(first)], read)
