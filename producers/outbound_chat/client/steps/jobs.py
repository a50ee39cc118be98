"""What each verb of a client does, once for threads and asyncio: a generator that yields calls and gets their answers.

Talks to nobody itself. `OutboundChat` and `AsyncOutboundChat` run the steps on their store.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from outbound_chat.client.steps.base import Steps, ask
from outbound_chat.client.steps.batch_keys import is_source
from outbound_chat.client.steps.budgets import note_budget
from outbound_chat.client.steps.durability import Guard
from outbound_chat.client.steps.new_job import fresh_job, new_job
from outbound_chat.client.steps.progress import batch_from_book
from outbound_chat.client.steps.quiet_hours import out_of_quiet_hours
from outbound_chat.client.steps.validation import (
    UNREADABLE_KEY,
    Errors,
    Timing,
    check_callback,
    check_key,
    check_priority,
    check_tenant,
    check_timing,
)
from outbound_chat.encryption import Seal
from outbound_chat.model.errors import (
    FieldError,
    IdempotencyConflict,
    InvalidJob,
    NewerVersion,
    SettingsError,
    UnknownBatch,
    UnknownJob,
    WaitTimeout,
)
from outbound_chat.model.ids import new_local_id, split_id
from outbound_chat.model.jobs import Batch, Job, Priority
from outbound_chat.model.operations import Events
from outbound_chat.request import OWN_OPTIONS, ChatRequest, FieldCode, match_sender
from outbound_chat.store import Keys, scripts
from outbound_chat.store.records import lane_of
from outbound_chat.store.scripts import NotOpen, Other
from outbound_chat_config import DEFAULT_CHAT_DURATION, Sender, Settings, chat_duration


class Verbs:
    """The verbs of a client, for one set of settings."""

    def __init__(self, settings: Settings) -> None:
        """Raises `SettingsError` where encryption is asked for and not installed."""
        self.settings = settings
        self.seal = Seal(settings.encryption)

    def keys(self, budget: str) -> Keys:
        """Names of a budget's keys."""
        return Keys(self.settings.key_prefix, budget)

    def enqueue(self, options: Mapping[str, Any]) -> Steps[Job]:
        """Takes one job in its short form."""
        request_options = {name: value for name, value in options.items() if name not in OWN_OPTIONS}
        return self._enqueue(ChatRequest.from_short(request_options), options.get("sender"), options)

    def enqueue_request(self, kwargs: Mapping[str, Any]) -> Steps[Job]:
        """Takes one job as a raw API request, with our options beside it."""
        options = {name: value for name, value in kwargs.items() if name in OWN_OPTIONS}
        raw = {name: value for name, value in kwargs.items() if name not in OWN_OPTIONS}
        name = options.get("sender")
        if name is None:
            name = match_sender(raw, self.settings.senders)
        return self._enqueue(ChatRequest.from_api(raw), name, options)

    def _enqueue(self, request: ChatRequest, name: object, options: Mapping[str, Any]) -> Steps[Job]:
        errors: Errors = []
        timing = check_timing(options, errors, is_repeatable=options.get("idempotency_key") is not None)
        tenant = check_tenant(options.get("tenant"), errors)
        priority = check_priority(options.get("priority"), Priority.NORMAL, errors)
        idem = check_key(options.get("idempotency_key"), errors)
        callback = check_callback(options.get("callback_url"), self.settings.webhooks, errors)
        guard = Guard(self.settings.durability, options.get("durability"), errors)
        sender_name, sender = self.find_sender(name, errors)
        if sender:
            errors += request.errors(sender)
        if errors or not sender:
            raise InvalidJob(errors)
        keys = self.keys(sender.budget)
        if not timing.passed and sender.quiet_hours:
            timing = yield from self._out_of_quiet_hours(keys, sender, priority, request, timing)
        if timing.passed:
            yield from self._check_repeated(keys, tenant, idem, timing.passed)
        yield from guard.prepare(keys)
        lane = lane_of(priority, sender_name, tenant, None)
        job = new_job(
            self.seal,
            new_local_id(),
            request,
            request,
            parts=request.parts(sender),
            timing=timing,
            idem=idem,
            lane=lane,
            callback=callback,
        )
        submitted = yield from ask(
            scripts.submit(keys, lane=lane, max_age_ms=max_age_ms(sender), rejected=0, jobs=[job])
        )
        if isinstance(submitted, NotOpen):  # can't be: the lane has no batch
            raise UnknownBatch(lane)
        if submitted.first:
            yield from note_budget(keys)
        for other in submitted.others:
            return (yield from self._repeated(keys, other, guard))
        yield from guard.confirm(f"{keys.budget}.{job.local_id}", local_ids=[job.local_id])
        return fresh_job(keys.budget, job, lane, submitted.now_ms, max_age_ms(sender))

    def _repeated(self, keys: Keys, other: Other, guard: Guard) -> Steps[Job]:
        """The job that holds the idempotency key of a repeated call."""
        other_id = f"{keys.budget}.{other.local_id}"
        if not other.local_id:
            raise InvalidJob([UNREADABLE_KEY])
        if not other.same:
            raise IdempotencyConflict(other_id)
        yield from guard.confirm(other_id, local_ids=[other.local_id])
        return replace((yield from self.status(other_id)), repeated=True)

    def _out_of_quiet_hours(
        self, keys: Keys, sender: Sender, priority: Priority, request: ChatRequest, timing: Timing
    ) -> Steps[Timing]:
        errors: Errors = []
        now_ms = yield from ask(scripts.read_clock(keys))
        timing = out_of_quiet_hours(timing, sender, priority, request.number, now_ms=now_ms, errors=errors)
        return replace(timing, passed=errors[0]) if errors else timing

    def _check_repeated(self, keys: Keys, tenant: str | None, idem: str, passed: FieldError) -> Steps[None]:
        """A call that is repeated days later, with the same key, gets its job; a new one is refused."""
        if not idem or not (yield from ask(scripts.used_keys(keys, tenant, [idem]))):
            raise InvalidJob([passed])

    def find_sender(self, name: object, errors: Errors) -> tuple[str, Sender | None]:
        """The sender of that name; an unknown one is added to `errors`."""
        try:
            if name is None:
                known = ", ".join(sorted(self.settings.senders))
                errors.append(FieldError("sender", FieldCode.REQUIRED, f"is required; name one of: {known}"))
                return "", None
            return str(name), self.settings.sender(str(name))
        except SettingsError as error:
            errors.append(FieldError("sender", FieldCode.UNKNOWN_SENDER, str(error)))
            return str(name), None

    def status(self, job_id: str) -> Steps[Job]:
        """One job as it stands."""
        found = yield from self.statuses([job_id])
        job = found[job_id]
        if job is None:
            raise UnknownJob(job_id)
        return job

    def statuses(self, job_ids: Iterable[str]) -> Steps[dict[str, Job | None]]:
        """Many jobs, a round trip for each budget and 500 jobs."""
        found: dict[str, Job | None] = dict.fromkeys(job_ids)
        by_budget: dict[str, list[str]] = {}
        for job_id in found:
            if parts := split_id(job_id):
                by_budget.setdefault(parts[0], []).append(parts[1])
        for budget, local_ids in by_budget.items():
            for start in range(0, len(local_ids), scripts.MOST_JOBS):
                chunk = local_ids[start : start + scripts.MOST_JOBS]
                jobs = yield from ask(scripts.read_jobs(self.keys(budget), chunk))
                found.update((job.id, job) for job in jobs.values())
        return found

    def cancel(self, job_id: str) -> Steps[Job]:
        """Stops one job, and reads it."""
        parts = split_id(job_id)
        word = (yield from ask(scripts.cancel(self.keys(parts[0]), parts[1]))) if parts else "gone"
        if word == "gone":
            raise UnknownJob(job_id)
        if word == "newer":
            raise NewerVersion(job_id)
        return (yield from self.status(job_id))

    def batch(self, batch_id: str, *, with_pace: bool = True) -> Steps[Batch]:
        """A batch as it stands. Without `with_pace` nothing is predicted, which matters only before its end."""
        parts = split_id(batch_id)
        found = (
            (yield from ask(scripts.read_batch(self.keys(parts[0]), parts[1], with_pace=with_pace))) if parts else None
        )
        if found is None:
            raise UnknownBatch(batch_id)
        sender = self.settings.senders.get(found.fields["lane"].split(":")[1])
        return batch_from_book(batch_id, found, chat_duration(sender) if sender else DEFAULT_CHAT_DURATION)

    def is_file_of(self, batch_id: str, content: str) -> Steps[bool | None]:
        """Whether all rows of the batch came from a file with this hash; None: it is not known."""
        parts = split_id(batch_id)
        call = scripts.read_batch(self.keys(parts[0]), parts[1], with_pace=False) if parts else None
        found = (yield from ask(call)) if call else None
        if found is None:
            raise UnknownBatch(batch_id)
        source, tenant = found.fields["source"], found.fields["lane"].split(":")[2] or None
        if not source:
            return None
        return is_source(self.seal, source, tenant=tenant, name=found.fields["name"], content=content)

    def budget(self, name: str | None) -> str:
        """The budget of that name, or the only one there is.

        Raises:
            SettingsError: there is no such budget, or none is named and there are several.
        """
        known = ", ".join(sorted(self.settings.budgets))
        if name is None:
            if len(self.settings.budgets) > 1:
                raise SettingsError(f"there are several budgets; name one of: {known}")
            return next(iter(self.settings.budgets))
        if name not in self.settings.budgets:
            raise SettingsError(f'budget "{name}" is not configured; known budgets: {known}')
        return name

    def events(self, budget: str | None, since: int, limit: int) -> Steps[Events]:
        """What happened in a budget since a number."""
        if since < 0:
            raise InvalidJob([FieldError("since", FieldCode.OUT_OF_RANGE, "must be the number of an event, or 0")])
        return (yield from ask(scripts.read_events(self.keys(self.budget(budget)), since=since, count=limit)))

    def channel(self, id_: str) -> str:
        """Where the end of a job or batch is published. What can't be an id has none; reading it tells so."""
        budget, local_id = split_id(id_) or ("", "")
        return self.keys(budget).done(local_id)


def time_left(id_: str, deadline: float) -> float:
    """Seconds that are left.

    Raises:
        WaitTimeout: none.
    """
    left = deadline - time.monotonic()
    if left <= 0:
        raise WaitTimeout(f"{id_} is not final yet; it goes on, ask again with the same id")
    return left


def max_age_ms(sender: Sender) -> int:
    """The sender's `max_age`, as the scripts take it."""
    return int(sender.max_age.total_seconds() * 1000)
