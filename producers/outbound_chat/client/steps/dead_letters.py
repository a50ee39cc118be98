"""Lists, counts and replays failed and uncertain jobs."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from outbound_chat.client.steps.base import Steps, ask
from outbound_chat.client.steps.context import Context
from outbound_chat.client.steps.jobs import status
from outbound_chat.client.steps.new_job import max_age_ms
from outbound_chat.client.steps.quiet_hours import out_of_quiet_hours
from outbound_chat.client.steps.validation import INVALID_CURSOR, Errors, Timing, add_new
from outbound_chat.encryption import RequestCipher
from outbound_chat.model.errors import (
    DuplicateRisk,
    FieldError,
    InvalidJob,
    MissingEncryptionKey,
    NotReplayable,
    OutboundChatError,
    SettingsError,
    UnknownJob,
    WrittenByNewerVersion,
)
from outbound_chat.model.ids import new_local_id, split_id
from outbound_chat.model.jobs import Job, JobState
from outbound_chat.model.lanes import Lane
from outbound_chat.model.operations import DeadLetters
from outbound_chat.model.times import from_ms
from outbound_chat.request import ChatRequest, FieldCode, codec
from outbound_chat.request.codec import UnreadableRequest
from outbound_chat.request.options import OWN_OPTIONS
from outbound_chat.store import scripts
from outbound_chat.store.scripts import DeadCursor, Replayed, StoredJob

STATES = (JobState.FAILED, JobState.UNCERTAIN)
OF_ONE_JOB = (InvalidJob, MissingEncryptionKey, WrittenByNewerVersion, NotReplayable, SettingsError, DuplicateRisk)
"""Errors of a replay that concern one job only; `SettingsError` means that the settings lack its sender."""


def dead_letters(context: Context, options: Mapping[str, Any], limit: int, cursor: str | None) -> Steps[DeadLetters]:
    """Reads a page of them. `options`: a `DeadFilter`, and `most_looked`: after so many jobs, it is the last one."""
    budget = context.budget(options.get("budget"))
    state = options.get("state")
    errors: Errors = []
    after = check_page(state, limit, cursor, errors)
    if errors:
        raise InvalidJob(errors)
    jobs, left = list[Job](), options.get("most_looked", math.inf)
    count = limit if all(options.get(name) is None for name in ("sender", "tenant", "batch")) else scripts.MOST_JOBS
    while True:
        call = scripts.read_dead(
            context.keys(budget), state=state or "", code=options.get("code") or "", after=after, count=count
        )
        page = yield from ask(call)
        jobs += fitting(page.jobs, options)
        left -= count
        if len(jobs) >= limit or page.following is None or left <= 0:
            # The cursor of the page names a job that the caller may not be allowed to see.
            more = len(jobs) > limit or (len(jobs) == limit and page.following)
            cursor = str(DeadCursor.after(jobs[limit - 1])) if more else None
            return DeadLetters(jobs=tuple(jobs[:limit]), cursor=cursor)
        after = page.following


def check_page(state: object, limit: int, cursor: str | None, errors: Errors) -> DeadCursor | None:
    """Returns where a page begins; adds invalid arguments to `errors`."""
    if state is not None and state not in STATES:
        errors.append(FieldError("state", FieldCode.NOT_ALLOWED, 'must be "failed" or "uncertain"'))
    if not 0 < limit <= scripts.MOST_JOBS:
        message = f"must be from 1 to {scripts.MOST_JOBS}; use `cursor` to read further pages"
        errors.append(FieldError("limit", FieldCode.OUT_OF_RANGE, message))
    try:
        return DeadCursor.parse(cursor) if cursor else None
    except ValueError:
        errors.append(INVALID_CURSOR)
        return None


def count_dead(context: Context, budget: str | None) -> Steps[dict[tuple[JobState, str], int]]:
    """Counts them by state and code."""
    found = yield from ask(scripts.read_budget(context.keys(context.budget(budget)), []))
    # Another program may have written other states.
    known = {state: found.dead.get(state, {}) for state in STATES}
    return {(state, code): jobs for state, codes in known.items() for code, jobs in codes.items()}


def replay(
    context: Context, job_id: str, *, force: bool, changes: Mapping[str, Any], action: tuple[str, str] = ("", "")
) -> Steps[Job]:
    """Replays one, and returns the new job. `action`: id and holder of the bulk action that it is part of."""
    parts = split_id(job_id)
    stored = (yield from ask(scripts.read_request(context.keys(parts[0]), parts[1]))) if parts else None
    if stored is None or parts is None:
        raise UnknownJob(job_id)
    if stored.job.state not in STATES:
        raise NotReplayable(job_id, f"is {stored.job.state}; only failed and uncertain jobs can be replayed")
    if stored.job.replayed_by:
        return (yield from _earlier(context, stored, stored.job.replayed_by, changes))
    sender = context.settings.sender(stored.job.sender)
    errors: Errors = []
    request = _request(context.cipher, job_id, stored, changes, errors)
    add_new(errors, request.errors(sender))
    timing = Timing(send_at_ms=0, expires_ms=0)
    if sender.quiet_hours:
        priority, now_ms = stored.job.priority, stored.now_ms
        timing = out_of_quiet_hours(timing, sender, priority, request.number, now_ms=now_ms, errors=errors)
    if errors:
        raise InvalidJob(errors)
    call = scripts.replay(
        context.keys(parts[0]),
        old=parts[1],
        local_id=new_local_id(),
        lane=Lane(stored.job.priority, stored.job.sender, stored.job.tenant or ""),
        max_age_ms=max_age_ms(sender),
        parts=max(1, request.parts(sender)),
        token=stored.token or job_id,
        edited=bool(changes),
        force=force,
        send_at_ms=timing.opens_ms,
        request=codec.encode(context.cipher, request, request.number),
        listing=context.listing,
        action=action,
    )
    answer = yield from ask(call)
    match answer.outcome:
        case "ok":
            return (yield from status(context, f"{parts[0]}.{answer.detail}"))
        case "replayed":
            return (yield from _earlier(context, stored, f"{parts[0]}.{answer.detail}", changes))
    raise _refusal(job_id, answer, edited=bool(changes))


def _earlier(context: Context, stored: StoredJob, replay_id: str, changes: Mapping[str, Any]) -> Steps[Job]:
    """Returns the existing replay; with changes, it must have the same ones."""
    if not changes:
        return (yield from status(context, replay_id))
    job_id, (budget, _, local_id) = stored.job.id, replay_id.partition(".")
    replay = None
    if stored.request and not stored.lost:
        errors: Errors = []
        wanted = _request(context.cipher, job_id, stored, changes, errors)
        if errors:
            raise InvalidJob(errors)
        replay = yield from ask(scripts.read_request(context.keys(budget), local_id))
    if replay is None or not replay.request:
        reason = "its changes are unknown, since a request is no longer kept; check that job"
        raise NotReplayable(job_id, f"was already replayed as {replay_id}; {reason}")
    if _read(context.cipher, replay_id, replay.request) != wanted:
        raise NotReplayable(job_id, f"was already replayed as {replay_id}, without these changes; enqueue a new job")
    return replay.job


def _refusal(job_id: str, answer: Replayed, *, edited: bool) -> OutboundChatError:
    match answer.outcome:
        case "duplicate_risk":
            return DuplicateRisk(job_id, from_ms(int(answer.detail)), edited=edited)
        case "newer":
            return WrittenByNewerVersion(job_id)
        case "gone":
            return UnknownJob(job_id)
    return NotReplayable(job_id, f"is now {answer.detail}")


def fitting(jobs: Sequence[Job], options: Mapping[str, Any]) -> Iterator[Job]:
    """Yields those of the sender, or of several senders, and of the tenant and batch."""
    wanted = {"sender": options.get("sender"), "tenant": options.get("tenant"), "batch_id": options.get("batch")}
    several = {name: [one] if isinstance(one, str) else one for name, one in wanted.items() if one is not None}
    for job in jobs:
        if all(getattr(job, name) in values for name, values in several.items()):
            yield job


def _request(
    cipher: RequestCipher, job_id: str, stored: StoredJob, changes: Mapping[str, Any], errors: Errors
) -> ChatRequest:
    message = "can't be changed by a replay; enqueue a new job"
    unusable = sorted(changes.keys() & OWN_OPTIONS)
    errors += [FieldError(name, FieldCode.NOT_ALLOWED, message) for name in unusable]
    if not stored.request or stored.lost:
        raise NotReplayable(job_id, "no longer has its request (results.keep_requests); enqueue a new job")
    request = _read(cipher, job_id, stored.request)
    if stored.shared:
        request = request.merged(_read(cipher, job_id, stored.shared))
    given = {name: value for name, value in changes.items() if name not in OWN_OPTIONS}
    return ChatRequest.from_short(given, errors).merged(request) if changes else request


def _read(cipher: RequestCipher, job_id: str, text: str) -> ChatRequest:
    try:
        return codec.decode(cipher, text)
    except UnreadableRequest as error:
        raise NotReplayable(job_id, f"has a request that can't be read: {error}") from error
