"""Cancels many single jobs, 200 a round trip: by their ids, or by their rows and state in a batch."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import TypeVar

from outbound_chat.client.steps.base import Steps, ask
from outbound_chat.client.steps.context import Context
from outbound_chat.client.steps.validation import Errors
from outbound_chat.model.errors import FieldError, InvalidJob, UnknownBatch
from outbound_chat.model.ids import split_id
from outbound_chat.model.jobs import ACTIVE, JobState
from outbound_chat.model.operations import Cancellation
from outbound_chat.request import FieldCode
from outbound_chat.store import Keys, scripts

T = TypeVar("T")
MOST_RANGES = 1_000
OnCancelled = Callable[[Cancellation], None]
_RANGE = re.compile(r"\s*(?P<first>[0-9]{1,9})(?:\s*(?P<to>-)\s*(?P<last>[0-9]{1,9})?)?\s*")
_LAST_ROW = 10**9


@dataclass(slots=True)
class _Tally:
    """Counts what becomes of the jobs, and reports it after each round trip."""

    total: int
    on_progress: OnCancelled | None
    looked: int = 0
    counts: Counter[JobState] = field(default_factory=Counter)
    unknown: list[str] = field(default_factory=list)
    newer: list[str] = field(default_factory=list)
    reported: tuple[int, int] = (0, 0)
    """Unknown and newer ids that were reported: each report has the new ones alone, since a copy of all would take
    longer with each round trip."""

    def cancel(self, keys: Keys, local_ids: Sequence[str], state: str = "", *, as_rows: bool = False) -> Steps[None]:
        """Cancels at most `MOST_CANCELLED` jobs. `as_rows`: those that do not exist were rejected."""
        words = yield from ask(scripts.cancel(keys, local_ids, state))
        for local_id, word in zip(local_ids, words, strict=True):
            if word == "newer":
                self.newer.append(f"{keys.budget}.{local_id}")
            elif word == "gone" and not as_rows:
                self.unknown.append(f"{keys.budget}.{local_id}")
            elif word not in {"gone", "other"}:
                self.counts[JobState(word)] += 1
        self.looked += len(local_ids)
        if self.on_progress:
            latest, self.reported = self.result(*self.reported), (len(self.unknown), len(self.newer))
            self.on_progress(latest)

    def result(self, unknown_from: int = 0, newer_from: int = 0) -> Cancellation:
        """Returns what is known so far."""
        return Cancellation(
            counts=dict(self.counts),
            unknown=tuple(self.unknown[unknown_from:]),
            newer=tuple(self.newer[newer_from:]),
            looked=self.looked,
            total=self.total,
        )


def cancel_jobs(context: Context, job_ids: Iterable[str], on_progress: OnCancelled | None) -> Steps[Cancellation]:
    """Cancels jobs by their ids; what is wrong with one does not stop the others."""
    ids = dict.fromkeys(job_ids)
    tally = _Tally(len(ids), on_progress)
    by_budget: dict[str, list[str]] = {}
    for job_id in ids:
        if parts := split_id(job_id):
            by_budget.setdefault(parts[0], []).append(parts[1])
        else:
            tally.unknown.append(job_id)
            tally.looked += 1
    for budget, local_ids in by_budget.items():
        for chunk in _chunks(local_ids):
            yield from tally.cancel(context.keys(budget), chunk)
    return tally.result()


def cancel_batch_jobs(
    context: Context, batch_id: str, rows: str | None, state: str | None, on_progress: OnCancelled | None
) -> Steps[Cancellation]:
    """Cancels jobs of a batch, of these rows or of all, of this state or of any."""
    errors: Errors = []
    ranges = _ranges(rows, errors)
    if state is not None and state not in ACTIVE:
        message = f"must be one of {', '.join(one for one in JobState if one in ACTIVE)}; others can't be cancelled"
        errors.append(FieldError("state", FieldCode.NOT_ALLOWED, message))
    if errors:
        raise InvalidJob(errors)
    parts = split_id(batch_id)
    keys = context.keys(parts[0]) if parts else None
    found = (yield from ask(scripts.read_rows(keys, batch=parts[1], first=1, count=0))) if keys and parts else None
    if found is None or keys is None or parts is None:
        raise UnknownBatch(batch_id)
    ranges = [range(one.start, min(one.stop, found.last + 1)) for one in ranges]
    tally = _Tally(sum(map(len, ranges)), on_progress)
    for chunk in _chunks(chain(*ranges)):
        yield from tally.cancel(keys, [f"{parts[1]}-{row}" for row in chunk], state or "", as_rows=True)
    return tally.result()


def _chunks(values: Iterable[T]) -> Iterator[list[T]]:
    left = iter(values)
    while chunk := list(islice(left, scripts.MOST_CANCELLED)):
        yield chunk


def _ranges(rows: object, errors: Errors) -> list[range]:
    """Returns the rows that a text such as `7,15001-20000,30001-` names, each once, in order; all if it is None."""
    if rows is None:
        return [range(1, _LAST_ROW)]
    if isinstance(rows, str) and rows.count(",") >= MOST_RANGES:
        message = f"may have {MOST_RANGES:,} parts, separated by commas; cancel more with several calls"
        errors.append(FieldError("rows", FieldCode.TOO_LONG, message))
        return []
    found = [_RANGE.fullmatch(part) for part in rows.split(",")] if isinstance(rows, str) else [None]
    pairs = [
        (int(one["first"]), int(one["last"] or (_LAST_ROW if one["to"] else one["first"]))) for one in found if one
    ]
    if None in found or not all(1 <= first <= last for first, last in pairs):
        message = 'must be rows counted from 1, such as "7", "15001-20000" or "15001-", separated by commas'
        errors.append(FieldError("rows", FieldCode.WRONG_TYPE, message))
        return []
    ranges: list[range] = []
    next_row = 1
    for first, last in sorted(pairs):
        ranges.append(range(max(first, next_row), max(last + 1, next_row)))
        next_row = ranges[-1].stop
    return ranges
