"""Writes a batch into the store, row by row, hundreds of jobs per round trip.

Only one chunk of rows is in memory, regardless of the size of the batch.

With a batch key, an interrupted call resumes where it stopped: the store knows the last row that was accepted, and rows
up to it are never accepted again. They are still read and checked, so that rejections and counts are those of the whole
batch.

The batch begins with its first job: if reading the rows fails before that, nothing is stored, even if many rows were
rejected or belong to other jobs.

A row whose time has passed is rejected, unless its idempotency key belongs to a job: keys are looked up once per chunk.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from outbound_chat.client.steps.base import Later, Steps, answer_of, ask, begin
from outbound_chat.client.steps.batch_keys import FileKey, check_batch_key
from outbound_chat.client.steps.batch_rows import BatchRows
from outbound_chat.client.steps.budgets import note_budget
from outbound_chat.client.steps.context import Context
from outbound_chat.client.steps.durability import DurabilityCheck
from outbound_chat.client.steps.new_job import max_age_ms
from outbound_chat.client.steps.rejections import OnProgress, OnRejected, Rejections
from outbound_chat.client.steps.validation import UNREADABLE_KEY, Errors
from outbound_chat.model.batches import BatchReceipt, BatchStart
from outbound_chat.model.errors import BatchClosed, BatchKeyConflict, FieldError, InvalidJob, UnknownBatch
from outbound_chat.model.times import from_ms
from outbound_chat.request import FieldCode
from outbound_chat.store import scripts
from outbound_chat.store.scripts import KeyUse, NewJob, NotOpen, Opened, Other, Submitted

OnStart = Callable[[BatchStart], None]

MOST_ROWS = 1_000
"""Rows of a chunk, which are read while Redis processes the previous one: a caller that keeps the last 2,400 rows can
show each rejected row."""


class BatchWriter:
    """Checks rows and submits them in chunks; a client runs the steps."""

    def __init__(
        self,
        context: Context,
        options: Mapping[str, Any],
        *,
        name: str,
        on_rejected: OnRejected | None,
        on_progress: OnProgress | None,
        batch_key: str | FileKey | None = None,
        on_start: OnStart | None = None,
    ) -> None:
        """`options`: as `BatchRows` takes them, and `durability`.

        Raises:
            InvalidJob: an option is invalid; nothing was stored.
        """
        errors: Errors = []
        self._durability = DurabilityCheck(context.settings.durability, options.get("durability"), errors)
        self._key = check_batch_key(batch_key, errors)
        self._of_batch = BatchRows(context, options, name, errors)
        self._sender = self._of_batch.sender
        self._keys = context.keys(self._sender.budget)
        self._listing = context.listing
        self._rejections = Rejections(on_rejected)
        self._on_progress = on_progress
        self._on_start = on_start
        self._chunk: list[NewJob] = []
        self._submitted: tuple[list[NewJob], Later[Submitted | NotOpen]] | None = None
        """The chunk that Redis is accepting."""
        self._chunk_bytes = 0
        self._doubtful: dict[int, tuple[FieldError, ...]] = {}
        """Rows that are invalid now but may have been accepted earlier. Those with a key are in the chunk too."""
        self._passed: object = None
        """A row whose time has passed, unless the batch began long enough ago, which has not been looked up yet."""
        self._only_repeats = False
        """The batch has not begun, because all rows so far belong to other jobs."""
        self._rows = self._flushed_rows = self._accepted = self._duplicates = 0
        self._found = None if self._key else Opened(KeyUse.NONE, self._of_batch.batch)
        """None: the key has not been looked up yet."""

    @property
    def id(self) -> str:
        """The batch's id."""
        return f"{self._keys.budget}.{self._of_batch.batch}"

    def prepare(self) -> Steps[None]:
        """Reads what is needed before the first row."""
        yield from self._durability.prepare(self._keys)
        if self._sender.quiet_hours:
            self._of_batch.clock.set((yield from ask(scripts.read_clock(self._keys))))

    def _open(self, *, only_find: bool = False) -> Steps[Opened]:
        """Finds the batch of the key, or begins a new one.

        Raises:
            BatchKeyConflict: the key belongs to a batch with other options.
        """
        rows = self._of_batch
        found = yield from ask(rows.opening(self._keys, self._key, self._chunk, only_find=only_find))
        if found.use is KeyUse.UNREADABLE:
            raise InvalidJob([FieldError("batch_key", UNREADABLE_KEY.code, UNREADABLE_KEY.message)])
        if found.use is KeyUse.CONFLICT:
            raise BatchKeyConflict(f"{self._keys.budget}.{found.batch}")
        self._found = found
        self._only_repeats = found.use is KeyUse.NONE and not only_find
        if found.use is KeyUse.SAME:
            self._resume(found)
        if self._on_start and found.use is not KeyUse.NONE:
            self._on_start(self._start(found))
        return found

    def _find(self) -> Steps[None]:
        """Finds the batch of the key; begins a new one only if there is a job for it."""
        yield from self._open(only_find=not self._chunk)
        passed, self._passed = self._passed, None
        if passed is not None:
            # It is the last row read. Whether it is refused depends on when the batch began.
            del self._doubtful[self._rows]
            self._rows -= 1
            self.add(passed)

    def _resume(self, found: Opened) -> None:
        """Adds the first chunk to the batch that began earlier, when the times of its rows had not passed."""
        self._of_batch.use(found.batch, began=from_ms(found.created_ms))
        numbered = [(_row_of(job), job) for job in self._chunk]
        self._chunk = [
            replace(job, local_id=f"{found.batch}-{row}") for row, job in numbered if self._wanted(found, row, job)
        ]

    def _start(self, found: Opened) -> BatchStart:
        return BatchStart(
            id=self.id,
            resumed_rows=found.rows,
            created_at=from_ms(found.created_ms) if found.created_ms else None,
            repeated=found.closed_ms > 0,
            unfinished_id=f"{self._keys.budget}.{found.unfinished}" if found.unfinished else None,
        )

    def add(self, row: object) -> bool:
        """Checks one row; returns whether `flush` is due.

        A row may be an `InvalidJob`, with which a reader of files reports an unreadable line.
        """
        job, found = self._check(row), self._found
        if job and (found is None or found.use is not KeyUse.SAME or self._wanted(found, self._rows, job)):
            self._chunk.append(job)
            self._chunk_bytes += len(job.request)
        return (
            len(self._chunk) >= scripts.MOST_JOBS
            or self._chunk_bytes >= scripts.MOST_BYTES // 2
            or len(self._doubtful) >= scripts.MOST_JOBS
            or self._rows - self._flushed_rows >= MOST_ROWS
            or (self._passed is not None and found is None)
        )

    def _wanted(self, found: Opened, row: int, job: NewJob) -> bool:
        """Whether to submit the job of a row to a batch that began earlier."""
        if row > found.rows:
            return not found.closed_ms
        # One with a key may belong to the job of another row.
        self._accepted += not job.idem
        return bool(job.idem)

    def _check(self, row: object) -> NewJob | None:
        self._rows += 1
        try:
            return self._of_batch.job(self._rows, row)
        except InvalidJob as error:
            return self._refuse(row, error.errors)

    def _refuse(self, row: object, errors: tuple[FieldError, ...]) -> NewJob | None:
        """Rejects the last row or keeps it as doubtful; returns its job if its key may have been used."""
        found, repeated = self._found, None
        if any(error.code == FieldCode.INVALID_TIME for error in errors):
            if found is None:
                self._passed = row
            else:
                repeated = self._of_batch.repeated_job(self._rows, row)
        # Rejections are reported in the order of their rows, so those behind a doubtful one wait with it.
        if found is None or repeated or self._rows <= found.rows or self._doubtful:
            self._doubtful[self._rows] = errors
        else:
            self._rejections.add(self._rows, errors)
        return repeated

    def flush(self) -> Steps[None]:
        """Submits the rows checked so far."""
        if self._rows == self._flushed_rows:
            return
        self._flushed_rows, self._chunk_bytes = self._rows, 0
        yield from self.settle()
        if self._found is None:
            yield from self._find()
        if self._found and self._doubtful:
            yield from self._settle_doubtful(self._found)
        if self._chunk:
            if not self._only_repeats:
                yield from self._begun()
            yield from self._submit()
        elif self._on_progress:
            self._on_progress(self._accepted, self._rejections.count)

    def _begun(self) -> Steps[Opened]:
        """Returns the batch; begins it unless it has begun already, or all jobs of the chunk are known."""
        if self._found is None or self._found.use is KeyUse.NONE:
            return (yield from self._open())
        return self._found

    def _settle_doubtful(self, found: Opened) -> Steps[None]:
        """Rejects only rows without a job: the others were accepted before their time passed."""
        doubtful, self._doubtful = self._doubtful, {}
        ids = {row: f"{found.batch}-{row}" for row in doubtful if row <= found.rows}
        jobs = (yield from ask(scripts.read_jobs(self._keys, list(ids.values())))) if ids else {}
        keys = {row: job.idem for job in self._chunk if (row := _row_of(job)) in doubtful}
        used = (yield from ask(scripts.used_keys(self._keys, self._of_batch.tenant, keys.values()))) if keys else {}
        self._chunk = [job for job in self._chunk if job.idem in used or _row_of(job) not in doubtful]
        for row, errors in doubtful.items():
            if keys.get(row) in used:
                continue  # `submit` finds its job
            if ids.get(row) in jobs:
                self._accepted += 1
            else:
                self._rejections.add(row, errors)

    def _submit(self) -> Steps[None]:
        chunk, self._chunk = self._chunk, []
        call = scripts.submit(
            self._keys,
            lane=self._of_batch.lane,
            max_age_ms=max_age_ms(self._sender),
            rejected=self._rejections.count,
            jobs=chunk,
            listing=self._listing,
        )
        self._submitted = (chunk, (yield from begin(call)))
        if self._only_repeats:
            # Perhaps the batch must begin for them, before the next ones.
            yield from self.settle()

    def settle(self) -> Steps[None]:
        """Waits for the answer to the last chunk. The rows of the next one are checked while Redis processes it."""
        if not self._submitted:
            return
        (chunk, later), self._submitted = self._submitted, None
        reply = yield from answer_of(later)
        if isinstance(reply, NotOpen):
            if self._found and self._found.use is KeyUse.NONE:
                # After rows that belong to other jobs, this is the first new job.
                self._chunk = chunk
                yield from self._begun()
                return (yield from self._submit())
            raise BatchClosed(self.id) if reply.closed else UnknownBatch(self.id)
        if reply.first:
            yield from note_budget(self._keys)
        self._of_batch.clock.set(reply.now_ms)
        self._accepted += len(chunk) - len(reply.others)
        for other in reply.others:
            self._settle_other(chunk, other)
        if self._on_progress:
            self._on_progress(self._accepted, self._rejections.count)

    def _settle_other(self, chunk: list[NewJob], other: Other) -> None:
        """Counts or rejects a row that was not accepted, because its idempotency key belongs to another job."""
        if other.same:
            self._duplicates += 1
            self._durability.remember(other.local_id)
            return
        message = f"belongs to job {self._keys.budget}.{other.local_id}, which has other content; use a new key"
        conflict = FieldError("idempotency_key", FieldCode.IDEMPOTENCY_CONFLICT, message)
        self._rejections.add(_row_of(chunk[other.index]), (conflict if other.local_id else UNREADABLE_KEY,))

    def close(self) -> Steps[BatchReceipt]:
        """Submits the remaining rows and closes the batch."""
        yield from self.flush()
        yield from self.settle()
        if self._found is None:
            yield from self._find()
        if self._of_file and not (self._accepted or self._duplicates or self._has_begun):
            return self._receipt("", Opened(KeyUse.NONE, ""))
        found = yield from self._begun()
        batch = found.batch
        if not found.closed_ms:
            yield from ask(scripts.close_batch(self._keys, batch=batch, rejected=self._rejections.count))
        if found.use is KeyUse.SAME:
            record = yield from ask(scripts.read_batch(self._keys, batch, with_pace=False))
            self._accepted = record.accepted if record else self._accepted
        yield from self._durability.confirm(self.id, batch=batch, accepted=self._accepted)
        return self._receipt(self.id, found)

    @property
    def _of_file(self) -> bool:
        """Whether a whole file is sent, whose command says itself how to go on."""
        return isinstance(self._key, FileKey) and bool(self._key.content)

    @property
    def _has_begun(self) -> bool:
        return self._found is not None and self._found.use is not KeyUse.NONE

    def _receipt(self, id_: str, found: Opened) -> BatchReceipt:
        return BatchReceipt(
            id=id_,
            accepted=self._accepted,
            rejected=self._rejections.count,
            duplicates=self._duplicates,
            rejections=tuple(self._rejections.kept),
            resumed_rows=found.rows,
            repeated=found.closed_ms > 0,
        )

    def explain_interruption(self, error: BaseException) -> None:
        """Adds a note to the error that interrupted the batch: what is stored, and how to resume."""
        if not self._has_begun or (self._found and self._found.closed_ms):  # nothing was stored
            return
        by_key = self._key and not self._of_file
        resume = "; repeat the call with the same batch key and rows to resume there" if by_key else ""
        least = "at least " if self._submitted else ""
        jobs = "1 job is" if self._accepted == 1 else f"{self._accepted:,} jobs are"
        fate = "stored on hold" if self._of_batch.hold else "stored and will be sent"
        error.add_note(
            f"batch {self.id} was interrupted at row {self._rows:,}: {least}{jobs} {fate}; the batch stays open{resume}"
        )


def _row_of(job: NewJob) -> int:
    return int(job.local_id.rpartition("-")[2])
