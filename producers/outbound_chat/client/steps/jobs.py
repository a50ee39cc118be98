"""Enqueues, reads and cancels single jobs."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from outbound_chat.client.steps.base import Steps, ask
from outbound_chat.client.steps.budgets import note_budget
from outbound_chat.client.steps.context import Context
from outbound_chat.client.steps.durability import DurabilityCheck
from outbound_chat.client.steps.new_job import fresh_job, max_age_ms, new_job
from outbound_chat.client.steps.quiet_hours import out_of_quiet_hours
from outbound_chat.client.steps.validation import (
    UNREADABLE_KEY,
    Errors,
    Timing,
    add_new,
    check_callback,
    check_key,
    check_priority,
    check_tenant,
    check_timing,
)
from outbound_chat.model.errors import (
    IdempotencyConflict,
    InvalidJob,
    UnknownBatch,
    UnknownJob,
    WrittenByNewerVersion,
)
from outbound_chat.model.ids import new_local_id, split_id
from outbound_chat.model.jobs import Job, Priority
from outbound_chat.model.lanes import Lane
from outbound_chat.model.times import to_ms
from outbound_chat.request import ChatRequest, match_sender
from outbound_chat.request.options import OWN_OPTIONS
from outbound_chat.store import Keys, scripts
from outbound_chat.store.scripts import NotOpen, Other, Submitted
from outbound_chat_config import Sender


def enqueue(context: Context, options: Mapping[str, Any]) -> Steps[Job]:
    """Accepts a job in the short form."""
    errors: Errors = []
    request_options = {name: value for name, value in options.items() if name not in OWN_OPTIONS}
    request = ChatRequest.from_short(request_options, errors)
    return _enqueue(context, request, options.get("sender"), options, errors)


def enqueue_request(context: Context, kwargs: Mapping[str, Any]) -> Steps[Job]:
    """Accepts a job as a raw API request with our options."""
    options = {name: value for name, value in kwargs.items() if name in OWN_OPTIONS}
    raw = {name: value for name, value in kwargs.items() if name not in OWN_OPTIONS}
    name = options.get("sender")
    if name is None:
        name = match_sender(raw, context.settings.senders)
    errors: Errors = []
    return _enqueue(context, ChatRequest.from_api(raw, errors), name, options, errors)


def _enqueue(
    context: Context, request: ChatRequest, name: object, options: Mapping[str, Any], errors: Errors
) -> Steps[Job]:
    timing = check_timing(options, errors, context.now, is_repeatable=True)
    tenant = check_tenant(options.get("tenant"), errors)
    priority = check_priority(options.get("priority"), Priority.NORMAL, errors)
    idem = check_key(options.get("idempotency_key"), errors)
    callback = check_callback(options.get("callback_url"), context.settings.webhooks, errors)
    durability = DurabilityCheck(context.settings.durability, options.get("durability"), errors)
    sender_name, sender = context.find_sender(name, errors)
    if found := request.errors(sender):
        add_new(errors, found)
    if errors or not sender:
        _check_what_is_left_to_redis(context, sender, priority, request, timing, errors=errors)
        raise InvalidJob(errors)
    keys = context.keys(sender.budget)
    if not timing.passed and sender.quiet_hours:
        timing = yield from _out_of_quiet_hours(keys, sender, priority, request, timing)
    # A call that is repeated days later, with the same key, gets its job; a new one is refused.
    if timing.passed and not (idem and (yield from ask(scripts.used_keys(keys, tenant, [idem])))):
        raise InvalidJob(timing.passed)
    if durability.waits:
        yield from durability.prepare(keys)
    lane = Lane(priority, sender_name, tenant or "")
    job = new_job(
        context.cipher,
        new_local_id(),
        request,
        request,
        parts=request.parts(sender),
        timing=timing,
        idem=idem,
        lane=lane,
        callback=callback,
    )
    life_ms = max_age_ms(sender)
    call = scripts.submit(keys, lane=lane, max_age_ms=life_ms, rejected=0, jobs=[job], listing=context.listing)
    submitted: Submitted | NotOpen = yield call
    if isinstance(submitted, NotOpen):  # can't be: the lane has no batch
        raise UnknownBatch(str(lane))
    if submitted.first:
        yield from note_budget(keys)
    for other in submitted.others:
        return (yield from _repeated(context, keys, other, durability))
    if durability.waits:
        yield from durability.confirm(f"{keys.budget}.{job.local_id}", local_ids=[job.local_id])
    return fresh_job(keys.budget, job, lane, submitted.now_ms, life_ms)


def _check_what_is_left_to_redis(
    context: Context, sender: Sender | None, priority: Priority, request: ChatRequest, timing: Timing, *, errors: Errors
) -> None:
    """Adds faults that only the clock of Redis shows, for a job that is refused anyway and was not accepted earlier."""
    errors += timing.passed
    if sender:
        now_ms = to_ms(context.now())
        out_of_quiet_hours(timing, sender, priority, request.number, now_ms=now_ms, errors=errors)


def _repeated(context: Context, keys: Keys, other: Other, durability: DurabilityCheck) -> Steps[Job]:
    """Returns the job that has the idempotency key of a repeated call."""
    other_id = f"{keys.budget}.{other.local_id}"
    if not other.local_id:
        raise InvalidJob([UNREADABLE_KEY])
    if not other.same:
        raise IdempotencyConflict(other_id)
    yield from durability.confirm(other_id, local_ids=[other.local_id])
    return replace((yield from status(context, other_id)), repeated=True)


def _out_of_quiet_hours(
    keys: Keys, sender: Sender, priority: Priority, request: ChatRequest, timing: Timing
) -> Steps[Timing]:
    errors: Errors = []
    now_ms = yield from ask(scripts.read_clock(keys))
    timing = out_of_quiet_hours(timing, sender, priority, request.number, now_ms=now_ms, errors=errors)
    return replace(timing, passed=tuple(errors)) if errors else timing


def status(context: Context, job_id: str) -> Steps[Job]:
    """Reads one job."""
    found = yield from statuses(context, [job_id])
    job = found[job_id]
    if job is None:
        raise UnknownJob(job_id)
    return job


def statuses(context: Context, job_ids: Iterable[str]) -> Steps[dict[str, Job | None]]:
    """Reads many jobs, in one round trip per budget and 500 jobs."""
    found: dict[str, Job | None] = dict.fromkeys(job_ids)
    by_budget: dict[str, list[str]] = {}
    for job_id in found:
        if parts := split_id(job_id):
            by_budget.setdefault(parts[0], []).append(parts[1])
    for budget, local_ids in by_budget.items():
        for start in range(0, len(local_ids), scripts.MOST_JOBS):
            chunk = local_ids[start : start + scripts.MOST_JOBS]
            jobs = yield from ask(scripts.read_jobs(context.keys(budget), chunk))
            found.update((job.id, job) for job in jobs.values())
    return found


def cancel(context: Context, job_id: str) -> Steps[Job]:
    """Cancels one job, and reads it."""
    parts = split_id(job_id)
    word = (yield from ask(scripts.cancel(context.keys(parts[0]), [parts[1]])))[0] if parts else "gone"
    if word == "gone":
        raise UnknownJob(job_id)
    if word == "newer":
        raise WrittenByNewerVersion(job_id)
    return (yield from status(context, job_id))
