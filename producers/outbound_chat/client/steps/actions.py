"""Bulk actions: replays of all dead letters that match, by workers.

A worker takes an action for a page, from the newest job that had ended when it began to the oldest, and gives it back.
If it dies, another does the page again, where what was replayed is no dead letter anymore. A replay and its count are
one script, and so are the refusals of a page and its end.
"""

import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from outbound_chat.client.steps.base import Steps, ask
from outbound_chat.client.steps.context import Context
from outbound_chat.client.steps.dead_letters import OF_ONE_JOB, check_page, count_dead, fitting, replay
from outbound_chat.model.actions import BulkAction, Refusal
from outbound_chat.model.errors import FieldError, InvalidJob, UnknownJob
from outbound_chat.model.ids import new_local_id, split_id
from outbound_chat.model.times import from_ms
from outbound_chat.request import FieldCode
from outbound_chat.request.options import DeadFilter
from outbound_chat.store import scripts
from outbound_chat.store.scripts import Actions, DeadCursor, Record

PAGE, LEASE_MS, MOST_NAMED, LONGEST_REASON = 100, 15_000, 100, 300


def start_replay(context: Context, options: Mapping[str, Any], key_id: str, *, force: bool) -> Steps[BulkAction]:
    """Starts a replay of all that match, or returns the same one that is running."""
    if unknown := options.keys() - DeadFilter.__annotations__.keys():
        raise TypeError(f"can't replay by {', '.join(sorted(unknown))}")
    chosen = {name: value for name, value in options.items() if value is not None}
    budget, errors = context.budget(chosen.pop("budget", None)), list[FieldError]()
    check_page(chosen.get("state"), 1, None, errors)
    counts = yield from count_dead(context, budget)
    found = [
        count for (state, code), count in counts.items() if chosen.items() <= {"state": state, "code": code}.items()
    ]
    new = {"id": f"{budget}.{new_local_id()}", "kind": "replay", "budget": budget, "filter": chosen, "force": force}
    new |= {"key_id": key_id, "total": None if chosen.keys() - {"state", "code"} else sum(found), "state": "running"}
    new |= {"ended_at": None, "refused": {}, "first_refused": [], "holder": "", "lease_ms": 0}

    def start(found: Actions) -> Record:
        running = [one for one in found.records.values() if one["state"] == "running"]
        for one in running:
            if (one["filter"], one["force"]) == (chosen, force):
                return one
        if len(running) >= scripts.MOST_ACTIONS:
            errors.append(FieldError("budget", FieldCode.OUT_OF_RANGE, "has too many running actions; stop some"))
        if errors:
            raise InvalidJob(errors)
        return {**new, "started_at": found.now_ms, "after": [found.now_ms + 1, ""]}

    return _action((yield from _change(context, budget, start)))


def actions(context: Context, budget: str | None) -> Steps[list[BulkAction]]:
    """Reads the actions of a budget, or of all, the newest first."""
    records: list[Record] = []
    for name in context.settings.budgets if budget is None else [context.budget(budget)]:
        records += (yield from ask(scripts.actions(context.keys(name)))).records.values()
    return sorted(map(_action, records), key=lambda one: one.started_at, reverse=True)


def stop_action(context: Context, id_: str) -> Steps[BulkAction | None]:
    """Stops an action; None: there is none with this id."""
    if (parts := split_id(id_)) is None:
        return None

    def stop(found: Actions) -> Record | None:
        one = found.records.get(parts[1])
        ended = {"state": "stopped", "ended_at": found.now_ms, "holder": ""}
        return one | ended if one and one["state"] == "running" else one

    stopped = yield from _change(context, parts[0], stop)
    return stopped and _action(stopped)


def carry_out(context: Context, budget: str, is_over: Callable[[], bool]) -> Steps[bool]:
    """Does a page of an action; False if none waits for a worker. `is_over`: whether to end the page after a job."""
    holder = secrets.token_hex(8)

    def take(found: Actions) -> Record | None:
        free = (one for one in found.records.values() if one["state"] == "running" and one["lease_ms"] <= found.now_ms)
        return next((one | {"holder": holder, "lease_ms": found.now_ms + LEASE_MS} for one in free), None)

    if (taken := (yield from _change(context, budget, take))) is None:
        return False
    after, refused = yield from _page(context, taken, is_over)

    def give_back(found: Actions) -> Record | None:
        one = next((one for one in found.records.values() if one["holder"] == holder), None)
        end = {} if after else {"state": "done", "ended_at": found.now_ms}
        return one and {
            **(one | end | {"holder": "", "lease_ms": 0, "after": after}),
            "refused": dict(Counter(one["refused"]) + Counter(refusal.code for refusal in refused)),
            "first_refused": [*one["first_refused"], *refused][:MOST_NAMED],
        }

    yield from _change(context, budget, give_back)
    return True


def _page(
    context: Context, taken: Record, is_over: Callable[[], bool]
) -> Steps[tuple[DeadCursor | None, list[Refusal]]]:
    """Replays a page; returns where the next one begins, None after the last, and what was not replayed."""
    chosen, refused = taken["filter"], list[Refusal]()
    read = {"state": chosen.get("state", ""), "code": chosen.get("code", ""), "after": DeadCursor(*taken["after"])}
    page = yield from ask(scripts.read_dead(context.keys(taken["budget"]), **read, count=PAGE))
    action = (taken["id"].partition(".")[2], taken["holder"])
    for job in fitting(page.jobs, chosen):
        try:
            yield from replay(context, job.id, force=taken["force"], changes={}, action=action)
        except UnknownJob:
            pass  # its record has expired meanwhile
        except OF_ONE_JOB as error:
            code = getattr(error, "code", str(FieldCode.UNKNOWN_SENDER))
            refused.append(Refusal(job.id, code, str(error)[:LONGEST_REASON]))
        if is_over():
            return DeadCursor.after(job), refused
    return page.following, refused


def _change(context: Context, budget: str, change: Callable[[Actions], Record | None]) -> Steps[Any]:
    """Writes what `change` makes of one of the actions, None for nothing, and returns it."""
    found = yield from ask(scripts.actions(context.keys(budget)))
    while (record := change(found)) is not None:
        found = yield from ask(scripts.actions(context.keys(budget), found, record))
        if found.written:
            break
    return record


def _action(record: Record) -> BulkAction:
    known = {name: value for name, value in record.items() if name in BulkAction.__dataclass_fields__}
    known |= {name: value and from_ms(value) for name, value in known.items() if name.endswith("_at")}
    return BulkAction(**known | {"first_refused": tuple(Refusal(**one) for one in record["first_refused"])})
