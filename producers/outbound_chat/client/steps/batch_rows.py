"""Checks the rows of a batch, each together with the options that all of them share. It does no I/O."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from outbound_chat.client.steps.batch_keys import FileKey, KeyHashes, hashes_of
from outbound_chat.client.steps.context import Context
from outbound_chat.client.steps.new_job import new_job
from outbound_chat.client.steps.quiet_hours import ServerClock, out_of_quiet_hours
from outbound_chat.client.steps.validation import (
    FARTHEST_BACK,
    LONGEST_NAME,
    Errors,
    add_new,
    check_callback,
    check_concurrency,
    check_key,
    check_label,
    check_priority,
    check_reason,
    check_tenant,
    check_timing,
    check_weight,
)
from outbound_chat.model.errors import FieldError, InvalidJob
from outbound_chat.model.ids import new_local_id
from outbound_chat.model.jobs import Priority
from outbound_chat.model.lanes import Lane
from outbound_chat.request import ChatRequest, FieldCode, codec, is_missing, is_report
from outbound_chat.request.options import BATCH_ONLY, JOB_ONLY, OWN_OPTIONS, ROW_OPTIONS
from outbound_chat.request.templates import Template
from outbound_chat.store import Keys, scripts
from outbound_chat.store.scripts import NewJob, Opened, ScriptCall

_SURELY_VALUES = frozenset({str, int, bool, dict, list, datetime, timedelta, Priority})
"""Types that are always values and need no check: few rows have others."""
_MAPS = frozenset({"attributes", "segment_attributes"})


class BatchRows:
    """The options of a batch, and its rows as jobs."""

    def __init__(self, context: Context, options: Mapping[str, Any], name: str, errors: Errors) -> None:
        """`options`: sender, tenant, priority, and the part of the request that all rows share.

        Raises:
            InvalidJob: an option is invalid, or there are `errors` of others.
        """
        self.tenant = check_tenant(options.get("tenant"), errors)
        self.priority = check_priority(options.get("priority"), Priority.BULK, errors)
        check_label("name", name, LONGEST_NAME, errors)
        self.name = name
        self.weight = check_weight(options.get("weight"), errors)
        self.concurrency = check_concurrency(options.get("concurrency"), errors)
        self._webhooks = context.settings.webhooks
        self.callback = check_callback(options.get("callback_url"), self._webhooks, errors)
        if (hold := options.get("hold")) is not None:
            check_reason(hold, errors, field="hold")
        self.hold = hold or ""
        self.sender_name, sender = context.find_sender(options.get("sender"), errors)
        errors += [
            FieldError(field, FieldCode.NOT_SHAREABLE, "applies to a single job; give it in the rows")
            for field in sorted(JOB_ONLY & options.keys())
        ]
        shared = {field: value for field, value in options.items() if field not in OWN_OPTIONS | JOB_ONLY | BATCH_ONLY}
        self._template = self._read_template(options.get("template"), shared, errors)
        self.shared = ChatRequest.from_short(shared, errors)
        # What the rows will add can't be wrong yet.
        sample = self._template.sample() if self._template else {}
        for request, given in ((self.shared, shared), (ChatRequest.from_short(sample), sample)):
            errors += [error for error in request.errors(sender) if error.field.partition(".")[0] in given]
        if errors or not sender:
            raise InvalidJob(errors)
        self.sender = sender
        self._values = self._template.names - ROW_OPTIONS if self._template else frozenset()
        self._now = context.now
        self.clock = ServerClock(self._now())
        self._cipher = context.cipher
        self._fixed = {"sender": self.sender_name, "tenant": self.tenant, "priority": self.priority.name.lower()}
        self._shared_parts = self.shared.parts(sender)
        self.whole = self.shared
        """The whole request of the last job."""
        self.use(new_local_id(), began=self._now())

    def _read_template(self, given: object, shared: Mapping[str, Any], errors: Errors) -> Template | None:
        if given is None:
            return None
        self._asked_template = given
        try:
            template = Template.parse(given)
        except InvalidJob as error:
            errors += error.errors
            return None
        errors += [
            FieldError(field, FieldCode.GIVEN_TWICE, "is also in the template; leave out one of the two")
            for field in template.fields
            if shared.get(field) is not None
        ]
        return template

    def use(self, batch: str, *, began: datetime) -> None:
        """Makes these the rows of a given batch, which may have begun days ago.

        `send_at` is compared with that time, so that a slow or resumed file is not refused halfway. Rows that have
        expired since then are not sent.
        """
        self.batch = batch
        self._earliest = max(began, self._now() - self.sender.max_age) - FARTHEST_BACK
        self.lane = Lane(self.priority, self.sender_name, self.tenant or "", batch)

    def asked(self) -> dict[str, Any]:
        """Returns everything that the batch asks for, except its rows and name."""
        limits = {"weight": self.weight, "concurrency": self.concurrency, "callback": self.callback}
        template = {"template": self._asked_template} if self._template else {}
        return {"lane": self.lane.without_batch, "request": self.shared.stored(), **limits, **template}

    def opening(
        self, keys: Keys, key: str | FileKey | None, jobs: Sequence[NewJob], *, only_find: bool
    ) -> ScriptCall[Opened]:
        """Returns the call that finds the batch of the key; begins one unless `only_find` or all `jobs` are known."""
        hashes = self.hashes(key)
        return scripts.open_batch(
            keys,
            batch=self.batch,
            lane=self.lane,
            name=self.name,
            shared=codec.encode(self._cipher, self.shared),
            weight=self.weight,
            concurrency=self.concurrency,
            callback=self.callback,
            only_find=only_find,
            hold=self.hold,
            idems=[job.idem for job in jobs] if all(job.idem for job in jobs) else (),
            **{**hashes._asdict(), "alike": [*hashes.alike]},
        )

    def hashes(self, key: str | FileKey | None) -> KeyHashes:
        """Returns the hashes of a batch key."""
        return hashes_of(self._cipher, key, tenant=self.tenant, name=self.name, options=self.asked())

    def repeated_job(self, number: int, given_row: object) -> NewJob | None:
        """Returns the job of a row with invalid times if it has an idempotency key and nothing else is invalid."""
        try:
            job = self.job(number, given_row, may_have_passed=True)
        except InvalidJob:
            return None
        return job if job.idem else None

    def job(self, number: int, given_row: object, *, may_have_passed: bool = False) -> NewJob:
        """Returns the job that a row asks for.

        Raises:
            InvalidJob: the row is invalid.
        """
        errors: Errors = []
        row = _options_of(given_row, errors)
        if row.get("durability") is not None:
            errors.append(FieldError("durability", FieldCode.NOT_IN_BATCH, "applies to the whole batch; give it there"))
        for field in () if self._fixed.keys().isdisjoint(row) else row.keys() & self._fixed.keys():
            if row[field] is not None and row[field] != self._fixed[field]:
                errors.append(
                    FieldError(
                        field, FieldCode.NOT_IN_BATCH, "must be the same in the whole batch; make a batch for each"
                    )
                )
        timing = check_timing(row, errors, self._now, earliest=self._earliest, is_repeatable=may_have_passed)
        idem = check_key(row.get("idempotency_key"), errors)
        callback = check_callback(row.get("callback_url"), self._webhooks, errors)
        given = row
        if not OWN_OPTIONS.isdisjoint(row):
            given = {field: value for field, value in row.items() if field not in OWN_OPTIONS}
        if self._template:
            kept = {field: value for field, value in given.items() if field not in self._values}
            given = kept | self._template.fill(row, kept, errors)
        own = ChatRequest.from_short(given, errors)
        whole = own.merged(self.shared)
        if found := whole.errors(self.sender, checked=self.shared):
            add_new(errors, found)
        if self.sender.quiet_hours and not may_have_passed:
            timing = out_of_quiet_hours(
                timing, self.sender, self.priority, whole.number, now_ms=self.clock.now_ms, errors=errors
            )
        if errors:
            raise InvalidJob(errors)
        self.whole = whole
        return new_job(
            self._cipher,
            f"{self.batch}-{number}",
            own,
            whole,
            parts=self._parts_of(whole),
            timing=timing,
            idem=idem,
            lane=self.lane,
            callback=callback,
            shared_callback=self.callback,
        )

    def _parts_of(self, whole: ChatRequest) -> int:
        """Returns the parts of the message, counted only once if all rows share it."""
        return self._shared_parts if whole.has_message_of(self.shared) else whole.parts(self.sender)


def _options_of(row: object, errors: Errors) -> Mapping[str, Any]:
    """Returns the row without empty values and without values that its reader could not read; adds those to `errors`.

    Raises:
        InvalidJob: it is not a row, or its reader could not read the row.
    """
    if isinstance(row, InvalidJob):
        raise row
    if not isinstance(row, Mapping):
        raise InvalidJob([FieldError("row", FieldCode.WRONG_TYPE, 'must be a mapping, such as {"to": "+12025550123"}')])
    options = _with_values(row, errors)
    for name in () if _MAPS.isdisjoint(row) else _MAPS & options.keys():
        if isinstance(given := options[name], Mapping):
            options = {**options, name: _with_values(given, errors)}
    return options


def _with_values(given: Mapping[str, Any], errors: Errors) -> Mapping[str, Any]:
    if _SURELY_VALUES.issuperset(map(type, given.values())):
        return given
    return {name: value for name, value in given.items() if not (is_missing(value) or is_report(value, errors))}
