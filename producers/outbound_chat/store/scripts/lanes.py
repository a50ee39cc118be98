"""Reads the lanes of a budget, for operators."""

import json
from collections.abc import Sequence
from typing import Any

from outbound_chat.model.lanes import Lane
from outbound_chat.model.operations import Lanes, LaneStatus
from outbound_chat.model.times import from_ms
from outbound_chat.model.why import WaitReason
from outbound_chat.store.keys import Keys
from outbound_chat.store.scripts._reply import rows
from outbound_chat.store.scripts._script_call import ScriptCall

MOST_LANES = 50
_OWNERS = {
    "person": WaitReason.HELD_BY_PERSON,
    "cancel": WaitReason.CANCELLING,
    "system": WaitReason.HELD_BY_SYSTEM,
}


def read_lanes(keys: Keys, count: int) -> ScriptCall[Lanes]:
    """Reads the lanes of the budget with the most waiting jobs, at most `count`."""

    def read(reply: list[Any]) -> Lanes:
        now_ms, total, looked, budget_hold = reply[:4]
        lanes = tuple(_lane(keys.budget, int(now_ms), budget_hold, row) for row in rows(reply, 4, 8))
        return Lanes(lanes=lanes, total=int(total), looked=int(looked))

    return ScriptCall("read_lanes", keys, [count], read)


def _lane(budget: str, now_ms: int, budget_hold: str, row: Sequence[Any]) -> LaneStatus:
    name, waiting, due, next_due_ms, rule, scope, until_ms, stop = row
    lane = Lane.parse(name)
    owner, _, code, words = json.loads(stop) if stop else ("", "", "", "")
    stopped = _reason(rule, scope, owner) if due else None
    if budget_hold and due:
        stopped, until_ms, code, words = WaitReason.BUDGET_HELD, "", "", _words(budget_hold)
    return LaneStatus(
        budget=budget,
        priority=lane.priority,
        sender=lane.sender,
        tenant=lane.tenant or None,
        batch_id=f"{budget}.{lane.batch}" if lane.batch else None,
        waiting=waiting,
        due=due,
        next_due=from_ms(max(int(next_due_ms), 0)) if next_due_ms else None,
        stopped_by=stopped,
        until=from_ms(max(int(until_ms), now_ms)) if stopped and until_ms else None,
        stop_reason=": ".join(word for word in (code, words) if word),
    )


def _reason(rule: str, scope: str, owner: str) -> WaitReason | None:
    match rule:
        case "hold":
            return _OWNERS.get(owner, WaitReason.HELD_BY_SYSTEM)
        case "probe":
            return WaitReason.PROBING
        case "concurrency":
            return WaitReason.BATCH_CALLS if scope.startswith("batch:") else WaitReason.SENDER_CALLS
        case "chats":
            return WaitReason.OPEN_CHATS
        case "number":
            return WaitReason.NUMBER_PACE
    return None


def _words(hold: str) -> str:
    try:
        return str(json.loads(hold)["reason"])
    except (ValueError, LookupError, TypeError, RecursionError):
        return "this hold is unreadable in Redis"
