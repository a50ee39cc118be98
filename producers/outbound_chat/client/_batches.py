"""A batch on its way into the ledger, row by row, hundreds of jobs a round trip.

Holds one chunk of rows at a time, whatever the size of the batch.
"""

from collections.abc import Callable, Mapping
from typing import Any

from outbound_chat.client._checks import (
    LONGEST_NAME,
    UNREADABLE_KEY,
    Errors,
    check_callback,
    check_concurrency,
    check_key,
    check_label,
    check_priority,
    check_tenant,
    check_timing,
    check_weight,
)
from outbound_chat.client._durability import Guard
from outbound_chat.client._jobs import new_job
from outbound_chat.client._quiet import ServerClock, out_of_quiet_hours
from outbound_chat.client._steps import Steps, ask
from outbound_chat.client._verbs import Verbs, max_age_ms
from outbound_chat.errors import BatchClosed, FieldError, InvalidJob, UnknownBatch
from outbound_chat.ids import new_local_id
from outbound_chat.jobs import BatchReceipt, Priority, Rejection
from outbound_chat.request import OWN_OPTIONS, ChatRequest, Code
from outbound_chat.store import calls
from outbound_chat.store.calls import NewJob, NotOpen
from outbound_chat.store.records import lane_of
from outbound_chat.stored import write_stored

OF_THE_BATCH = frozenset({"weight", "concurrency"})
OF_ONE_JOB = frozenset({"to", "client_token", "send_at", "expires_at", "idempotency_key"})

OnRejected = Callable[[Rejection], None]
OnProgress = Callable[[int, int], None]
"""Called with the jobs accepted and the rows rejected so far."""


