"""Reads pages of batches, jobs and events, and all budgets at once."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

from outbound_chat.client.steps.base import Steps, ask
from outbound_chat.client.steps.context import Context
from outbound_chat.client.steps.progress import batch_from_record
from outbound_chat.client.steps.validation import INVALID_CURSOR, Errors
from outbound_chat.model.batches import Batch
from outbound_chat.model.errors import FieldError, InvalidJob, UnknownBatch
from outbound_chat.model.history import History, HistoryPoint
from outbound_chat.model.ids import split_id
from outbound_chat.model.jobs import Job, JobState
from outbound_chat.model.operations import (
    BatchPage,
    BudgetStatus,
    Events,
    JobPage,
    Lanes,
    LaneStatus,
    NumberReceipts,
    WorkerStatus,
)
from outbound_chat.model.times import from_ms, to_ms
from outbound_chat.request import FieldCode
from outbound_chat.store import scripts
from outbound_chat.store.scripts import ListedBatches, Part
from outbound_chat_config import DEFAULT_CHAT_DURATION

MOST_ASKED = 20
"""Script calls for one page, if few of many batches match; each examines 200."""
MOST_EVENTS = 500
MOST_HOURS = 192
"""Hours for which receipts are kept."""
MOST_ROWS = 10_000
"""Rows examined for one page, if few of them are in the requested state."""
_BATCHES_CURSOR = re.compile(r"(?P<part>open|ended)(?: (?P<score>[0-9]{1,15}) (?P<before>[A-Z0-9-]{1,40}))?")
_ROWS_CURSOR = re.compile(r"[0-9]{1,20}")


def budgets(context: Context) -> Steps[list[BudgetStatus]]:
    """Reads all budgets of the settings."""
    found: list[BudgetStatus] = []
    for name in sorted(context.settings.budgets):
        keys = context.keys(name)
        holds = yield from ask(scripts.read_holds(keys))
        found.append((yield from ask(scripts.read_budget(keys, holds))))
    return found


def workers(context: Context) -> Steps[list[WorkerStatus]]:
    """Reads the workers of all budgets of the settings."""
    found: list[WorkerStatus] = []
    for name in sorted(context.settings.budgets):
        found += yield from ask(scripts.read_workers(context.keys(name)))
    return found


def lanes(context: Context, limit: int) -> Steps[Lanes]:
    """Reads the lanes with the most waiting jobs."""
    if not 0 < limit <= scripts.MOST_LANES:
        raise InvalidJob([FieldError("limit", FieldCode.OUT_OF_RANGE, f"must be from 1 to {scripts.MOST_LANES}")])
    found: list[LaneStatus] = []
    total = looked = 0
    for name in sorted(context.settings.budgets):
        of_budget = yield from ask(scripts.read_lanes(context.keys(name), limit))
        total, looked = total + of_budget.total, looked + of_budget.looked
        found += of_budget.lanes
    found.sort(key=lambda lane: -lane.waiting)
    return Lanes(lanes=tuple(found[:limit]), total=total, looked=looked)


def receipts(context: Context, hours: int) -> Steps[list[NumberReceipts]]:
    """Reads the receipts of the last hours, newest hour first."""
    if not 0 < hours <= MOST_HOURS:
        raise InvalidJob([FieldError("hours", FieldCode.OUT_OF_RANGE, f"must be from 1 to {MOST_HOURS}")])
    since_ms = to_ms(context.now() - timedelta(hours=hours))
    found: list[NumberReceipts] = []
    for name in sorted(context.settings.budgets):
        keys, skip = context.keys(name), 0
        while page := (yield from ask(scripts.read_receipts(keys, since_ms=since_ms, skip=skip))):
            found += page
            skip += scripts.MOST_RECEIPTS
    return sorted(found, key=lambda one: one.hour, reverse=True)


def history(context: Context, budget: str | None, hours: int, step: int) -> Steps[History]:
    """Reads the last `hours` of a budget, in points of `step` minutes."""
    ranges = (("hours", hours, 72), ("step", step, 1_440))
    if wrong := [(name, f"must be from 1 to {most}") for name, value, most in ranges if not 0 < value <= most]:
        raise InvalidJob([FieldError(name, FieldCode.OUT_OF_RANGE, said) for name, said in wrong])
    name = context.budget(budget)
    records = yield from ask(scripts.read_history(context.keys(name), minutes=hours * 60))
    # The first record of each step, and the last one, up to which the rest of a step has passed.
    ends = {record[0] // step: record for record in reversed(records)}
    chosen = [*reversed(ends.values()), *records[-1:]]
    return History(budget=name, points=tuple(_point(*pair) for pair in pairwise(chosen) if pair[0] is not pair[1]))


def _point(before: tuple[int, ...], after: tuple[int, ...]) -> HistoryPoint:
    # A counter that went back was repaired, or begins anew.
    passed = (max(0, new - old) for old, new in zip(before, after, strict=True))
    return HistoryPoint(from_ms(before[0] * 60_000), *passed)


def events(context: Context, budget: str | None, since: int) -> Steps[Events]:
    """Reads the events of a budget after the event with that number."""
    if since < 0:
        raise InvalidJob([FieldError("since", FieldCode.OUT_OF_RANGE, "must be the number of an event, or 0 for all")])
    return (yield from ask(scripts.read_events(context.keys(context.budget(budget)), since=since, count=MOST_EVENTS)))


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which batches to list; None: all."""

    budget: str | None
    sender: str | Collection[str] | None
    tenant: str | None
    open: bool


