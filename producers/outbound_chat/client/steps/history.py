"""Reads what a budget did over time, from counters that workers write down once a minute."""

from itertools import pairwise

from outbound_chat.client.steps.base import Steps, ask
from outbound_chat.client.steps.context import Context
from outbound_chat.model.errors import FieldError, InvalidJob
from outbound_chat.model.history import History, HistoryPoint
from outbound_chat.model.times import from_ms
from outbound_chat.request import FieldCode
from outbound_chat.store import scripts


def read_history(context: Context, budget: str | None, hours: int, step: int) -> Steps[History]:
    """Reads the last `hours` of a budget, in points of `step` minutes."""
    ranges = (("hours", hours, 72), ("step", step, 1_440))
    if wrong := [(name, f"must be from 1 to {most}") for name, value, most in ranges if not 0 < value <= most]:
        raise InvalidJob([FieldError(name, FieldCode.OUT_OF_RANGE, said) for name, said in wrong])
    name = context.budget(budget)
    minutes = min(hours * 60, scripts.MOST_MINUTES)
    records = yield from ask(scripts.read_history(context.keys(name), minutes=minutes))
    # The first record of each step, and the last one, up to which the rest of a step has passed.
    ends = {record[0] // step: record for record in reversed(records)}
    chosen = [*reversed(ends.values()), *records[-1:]]
    return History(budget=name, points=tuple(_point(*pair) for pair in pairwise(chosen) if pair[0] is not pair[1]))


def _point(before: tuple[int, ...], after: tuple[int, ...]) -> HistoryPoint:
    # A counter that went back was repaired, or begins anew.
    passed = (max(0, new - old) for old, new in zip(before, after, strict=True))
    return HistoryPoint(from_ms(before[0] * 60_000), *passed)
