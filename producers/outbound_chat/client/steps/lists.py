"""What is read page by page, or of all budgets at once. Steps that a client runs, as those of `_verbs`."""

import re

from outbound_chat.client.steps.base import Steps, ask
from outbound_chat.client.steps.jobs import Verbs
from outbound_chat.client.steps.moved_senders import SenderList
from outbound_chat.client.steps.suppression_list import MARKED
from outbound_chat.model.errors import FieldError, InvalidJob, UnknownBatch
from outbound_chat.model.ids import split_id
from outbound_chat.model.jobs import Job, JobState
from outbound_chat.model.operations import BudgetStatus, JobPage, Lanes, LaneStatus, SuppressedPage
from outbound_chat.request import FieldCode
from outbound_chat.store import scripts

MOST_ROWS = 10_000
"""Rows looked at for one page, where few of them have the state that is wanted."""
_CURSOR = re.compile(r"[0-9]{1,20}")
_NUMBERS_CURSOR = re.compile(rf"{MARKED}?[0-9]{{1,20}}")
_NOT_OURS = FieldError("cursor", FieldCode.NOT_ALLOWED, "must be the cursor of a page, as it was given")


def budgets(verbs: Verbs) -> Steps[list[BudgetStatus]]:
    """All budgets of the settings."""
    found: list[BudgetStatus] = []
    for name in sorted(verbs.settings.budgets):
        keys = verbs.keys(name)
        holds = yield from ask(scripts.read_holds(keys))
        found.append((yield from ask(scripts.read_budget(keys, holds))))
    return found


def lanes(verbs: Verbs, limit: int) -> Steps[Lanes]:
    """The lanes with the most waiting jobs."""
    if not 0 < limit <= scripts.MOST_LANES:
        raise InvalidJob([FieldError("limit", FieldCode.OUT_OF_RANGE, f"must be from 1 to {scripts.MOST_LANES}")])
    found: list[LaneStatus] = []
    total = looked = 0
    for name in sorted(verbs.settings.budgets):
        there, seen, some = yield from ask(scripts.read_lanes(verbs.keys(name), limit))
        total, looked = total + there, looked + seen
        found += some
    found.sort(key=lambda lane: -lane.waiting)
    return Lanes(lanes=tuple(found[:limit]), total=total, looked=looked)


def batch_jobs(verbs: Verbs, batch_id: str, state: str | None, cursor: str | None, limit: int) -> Steps[JobPage]:
    """A page of a batch's jobs."""
    parts = split_id(batch_id)
    if parts is None:
        raise UnknownBatch(batch_id)
    _check(state, cursor, limit)
    first = row = int(cursor or 0) + 1
    jobs: list[Job] = []
    while True:
        call = scripts.read_rows(verbs.keys(parts[0]), batch=parts[1], first=row, count=scripts.MOST_JOBS)
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


def _check(state: str | None, cursor: str | None, limit: int) -> None:
    errors: list[FieldError] = []
    if state is not None and state not in list(JobState):
        errors.append(FieldError("state", FieldCode.NOT_ALLOWED, f"must be one of {', '.join(JobState)}"))
    if cursor is not None and not (_CURSOR.fullmatch(cursor) and int(cursor) < 10**9):
        errors.append(_NOT_OURS)
    if not 0 < limit <= scripts.MOST_JOBS:
        errors.append(FieldError("limit", FieldCode.OUT_OF_RANGE, f"must be from 1 to {scripts.MOST_JOBS}"))
    if errors:
        raise InvalidJob(errors)


def suppressed_page(verbs: Verbs, sender: str, cursor: str | None) -> Steps[SuppressedPage]:
    """A page of a sender's suppression list."""
    if cursor is not None and not _NUMBERS_CURSOR.fullmatch(cursor):
        raise InvalidJob([_NOT_OURS])
    following, numbers = yield from SenderList(verbs.settings, verbs.seal, sender).page(cursor or scripts.FIRST_PAGE)
    return SuppressedPage(numbers=tuple(numbers), cursor=None if following == scripts.FIRST_PAGE else following)
