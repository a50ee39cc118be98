"""Finds jobs whose ids nobody has kept: by what they have in common, by idempotency key, by number."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from outbound_chat.client.steps.base import Steps, ask
from outbound_chat.client.steps.context import Context
from outbound_chat.client.steps.lists import check_page
from outbound_chat.client.steps.validation import INVALID_CURSOR, UNREADABLE_KEY, Errors, check_instant, check_key
from outbound_chat.model.errors import FieldError, InvalidJob, MissingEncryptionKey
from outbound_chat.model.ids import split_id
from outbound_chat.model.jobs import Job
from outbound_chat.model.operations import JobPage
from outbound_chat.request import FieldCode, number_fault
from outbound_chat.request.options import JobFilter
from outbound_chat.store import Keys, scripts
from outbound_chat.store.scripts import UNREADABLE

MOST_LOOKED = 10_000
"""Jobs that one page looks at, if few of many are wanted."""
_CURSOR = re.compile(r"(?P<after>[^:]+)?(:(?P<skips>[1-9][0-9]{0,5}))?")
"""The last job shown, and how often `MOST_LOOKED` jobs behind it were passed over. Tenants share a list, so a cursor
must say nothing about the jobs that its owner may not see: not which they are, and not how many.
"""
_NO_LIST = FieldError(
    "to",
    FieldCode.NOT_ALLOWED,
    "needs results.find_by_number = true in the settings; the jobs that are enqueued from then on are found",
)
_TWO_WAYS = FieldError("to", FieldCode.NOT_ALLOWED, "can't be combined with idempotency_key; leave one of the two out")


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What jobs must have in common; None: all do."""

    senders: Collection[str] | None = None
    tenant: str | None = None
    state: str | None = None
    code: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def has(self, job: Job) -> bool:
        return (
            (self.senders is None or job.sender in self.senders)
            and self.tenant in {None, job.tenant}
            and self.state in {None, job.state}
            and (self.code is None or (job.error is not None and job.error.code == self.code))
            and (self.since is None or job.created_at >= self.since)
            and (self.until is None or job.created_at < self.until)
        )


def find_jobs(context: Context, chosen: Mapping[str, Any], cursor: str | None, limit: int) -> Steps[JobPage]:
    """Reads a page of the single jobs of a budget, or of the jobs with a number, the newest first."""
    if unknown := ", ".join(sorted(chosen.keys() - JobFilter.__annotations__.keys())):
        raise TypeError(f"jobs can't be chosen by: {unknown}")
    errors: Errors = []
    check_page(chosen.get("state"), None, limit, errors)
    begin = _read_cursor(cursor, errors)
    number, sender = chosen.get("to"), chosen.get("sender")
    wanted = _Wanted(
        senders=(sender,) if isinstance(sender, str) else sender,
        **{name: chosen.get(name) for name in ("tenant", "state", "code")},
        since=check_instant("since", chosen.get("since"), errors),
        until=check_instant("until", chosen.get("until"), errors),
    )
    idem = check_key(chosen.get("idempotency_key"), errors)
    if number is not None:
        errors += _faults(context, number, has_key=bool(idem))
    if errors:
        raise InvalidJob(errors)
    keys = context.keys(context.budget(chosen.get("budget")))
    if idem:
        return (yield from _with_key(keys, idem, wanted))
    blind_index = "" if number is None else context.cipher.blind_index(number)
    return (yield from _page(keys, blind_index, wanted, begin, limit))


def _faults(context: Context, number: object, *, has_key: bool) -> Errors:
    if not context.settings.results.find_by_number:
        return [_NO_LIST]
    fault = number_fault(number)
    return [*([FieldError("to", fault[0].value, fault[1])] if fault else []), *([_TWO_WAYS] if has_key else [])]


def _with_key(keys: Keys, idem: str, wanted: _Wanted) -> Steps[JobPage]:
    local_id = (yield from ask(scripts.used_keys(keys, wanted.tenant, [idem]))).get(idem)
    if local_id == UNREADABLE:
        raise InvalidJob([UNREADABLE_KEY])
    jobs = (yield from ask(scripts.read_jobs(keys, [local_id]))) if local_id else {}
    return JobPage(jobs=tuple(job for job in jobs.values() if wanted.has(job)), cursor=None)


def _page(keys: Keys, blind_index: str, wanted: _Wanted, begin: tuple[str, int], limit: int) -> Steps[JobPage]:
    after, skips = begin
    shown, skipped = after, skips * MOST_LOOKED
    found: list[Job] = []
    # Callers that see only some jobs learn whether one of those follows; callers that see all, whether any job does.
    is_all = wanted == _Wanted()
    enough = limit if is_all else limit + 1
    left, count = MOST_LOOKED, limit if is_all else scripts.MOST_JOBS
    while True:
        call = scripts.read_listed(keys, blind_index=blind_index, after=after, skipped=skipped, count=min(count, left))
        listed = yield from ask(call)
        recent = [job for job in listed.jobs if not wanted.since or job.created_at >= wanted.since]
        found += [job for job in recent if wanted.has(job)]
        left, count = left - min(count, left), scripts.MOST_JOBS
        after, skipped = listed.last, 0
        more = listed.more and len(recent) == len(listed.jobs)
        if len(found) >= enough or not (more and left):
            break
    if listed.other_key and begin == ("", 0) and not after:
        message = "some jobs of this budget were listed with another encryption.number_key, so they can't be found by"
        raise MissingEncryptionKey(f"{message} number with this one")
    page = tuple(found[:limit])
    if len(found) <= limit and not more:
        return JobPage(jobs=page, cursor=None)
    return JobPage(jobs=page, cursor=page[-1].id.partition(".")[2] if page else f"{shown}:{skips + 1}")


def _read_cursor(cursor: str | None, errors: Errors) -> tuple[str, int]:
    """Returns the id behind which to begin, and how often to pass over `MOST_LOOKED` jobs."""
    read = _CURSOR.fullmatch(cursor) if cursor else None
    if cursor is not None and not (read and (read["after"] is None or split_id(f"any.{read['after']}"))):
        errors.append(INVALID_CURSOR)
    return (read and read["after"]) or "", int((read and read["skips"]) or 0)
