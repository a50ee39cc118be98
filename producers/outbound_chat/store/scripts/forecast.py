"""The facts that forecasts are made of, as `lua/lib/forecast.lua` writes them."""

import json
from collections.abc import Mapping, Sequence
from math import inf
from typing import Any, NamedTuple

from outbound_chat.forecast import Chats, Curve, LaneDemand, Pace
from outbound_chat.model.lanes import Lane
from outbound_chat.store.keys import Keys
from outbound_chat.store.scripts._script_call import ScriptCall


class PaceNow(NamedTuple):
    """What the turns of jobs are predicted from, and when that was read."""

    now_ms: int
    """The time of Redis."""
    pace: Pace | None
    """None: no worker of the budget has been started yet."""


def read_pace(keys: Keys, lane: Lane) -> ScriptCall[PaceNow]:
    """Reads what the turns of a lane's jobs are predicted from; the lane may be a new one."""
    return ScriptCall("read_pace", keys, [str(lane)], lambda reply: PaceNow(int(reply[0]), read_pace_json(reply[1])))


def read_pace_json(text: str) -> Pace | None:
    """Reads the pace from its JSON; None: the budget has no settings."""
    facts = json.loads(text)
    if "budget" not in facts:
        return None
    rate, tokens, burst, limited = facts["budget"]
    return Pace(
        rate=rate,
        tokens=tokens,
        burst=burst,
        limited=limited,
        workers=facts["workers"],
        held_by=held_by(*facts["stop"]) if "stop" in facts else "",
        own=_lane(facts["own"], facts["parts"]),
        due=[(ms / 1000, jobs) for ms, jobs in facts["due"]],
        # Lua writes an empty list as an object.
        rivals=[_lane(rival) for rival in facts["rivals"] or () if rival[2] > 0],
        chats=_chats(facts["chats"]) if "chats" in facts else None,
    )


def _lane(facts: Sequence[Any], parts: float = 1.0) -> LaneDemand:
    priority, tenant, jobs, tenant_weight, weight, number, number_rate = facts
    return LaneDemand(
        priority=priority,
        tenant=tenant,
        jobs=jobs,
        tenant_weight=tenant_weight,
        weight=weight,
        number=number,
        number_rate=number_rate / parts if number_rate else inf,
    )


def _chats(facts: Mapping[str, Any]) -> Chats:
    ends = list(facts["ends"] or ())
    curve = Curve([ms / 1000 for _, ms in ends], [float(position) for position, _ in ends])
    return Chats(
        most=facts["most"],
        open=facts["open"],
        ends=curve if ends else Curve((0.0,), (0.0,)),
        lasted=facts.get("lasted"),
    )


def held_by_json(text: str) -> str:
    """Says in words who holds a batch, from the JSON of a script; empty: nobody."""
    return held_by(*json.loads(text)) if text else ""


def held_by(owner: str, scope: str, reason: str) -> str:
    """Says in words who holds what."""
    kind, _, name = scope.partition(":")
    if owner == "no_key":
        return f"no worker has the encryption key {name}"
    what = f"{kind} {name}" if name and kind != "batch" else f"the {kind}"
    if owner == "cancel":
        return f"{what} is being cancelled"
    return f"{'a person' if owner == 'person' else 'the system'} holds {what}: {reason}"
