"""Finds jobs whose ids nobody has kept: by what they have in common, by idempotency key, by number."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from outbound_chat.client.steps.base import Steps, ask
from outbound_chat.client.steps.context import Context
from outbound_chat.client.steps.lists import check_page
from outbound_chat.client.steps.validation import UNREADABLE_KEY, Errors, check_instant, check_key
from outbound_chat.model.errors import FieldError, InvalidJob, MissingEncryptionKey
from outbound_chat.model.jobs import Job
from outbound_chat.model.operations import JobPage
from outbound_chat.request import FieldCode, number_fault
from outbound_chat.request.options import JobFilter
from outbound_chat.store import Keys, scripts
from outbound_chat.store.scripts import UNREADABLE

MOST_ASKED = 20
"""Script calls for one page, if few of many jobs are wanted; each looks at 500."""
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
    check_page(chosen.get("state"), cursor, limit, errors)
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
    return (yield from _page(keys, blind_index, wanted, int(cursor) if cursor else None, limit))


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


def _page(keys: Keys, blind_index: str, wanted: _Wanted, place: int | None, limit: int) -> Steps[JobPage]:
    found: list[Job] = []
    count = limit if wanted == _Wanted() else scripts.MOST_JOBS
    for _ in range(MOST_ASKED):
        listed = yield from ask(scripts.read_listed(keys, blind_index=blind_index, place=place, count=count))
        place = listed.following
        for at, job in listed.jobs:
            if wanted.since and job.created_at < wanted.since:
                place = 0
                break
            if wanted.has(job):
                found.append(job)
            if len(found) >= limit:
                place = at - 1 if listed.following or at > listed.jobs[-1][0] else 0
                break
        if len(found) >= limit or not place:
            break
    if listed.other_key and not found and not place:
        message = "some jobs of this budget were listed with another encryption.number_key, so they can't be found by"
        raise MissingEncryptionKey(f"{message} number with this one")
    return JobPage(jobs=tuple(found), cursor=str(place) if place else None)
