"""What predictions are made of, as `lua/lib/forecast.lua` tells it."""

import json
from collections.abc import Mapping, Sequence
from math import inf
from typing import Any, NamedTuple

from outbound_chat.forecast import Chats, Curve, LaneDemand, Pace
from outbound_chat.model.lanes import Lane
from outbound_chat.store.keys import Keys
from outbound_chat.store.scripts._script_call import ScriptCall


class PaceNow(NamedTuple):
    """What turns are predicted by, and when that was."""

    now_ms: int
    """By the clock of Redis."""
    pace: Pace | None
    """None: no worker of the budget was ever started."""


def read_pace(keys: Keys, lane: Lane) -> ScriptCall[PaceNow]:
    """What the turns of a lane's jobs are predicted by; the lane may be a new one."""
    return ScriptCall("read_pace", keys, [str(lane)], lambda reply: PaceNow(int(reply[0]), read_pace_json(reply[1])))


def read_pace_json(text: str) -> Pace | None:
    """The pace from its JSON; None: nobody wrote the budget's settings."""
    told = json.loads(text)
    if "budget" not in told:
        return None
    rate, tokens, burst, limited = told["budget"]
    return Pace(
        rate=rate,
        tokens=tokens,
        burst=burst,
        limited=limited,
        workers=told["workers"],
        held_by=held_by(*told["stop"]) if "stop" in told else "",
        own=_lane(told["own"], told["parts"]),
        due=[(ms / 1000, jobs) for ms, jobs in told["due"]],
        # Lua writes an empty list as an object.
        rivals=[_lane(rival) for rival in told["rivals"] or () if rival[2] > 0],
        chats=_chats(told["chats"]) if "chats" in told else None,
    )


def _lane(told: Sequence[Any], parts: float = 1.0) -> LaneDemand:
    priority, tenant, jobs, tenant_weight, weight, number, number_rate = told
    return LaneDemand(
        priority=priority,
        tenant=tenant,
        jobs=jobs,
        tenant_weight=tenant_weight,
        weight=weight,
        number=number,
        number_rate=number_rate / parts if number_rate else inf,
    )


def _chats(told: Mapping[str, Any]) -> Chats:
    ends = list(told["ends"] or ())
    curve = Curve([ms / 1000 for _, ms in ends], [float(place) for place, _ in ends])
    return Chats(most=told["most"], open=told["open"], ends=curve if ends else Curve((0.0,), (0.0,)))


def held_by(owner: str, scope: str, reason: str) -> str:
    """Who holds what, in words."""
    kind, _, name = scope.partition(":")
    if owner == "no_key":
        return f"no worker has the encryption key {name}"
    what = f"{kind} {name}" if name and kind != "batch" else f"the {kind}"
    if owner == "cancel":
        return f"{what} is being cancelled"
    return f"{'a person' if owner == 'person' else 'the system'} holds {what}: {reason}"
