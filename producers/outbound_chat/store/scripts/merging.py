"""Makes one call of several that do the same for different jobs, so that they take one round trip."""

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

from outbound_chat.store.scripts._reply import rows
from outbound_chat.store.scripts._script_call import MOST_BYTES, MOST_JOBS, ScriptCall
from outbound_chat.store.scripts.jobs import SHARED_ARGS

Place = int
Replies = list[Any]


class _Form(NamedTuple):
    """How calls of a script are merged: the arguments that must be the same come first, then each call's own."""

    same: int
    """Number of the former."""
    split: Callable[[Any, Sequence[int]], Replies]
    """Takes the reply, and how many arguments each call has of its own; returns the reply to each call."""


def _slices(values: Sequence[Any], sizes: Sequence[int]) -> Replies:
    return [values[start:end] for start, end in pairwise(accumulate(sizes, initial=0))]


def _submitted(reply: Any, sizes: Sequence[int]) -> Replies:
    """Each call has one job."""
    word, *more = reply
    if word not in {"ok", "first"}:
        return [reply] * len(sizes)
    replies = [["ok", more[0]] for _ in sizes]
    replies[0][0] = word
    for index, verdict, other in rows(reply, 2, 3):
        replies[int(index)] += [0, verdict, other]
    return replies


_FORMS: Mapping[str, _Form] = {
    "submit": _Form(SHARED_ARGS, _submitted),
    "read_jobs": _Form(0, lambda reply, sizes: [[reply[0], *part] for part in _slices(reply[1:], sizes)]),
    "read_idem": _Form(1, _slices),
    "check_durable": _Form(2, lambda reply, sizes: [reply] * len(sizes)),
}


def merged(calls: Mapping[Place, ScriptCall[Any]]) -> list[tuple[ScriptCall[Replies], list[Place]]]:
    """Returns calls that do what the given ones do, each with the places of those that it does, in their order.

    Each call is for one job at most. The reply of a merged call has one for each of them, as its `read` takes it.
    """
    groups: dict[Any, list[list[Place]]] = {}
    bytes_of: dict[Any, int] = {}
    for place, call in calls.items():
        form = _FORMS.get(call.script)
        alike: Any = (call.script, call.keys.base, *call.args[: form.same], *call.then) if form else place
        size = sum(len(one) for one in call.args if isinstance(one, str))
        chunks = groups.setdefault(alike, [[]])
        if len(chunks[-1]) >= MOST_JOBS or bytes_of.get(alike, 0) + size > MOST_BYTES:
            chunks.append([])
            bytes_of[alike] = 0
        chunks[-1].append(place)
        bytes_of[alike] = bytes_of.get(alike, 0) + size
    return [
        (_merged([calls[place] for place in chunk]), chunk) for chunks in groups.values() for chunk in chunks if chunk
    ]


def _merged(calls: Sequence[ScriptCall[Any]]) -> ScriptCall[Replies]:
    first, form = calls[0], _FORMS.get(calls[0].script)
    if form is None:
        return ScriptCall(first.script, first.keys, first.args, lambda reply: [reply], first.then)
    own = [call.args[form.same :] for call in calls]
    args = [*first.args[: form.same], *(one for part in own for one in part)]
    sizes = [len(part) for part in own]
    return ScriptCall(first.script, first.keys, args, lambda reply: form.split(reply, sizes), first.then)
