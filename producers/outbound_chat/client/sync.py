"""The client for threads: scripts, Django, Flask, workers."""

import time
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

from outbound_chat.client._operations import Operations
from outbound_chat.client._suppressing import Suppressing
from outbound_chat.client.options import ApiOptions, BatchOptions, JobOptions
from outbound_chat.client.steps.base import Steps
from outbound_chat.client.steps.batch_keys import FileKey
from outbound_chat.client.steps.batches import BatchWriter, OnStart
from outbound_chat.client.steps.holds import Control
from outbound_chat.client.steps.jobs import Verbs, time_left
from outbound_chat.client.steps.preflight import BatchPreflight
from outbound_chat.client.steps.rejections import OnProgress, OnRejected
from outbound_chat.client.steps.webhooks import Webhooks
from outbound_chat.client.steps.why import why
from outbound_chat.model.errors import InvalidJob, NotDurable, StoreError, StoreUnavailable
from outbound_chat.model.jobs import Batch, BatchReceipt, Job, Preflight
from outbound_chat.model.why import Why
from outbound_chat.store import Store
from outbound_chat_config import Settings, load_settings

T = TypeVar("T")
REREAD_SECONDS = 2.0
"""A notification may be lost with its connection: a waiter looks again so often."""

Ending = TypeVar("Ending", Job, Batch)