def batches(context: Context, chosen: Chosen, cursor: str | None, limit: int) -> Steps[BatchPage]:
    """Reads a page of a budget's batches."""
    part, after = _begin_batches(cursor, limit)
    keys = context.keys(context.budget(chosen.budget))
    found: list[Batch] = []
    for _ in range(MOST_ASKED):
        call = scripts.read_batches(
            keys,
            part=part,
            after=after,
            senders=(chosen.sender,) if isinstance(chosen.sender, str) else chosen.sender or (),
            tenant=chosen.tenant or "",
            count=limit - len(found),
        )
        listed = yield from ask(call)
        found += _as_batches(keys.budget, listed)
        after = listed.after
        if after is None:
            if part == "ended" or chosen.open:
                return BatchPage(batches=tuple(found), cursor=None)
            part = "ended"
        if len(found) >= limit:
            break
    return BatchPage(batches=tuple(found), cursor=" ".join([part, *(after or ())]))


def _begin_batches(cursor: str | None, limit: int) -> tuple[Part, tuple[str, str] | None]:
    errors: Errors = []
    begun = _BATCHES_CURSOR.fullmatch(cursor or "open")
    if begun is None:
        errors.append(INVALID_CURSOR)
    if not 0 < limit <= scripts.MOST_BATCHES:
        errors.append(FieldError("limit", FieldCode.OUT_OF_RANGE, f"must be from 1 to {scripts.MOST_BATCHES}"))
    if errors or begun is None:
        raise InvalidJob(errors)
    after = (begun["score"], begun["before"]) if begun["score"] else None
    return ("open" if begun["part"] == "open" else "ended"), after


def _as_batches(budget: str, listed: ListedBatches) -> list[Batch]:
    # The duration of chats matters only to predictions.
    return [
        batch_from_record(f"{budget}.{one.local_id}", one.record, DEFAULT_CHAT_DURATION, listed.workers)
        for one in listed.batches
    ]


def batch_jobs(context: Context, batch_id: str, state: str | None, cursor: str | None, limit: int) -> Steps[JobPage]:
    """Reads a page of a batch's jobs."""
    parts = split_id(batch_id)
    if parts is None:
        raise UnknownBatch(batch_id)
    errors: Errors = []
    check_page(state, cursor, limit, errors)
    if errors:
        raise InvalidJob(errors)
    first = row = int(cursor or 0) + 1
    jobs: list[Job] = []
    while True:
        call = scripts.read_rows(context.keys(parts[0]), batch=parts[1], first=row, count=scripts.MOST_JOBS)
        if (found := (yield from ask(call))) is None:
            raise UnknownBatch(batch_id)
        for number in range(row, min(row + scripts.MOST_JOBS, found.last + 1)):
            job = found.jobs.get(number)
            if job and state in {None, job.state}:
                jobs.append(job)
            if len(jobs) >= limit:
                return JobPage(jobs=tuple(jobs), cursor=str(number) if number < found.last else None)
        row += scripts.MOST_JOBS
        if row > found.last:
            return JobPage(jobs=tuple(jobs), cursor=None)
        if row - first >= MOST_ROWS:
            return JobPage(jobs=tuple(jobs), cursor=str(row - 1))


def check_page(state: str | None, cursor: str | None, limit: int, errors: Errors) -> None:
    """Adds to `errors` what is wrong with what is asked for, of a page of jobs whose cursor is a number."""
    if state is not None and state not in list(JobState):
        errors.append(FieldError("state", FieldCode.NOT_ALLOWED, f"must be one of {', '.join(JobState)}"))
    if cursor is not None and not (_ROWS_CURSOR.fullmatch(cursor) and int(cursor) < 10**15):
        errors.append(INVALID_CURSOR)
    if not 0 < limit <= scripts.MOST_JOBS:
        errors.append(FieldError("limit", FieldCode.OUT_OF_RANGE, f"must be from 1 to {scripts.MOST_JOBS}"))