class BatchWriter:
    """Checks rows and submits them in chunks; `steps` are run by a client."""

    def __init__(
        self,
        verbs: Verbs,
        options: Mapping[str, Any],
        *,
        name: str,
        on_rejected: OnRejected | None,
        on_progress: OnProgress | None,
    ) -> None:
        """`options`: sender, tenant, priority, and the part of the request that all rows share.

        Raises:
            InvalidJob: an option is refused; nothing was stored.
        """
        errors: Errors = []
        tenant = check_tenant(options.get("tenant"), errors)
        priority = check_priority(options.get("priority"), Priority.BULK, errors)
        check_label("name", name, LONGEST_NAME, errors)
        self._weight = check_weight(options.get("weight"), errors)
        self._concurrency = check_concurrency(options.get("concurrency"), errors)
        self._webhooks = verbs.settings.webhooks
        self._callback = check_callback(options.get("callback_url"), self._webhooks, errors)
        self._sender_name, sender = verbs.find_sender(options.get("sender"), errors)
        self._guard = Guard(verbs.settings.durability, options.get("durability"), errors)
        errors += [
            FieldError(field, Code.NOT_SHAREABLE, "belongs to one job; give it in the rows")
            for field in sorted(OF_ONE_JOB & options.keys())
        ]
        shared = {
            field: value for field, value in options.items() if field not in OWN_OPTIONS | OF_ONE_JOB | OF_THE_BATCH
        }
        self._shared = ChatRequest.from_short(shared)
        if sender:
            # Of what the rows are still to bring, nothing can be wrong yet.
            errors += [error for error in self._shared.errors(sender) if error.field.partition(".")[0] in shared]
        if errors or not sender:
            raise InvalidJob(errors)
        self.sender = sender
        self._priority = priority
        self._clock = ServerClock()
        self._keys = verbs.keys(sender.budget)
        self._seal = verbs.seal
        self._batch = new_local_id()
        self.lane = lane_of(priority, self._sender_name, tenant, self._batch)
        self._fixed = {"sender": self._sender_name, "tenant": tenant, "priority": priority.name.lower()}
        self._name = name
        self._on_rejected = on_rejected or self._keep_rejection
        self._on_progress = on_progress
        self._chunk: list[NewJob] = []
        self._chunk_bytes = 0
        self._rows = self._accepted = self.rejected = self._duplicates = 0
        self._rejections: list[Rejection] = []

    @property
    def id(self) -> str:
        """The batch's id."""
        return f"{self._keys.budget}.{self._batch}"

    @property
    def rejections(self) -> tuple[Rejection, ...]:
        """Why rows were refused so far; none where `on_rejected` got them."""
        return tuple(self._rejections)

    def open(self) -> Steps[None]:
        """Begins the batch."""
        yield from self._guard.prepare(self._keys)
        shared = write_stored(self._seal, self._shared)
        call = calls.open_batch(
            self._keys,
            batch=self._batch,
            lane=self.lane,
            name=self._name,
            shared=shared,
            weight=self._weight,
            concurrency=self._concurrency,
            callback=self._callback,
        )
        yield from ask(call)
        if self.sender.quiet_hours:
            self._clock.set((yield from ask(calls.read_clock(self._keys))))

    def add(self, row: object) -> bool:
        """Checks one row; True: a chunk is full and `flush` is due.

        A row may be an `InvalidJob`: what a reader of files says of a line that can't be a job.
        """
        if (job := self.check(row)) is None:
            return False
        self._chunk.append(job)
        self._chunk_bytes += len(job.request)
        return len(self._chunk) >= calls.MOST_JOBS or self._chunk_bytes >= calls.MOST_BYTES // 2

    def check(self, row: object) -> NewJob | None:
        """Checks one row and keeps nothing of it; None: it was rejected."""
        self._rows += 1
        try:
            return self._job(row)
        except InvalidJob as error:
            self._reject(self._rows, error.errors)
            return None

    def _job(self, row: object) -> NewJob:
        if isinstance(row, InvalidJob):
            raise row
        if not isinstance(row, Mapping):
            raise InvalidJob([FieldError("row", Code.WRONG_TYPE, 'must be a mapping, such as {"to": "+12025550123"}')])
        errors: Errors = []
        if row.get("durability") is not None:
            errors.append(FieldError("durability", Code.NOT_IN_BATCH, "is the same for a whole batch; give it there"))
        for field in row.keys() & self._fixed.keys():
            if row[field] is not None and row[field] != self._fixed[field]:
                errors.append(
                    FieldError(field, Code.NOT_IN_BATCH, "is the same for a whole batch; make a batch for each")
                )
        timing = check_timing(row, errors)
        idem = check_key(row.get("idempotency_key"), errors)
        callback = check_callback(row.get("callback_url"), self._webhooks, errors)
        own = ChatRequest.from_short({field: value for field, value in row.items() if field not in OWN_OPTIONS})
        whole = own.merged(self._shared)
        errors += whole.errors(self.sender)
        if self.sender.quiet_hours and not errors:
            timing = out_of_quiet_hours(
                timing, self.sender, self._priority, whole.number, now_ms=self._clock.now_ms, errors=errors
            )
        if errors:
            raise InvalidJob(errors)
        return new_job(
            self._seal,
            f"{self._batch}-{self._rows}",
            own,
            whole,
            parts=whole.parts(self.sender),
            timing=timing,
            idem=idem,
            lane=self.lane,
            callback=callback,
            shared_callback=self._callback,
        )

    def _reject(self, row: int, errors: tuple[FieldError, ...]) -> None:
        self.rejected += 1
        self._on_rejected(Rejection(row, errors))

    def _keep_rejection(self, rejection: Rejection) -> None:
        self._rejections.append(rejection)

    def flush(self) -> Steps[None]:
        """Submits the rows checked so far."""
        if not self._chunk:
            return
        chunk, self._chunk, self._chunk_bytes = self._chunk, [], 0
        reply = yield from ask(
            calls.submit(
                self._keys,
                lane=self.lane,
                max_age_ms=max_age_ms(self.sender),
                rejected=self.rejected,
                jobs=chunk,
            )
        )
        if isinstance(reply, NotOpen):
            raise BatchClosed(self.id) if reply.closed else UnknownBatch(self.id)
        self._clock.set(reply.now_ms)
        self._accepted += len(chunk) - len(reply.others)
        for other in reply.others:
            if other.same:
                self._duplicates += 1
                self._guard.remember(other.local_id)
                continue
            row = int(chunk[other.index].local_id.rpartition("-")[2])
            if not other.local_id:
                self._reject(row, (UNREADABLE_KEY,))
                continue
            message = f"belongs to job {self._keys.budget}.{other.local_id}, which asked for something else"
            self._reject(row, (FieldError("idempotency_key", Code.IDEMPOTENCY_CONFLICT, message),))
        if self._on_progress:
            self._on_progress(self._accepted, self.rejected)

    def close(self) -> Steps[BatchReceipt]:
        """Submits what is left and says that no more rows come."""
        yield from self.flush()
        yield from ask(calls.close_batch(self._keys, batch=self._batch, rejected=self.rejected))
        yield from self._guard.confirm(self.id, batch=self._batch, accepted=self._accepted)
        return BatchReceipt(
            id=self.id,
            accepted=self._accepted,
            rejected=self.rejected,
            duplicates=self._duplicates,
            rejections=self.rejections,
        )

    def explain_interruption(self, error: BaseException) -> None:
        """Says on an error that ended the batch half way what stands."""
        error.add_note(
            f"batch {self.id} was interrupted at row {self._rows}: {self._accepted} jobs are in the ledger and will be "
            "sent; the batch stays open"
        )