class OutboundChat(Operations, Suppressing, Webhooks):
    """Enqueues jobs and tells what became of them. One instance serves all threads of a process.

    It may be made before a fork: each child has connections of its own.

    Every method raises `StoreUnavailable` when Redis can't be reached, and `StoreError` when it refuses.
    """

    def __init__(self, *, store: Store | None = None, **values: Any) -> None:
        """A client from plain values: `OutboundChat(redis_url=…, senders={…}, budgets={…})`, as `Settings` takes them.

        `store` replaces the connection to `redis_url`. Connects at its first call.

        Raises:
            SettingsError: a value is refused.
        """
        self._setup(Settings.from_values(**values), store)

    @classmethod
    def from_settings(cls, settings: Settings | None = None, *, store: Store | None = None) -> Self:
        """A client from the environment, `.env` and `outbound-chat.toml`, or from settings that were loaded before.

        Raises:
            SettingsError: the settings can't be read or a value is refused.
        """
        client = cls.__new__(cls)
        client._setup(settings or load_settings(), store)  # noqa: SLF001  # our own instance
        return client

    def _setup(self, settings: Settings, store: Store | None) -> None:
        self._settings = settings
        self._verbs = Verbs(settings)
        self._control = Control(self._verbs)
        self._store = store or Store.from_settings(settings)

    def enqueue(self, /, **options: Unpack[JobOptions]) -> Job:
        """Takes one job: it is in Redis when this returns, and will be sent.

        `sender` and `to` are required; see `JobOptions` for the rest.

        Raises:
            InvalidJob: something is wrong with it; `errors` names each field. Nothing was stored.
            IdempotencyConflict: the key belongs to a job that asked for something else. Nothing was stored.
        """
        return self._run(self._verbs.enqueue(options))

    def enqueue_request(self, /, **request: Unpack[ApiOptions]) -> Job:
        """Takes exactly what boto3's `start_outbound_chat_contact(**request)` takes, and our options beside it.

        Without `sender` the job belongs to the sender whose instance and source the request names.

        Raises:
            InvalidJob: something is wrong with it; `errors` has API paths. Nothing was stored.
            IdempotencyConflict: the key belongs to a job that asked for something else. Nothing was stored.
        """
        return self._run(self._verbs.enqueue_request(request))

    def enqueue_batch(
        self,
        rows: Iterable[Mapping[str, Any] | InvalidJob],
        *,
        sender: str,
        name: str = "",
        on_rejected: OnRejected | None = None,
        on_progress: OnProgress | None = None,
        batch_key: str | FileKey | None = None,
        on_start: OnStart | None = None,
        **shared: Unpack[BatchOptions],
    ) -> BatchReceipt:
        """Takes many jobs as one batch, hundreds a round trip, in flat memory.

        `rows` are mappings with `to` and any option of a single job; a row that its reader had to refuse is given as
        the `InvalidJob`. `shared` are options of all rows, stored once, of which a row's own win. A row is accepted or
        rejected by itself; `on_rejected` gets each rejection, else they are in the receipt. `on_progress(accepted,
        rejected)` is called after each chunk.

        With a `batch_key` (1 to 255 characters, known to one tenant and budget) a call that was broken off is made
        again with the same rows and options, and goes on where it stopped: no row is taken twice. Whoever calls once
        more after the end gets the receipt again, `repeated`. `on_start` is told before the first row is taken, which
        is after some hundred were read. Where `rows` fail before a row was accepted, they leave no batch.

        Raises:
            InvalidJob: an option of the batch is refused. Nothing was stored.
            BatchKeyConflict: the key belongs to a batch with another name or other options. Nothing was stored.
        """
        options: dict[str, Any] = {**shared, "sender": sender}
        batch = BatchWriter(
            self._verbs,
            options,
            name=name,
            on_rejected=on_rejected,
            on_progress=on_progress,
            batch_key=batch_key,
            on_start=on_start,
        )
        try:
            self._run(batch.prepare())
            for row in rows:
                if batch.add(row):
                    self._run(batch.flush())
            return self._run(batch.close())
        except NotDurable:  # of the whole batch, which is closed
            raise
        except BaseException as error:
            batch.explain_interruption(error)
            raise

    def preflight_batch(
        self,
        rows: Iterable[Mapping[str, Any] | InvalidJob],
        *,
        sender: str,
        on_rejected: OnRejected | None = None,
        on_progress: OnProgress | None = None,
        **shared: Unpack[BatchOptions],
    ) -> Preflight:
        """Checks rows as `enqueue_batch` does, stores nothing, and predicts when they would be sent, in flat memory.

        Redis is asked after the last row; if it can't be reached, the budget of the settings is assumed to be idle.

        Raises:
            InvalidJob: an option of the batch is refused.
        """
        options: dict[str, Any] = {**shared, "sender": sender}
        with BatchPreflight(self._verbs, options, on_rejected=on_rejected, on_progress=on_progress) as flight:
            for row in rows:
                flight.add(row)
            try:
                return flight.result(*self._run(flight.ask()))
            except StoreUnavailable:
                return flight.result(int(time.time() * 1000), None)

    def status(self, job_id: str) -> Job:
        """The job as it stands.

        Raises:
            UnknownJob: no job has this id, or its record has passed its lifetime.
        """
        return self._run(self._verbs.status(job_id))

    def statuses(self, job_ids: Iterable[str]) -> dict[str, Job | None]:
        """Many jobs by id, 500 a round trip; None for an id that no job has."""
        return self._run(self._verbs.statuses(job_ids))

    def why(self, job_id: str) -> Why:
        """What the job waits for: the rule that stops it, its place, its next attempt, and when it may be called.

        Raises:
            UnknownJob: no job has this id, or its record has passed its lifetime.
        """
        return self._run(why(self._verbs, job_id))

    def batch(self, batch_id: str) -> Batch:
        """The batch as it stands, with its live counts.

        Raises:
            UnknownBatch: no batch has this id, or its record has passed its lifetime.
        """
        return self._run(self._verbs.batch(batch_id))

    def cancel(self, job_id: str) -> Job:
        """Stops a job that was not sent yet, and returns it.

        A waiting job is `cancelled` at once. Of one that a worker is calling, the answer of that call decides:
        `cancel_requested` is set, and no further call is made. A final job stays as it is.

        Raises:
            UnknownJob: no job has this id, or its record has passed its lifetime.
        """
        return self._run(self._verbs.cancel(job_id))

    def wait(self, job_id: str, timeout: float = 30.0) -> Job:
        """Blocks until the job is final, and returns it within milliseconds of that.

        Raises:
            UnknownJob: no job has this id, or its record has passed its lifetime.
            WaitTimeout: it was not final after `timeout` seconds; it goes on.
        """
        return self._wait(job_id, lambda: self._verbs.status(job_id), timeout)

    def wait_batch(self, batch_id: str, timeout: float = 600.0) -> Batch:
        """Blocks until the batch is final, and returns it.

        Raises:
            UnknownBatch: no batch has this id, or its record has passed its lifetime.
            WaitTimeout: it was not final after `timeout` seconds; it goes on.
        """
        return self._wait(batch_id, lambda: self._verbs.batch(batch_id, with_pace=False), timeout)

    def _wait(self, id_: str, read: Callable[[], Steps[Ending]], timeout: float) -> Ending:
        deadline = time.monotonic() + timeout
        found = self._run(read())
        if found.final:
            return found
        with self._store.listen(self._verbs.channel(id_)) as listener:
            while not (found := self._run(read())).final:
                listener.wait(min(time_left(id_, deadline), REREAD_SECONDS))
        return found

    def _run(self, steps: Steps[T]) -> T:
        try:
            call = next(steps)
            while True:
                try:
                    answer = self._store.run(call)
                except StoreError as error:
                    call = steps.throw(error)
                else:
                    call = steps.send(answer)
        except StopIteration as end:
            result: T = end.value
            return result

    def ping(self) -> None:
        """Returns when Redis answers."""
        self._store.ping()

    def close(self) -> None:
        """Closes the connections to Redis."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
