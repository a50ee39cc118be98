"""Bulk actions: replays of all dead letters that match, by workers.

A worker takes an action for a page, from the newest job that had ended when it began to the oldest, and gives it back.
If it dies, another does the page again, where what was replayed is no dead letter anymore. A replay and its count are
one script, and so are the refusals of a page and its end.
"""

import re
import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from outbound_chat.client.steps.base import Steps, ask
from outbound_chat.client.steps.context import Context
from outbound_chat.client.steps.dead_letters import OF_ONE_JOB, check_page, count_dead, fitting, replay
from outbound_chat.model.actions import BulkAction
from outbound_chat.model.errors import FieldError, InvalidJob, SettingsError, UnknownJob
from outbound_chat.model.ids import new_local_id, split_id
from outbound_chat.model.times import from_ms
from outbound_chat.request import FieldCode
from outbound_chat.request.options import DeadFilter
from outbound_chat.store import scripts
from outbound_chat.store.scripts import Actions, DeadCursor, Record

PAGE, LEASE_MS, MOST_NAMED, LONGEST_REASON = 100, 15_000, 100, 300
NAME = re.compile(r"[A-Za-z0-9_.-]{1,80}")


def start_replay(context: Context, options: Mapping[str, Any], *, force: bool) -> Steps[BulkAction]:
    """Starts a replay of all that match, or returns the same one that is running."""
    if unknown := options.keys() - DeadFilter.__annotations__.keys():
        raise TypeError(f"can't replay by {', '.join(sorted(unknown))}")
    chosen = {name: value for name, value in options.items() if value is not None}
    budget, errors = context.budget(chosen.pop("budget", None)), list[FieldError]()
    check_page(chosen.get("state"), 1, None, errors)
    wrong = [name for name, value in chosen.items() if isinstance(value, str) and not NAME.fullmatch(value)]
    errors += [FieldError(name, FieldCode.NOT_ALLOWED, "must be a name, code or id") for name in wrong]
    counts = yield from count_dead(context, budget)
    total = sum(counts[one] for one in counts if chosen.items() <= {"state": one[0], "code": one[1]}.items())
    new = {"id": f"{budget}.{new_local_id()}", "kind": "replay", "budget": budget, "filter": chosen, "force": force}
    new |= {"total": None if chosen.keys() - {"state", "code"} else total, "state": "running", "ended_at": None}
    new |= {"refused": {}, "first_refused": {}, "holder": "", "lease_ms": 0}

    def start(found: Actions) -> Record:
        running = [one for one in found.records.values() if one["state"] == "running"]
        if same := [one for one in running if (one["filter"], one["force"]) == (chosen, force)]:
            return same[0]
        if len(running) >= scripts.MOST_ACTIONS:
            errors.append(FieldError("budget", FieldCode.OUT_OF_RANGE, "has too many running actions; stop some"))
        if errors:
            raise InvalidJob(errors)
        return {**new, "started_at": found.now_ms, "after": (found.now_ms + 1, "")}

    return _action((yield from _change(context, budget, start)))


def actions(context: Context, budget: str | None) -> Steps[list[BulkAction]]:
    """Reads the actions of a budget, or of all, the newest first."""
    records: list[Record] = []
    for name in context.settings.budgets if budget is None else [context.budget(budget)]:
        records += (yield from ask(scripts.actions(context.keys(name)))).records.values()
    return sorted(map(_action, records), key=lambda one: one.started_at, reverse=True)


def stop_action(context: Context, id_: str) -> Steps[BulkAction | None]:
    """Stops an action; None: there is none with this id."""
    budget, local_id = parts = split_id(id_) or ("", "")

    def stop(found: Actions) -> Record | None:
        one = found.records.get(local_id)
        ended = {"state": "stopped", "ended_at": found.now_ms, "holder": ""}
        return one | ended if one and one["state"] == "running" else one

    stopped = (yield from _change(context, budget, stop)) if all(parts) else None
    return stopped and _action(stopped)


def carry_out(context: Context, budget: str) -> Steps[bool]:
    """Does a page of an action; False if none waits for a worker."""
    holder = secrets.token_hex(8)

    def take(found: Actions) -> Record | None:
        free = [one for one in found.records.values() if one["state"] == "running" and one["lease_ms"] <= found.now_ms]
        # They take turns, so that a small one does not wait for the end of a large one.
        one = min(free, key=lambda one: one["lease_ms"], default=None)
        return one and one | {"holder": holder, "lease_ms": found.now_ms + LEASE_MS}

    if (taken := (yield from _change(context, budget, take))) is None:
        return False
    chosen, refused, named = taken["filter"], Counter(taken["refused"]), taken["first_refused"]
    of = {name: chosen.get(name, "") for name in ("state", "code")}
    found = yield from ask(scripts.read_dead(context.keys(budget), **of, after=DeadCursor(*taken["after"]), count=PAGE))
    for job in fitting(found.jobs, chosen):
        try:
            action = (taken["id"].partition(".")[2], holder)
            yield from replay(context, job.id, force=taken["force"], changes={}, action=action)
        except UnknownJob:
            pass  # its record has expired meanwhile
        except OF_ONE_JOB as error:
            code, reason = getattr(error, "code", ""), str(error)
            if isinstance(error, SettingsError):  # its text names other senders
                code, reason = "unknown_sender", "the settings no longer have its sender"
            refused[code] += 1
            if len(named) < MOST_NAMED:
                named[job.id] = reason[:LONGEST_REASON]
    page = taken | {"holder": "", "after": found.following, "refused": refused}
    page["state"] = "running" if found.following else "done"

    def give_back(found: Actions) -> Record | None:
        mine = any(one["holder"] == holder for one in found.records.values())
        ended_at = None if page["after"] else found.now_ms
        return page | {"lease_ms": found.now_ms, "ended_at": ended_at} if mine else None

    yield from _change(context, budget, give_back)
    return True


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
    return BulkAction(**known | {name: known[name] and from_ms(known[name]) for name in ("started_at", "ended_at")})
