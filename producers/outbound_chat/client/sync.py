"""The client for threads: scripts, Django, Flask, workers.

This class has every method of the client, in the order of the docs, so the file is long; half of it is docstrings.
The modules of `steps` implement them.
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from math import inf
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar, Unpack, overload

from outbound_chat.client.closing import Closable
from outbound_chat.client.signatures import show_options
from outbound_chat.client.steps import (
    actions,
    cancelling,
    contact_events,
    dead_letters,
    holds,
    jobs,
    lists,
    progress,
    suppression,
    webhooks,
)
from outbound_chat.client.steps.base import Steps, run
from outbound_chat.client.steps.batch_keys import FileKey
from outbound_chat.client.steps.batches import BatchWriter, OnStart
from outbound_chat.client.steps.context import context_of
from outbound_chat.client.steps.earlier import earlier_batches
from outbound_chat.client.steps.find import find_jobs
from outbound_chat.client.steps.job_lists import JobWriter
from outbound_chat.client.steps.moved_senders import SenderList
from outbound_chat.client.steps.preflight import BatchPreflight
from outbound_chat.client.steps.rejections import OnProgress, OnRejected
from outbound_chat.client.steps.suppression_list import NumberList
from outbound_chat.client.steps.validation import several
from outbound_chat.client.steps.waits import Ending, Until, check_until, deadline_of, is_over, time_is_over
from outbound_chat.client.steps.why import why
from outbound_chat.model.actions import BulkAction
from outbound_chat.model.batches import Batch, BatchReceipt, EarlierBatch, Preflight
from outbound_chat.model.contact_events import ContactEventStatus, Outcome
from outbound_chat.model.errors import InvalidJob, NotDurable, OutboundChatError, StoreUnavailable
from outbound_chat.model.history import History
from outbound_chat.model.jobs import Job, JobState
from outbound_chat.model.operations import (
    BatchPage,
    BudgetStatus,
    Cancellation,
    DeadLetters,
    DeadWebhook,
    Event,
    Events,
    Hold,
    JobPage,
    Lanes,
    NumberReceipts,
    SuppressedNumber,
    SuppressedPage,
    WebhookHost,
    WorkerStatus,
)
from outbound_chat.model.why import Why
from outbound_chat.request.options import (
    ApiOptions,
    BatchOptions,
    DeadFilter,
    HoldTarget,
    JobFilter,
    JobOptions,
    ReplayOptions,
)
from outbound_chat.store import Store
from outbound_chat.store.scripts import FIRST_PAGE, MOST_BATCHES, MOST_JOBS
from outbound_chat_config import Settings, load_settings

T = TypeVar("T")

REREAD_SECONDS = 2.0
"""A notification can be lost with its connection, so a waiter reads again after this time."""
POLL_SECONDS = 0.25
"""Pause between two reads while `events` waits."""


class _Page(Protocol):
    @property
    def cursor(self) -> str | None: ...


Page = TypeVar("Page", bound=_Page)


class OutboundChat(Closable):
    """Enqueues messages and reports what happened to them. One instance can serve all threads of a process.

    It can be created before a fork: each child process opens its own connections.

    Every method raises `StoreUnavailable` if Redis can't be reached, `StoreError` if Redis refuses a command, and
    `ClientClosed` after `close`.
    """

    def __init__(self, *, store: Store | None = None, **values: Any) -> None:
        """Creates a client from plain values, as for `Settings`: `OutboundChat(redis_url=…, senders={…}, budgets={…})`.

        `store` replaces the connection to `redis_url`. The client connects at its first call.

        Raises:
            SettingsError: a value is invalid.
        """
        self._setup(Settings.from_values(**values), store)

    @classmethod
    def from_settings(cls, settings: Settings | None = None, *, store: Store | None = None) -> Self:
        """Creates a client from the environment, `.env` and `outbound-chat.toml`, or from loaded settings.

        If there are no settings at all, the client can be created, but its methods raise the `SettingsError`.

        Raises:
            SettingsError: the settings can't be read or a value is invalid.
        """
        client = cls.__new__(cls)
        client._setup(settings or load_settings(needed=False), store)  # noqa: SLF001  # our own instance
        return client

    def _setup(self, settings: Settings, store: Store | None) -> None:
        self._context = context_of(settings)
        self._store = store or Store.from_settings(settings)

    # Single jobs

    def enqueue(self, /, **options: Unpack[JobOptions]) -> Job:
        """Enqueues a message and returns its job, which is in Redis and will be sent.

        It takes all of `JobOptions`; `sender` and `to` are required.

        Raises:
            InvalidJob: an option is invalid; `errors` names each invalid field. Nothing was stored.
            IdempotencyConflict: the idempotency key belongs to a job with other content. Nothing was stored.
            NotDurable: it was accepted, but Redis did not confirm that it is as safe as `durability` requires.
        """
        return self._run(jobs.enqueue(self._context, options))

    def enqueue_request(self, /, **request: Unpack[ApiOptions]) -> Job:
        """Enqueues a request as boto3's `start_outbound_chat_contact(**request)` takes it, with the options of a job.

        Without `sender`, the job belongs to the sender that has the instance and source number of the request.

        Raises:
            InvalidJob: the request is invalid; `errors` names each invalid field by its API path. Nothing was stored.
            IdempotencyConflict: the idempotency key belongs to a job with other content. Nothing was stored.
            NotDurable: it was accepted, but Redis did not confirm that it is as safe as `durability` requires.
        """
        return self._run(jobs.enqueue_request(self._context, request))

    def enqueue_many(self, jobs: Iterable[JobOptions | ApiOptions]) -> list[Job | OutboundChatError]:
        """Enqueues any number of single jobs, each as `enqueue` or `enqueue_request` does, 500 in a few round trips.

        Returns, in order, each job or the error that the single call would raise. An error does not stop the others.
        Jobs of one sender, tenant and priority share a round trip.
        """
        writer = JobWriter(self._context)
        for job in several("jobs", jobs, is_one=Mapping):
            if writer.add(job):
                self._run(writer.flush())
        self._run(writer.flush())
        return writer.outcomes

    def status(self, job_id: str) -> Job:
        """Returns the current state of a job.

        Raises:
            UnknownJob: no job has this id, or its record is no longer kept.
        """
        return self._run(jobs.status(self._context, job_id))

    def statuses(self, job_ids: Iterable[str]) -> dict[str, Job | None]:
        """Returns many jobs by id, 500 per round trip; None for an unknown id."""
        return self._run(jobs.statuses(self._context, several("job_ids", job_ids)))

    def jobs(self, *, limit: int = 50, cursor: str | None = None, **chosen: Unpack[JobFilter]) -> JobPage:
        """Returns a page of the single jobs of a budget, the newest first.

        The newest 100,000 are listed (`results.listed_jobs`), as long as their records live. Jobs of batches are in
        `batch_jobs`; `to` and `idempotency_key` find them, too. `limit`: 1 to 500. A page may have fewer, even none
        where few of many jobs match: continue until `cursor` is None.

        Raises:
            InvalidJob: an option is invalid, or `to` is given without `results.find_by_number`.
            SettingsError: the settings have no such budget, or several and none is named.
            MissingEncryptionKey: nothing was found for `to`, and jobs were listed with another `number_key`.
        """
        return self._run(find_jobs(self._context, chosen, cursor, limit))

    def each_job(self, **chosen: Unpack[JobFilter]) -> Iterator[Job]:
        """Yields all jobs that `jobs` would list, in its order, reading page by page.

        Raises what `jobs` raises.
        """
        for page in _pages(lambda cursor: self.jobs(limit=MOST_JOBS, cursor=cursor, **chosen)):
            yield from page.jobs

    def why(self, job_id: str) -> Why:
        """Explains why a job waits: what stops it, its position, and when it is expected to be sent.

        Raises:
            UnknownJob: no job has this id, or its record is no longer kept.
        """
        return self._run(why(self._context, job_id))

    def cancel(self, job_id: str) -> Job:
        """Cancels a job that has not been sent, and returns it.

        A waiting job becomes `cancelled` immediately. If a worker is calling Connect for it, the result of that call
        decides: `cancel_requested` is set, and no further call is made. A final job does not change.

        Raises:
            UnknownJob: no job has this id, or its record is no longer kept.
            WrittenByNewerVersion: only a newer version of outbound-chat can cancel it.
        """
        return self._run(jobs.cancel(self._context, job_id))

    def cancel_jobs(
        self, job_ids: Iterable[str], *, on_progress: Callable[[Cancellation], None] | None = None
    ) -> Cancellation:
        """Stops many jobs, each as `cancel` does, 200 a round trip, and returns what became of them.

        An unknown id does not stop the others. `on_progress` is called after each round trip with the counts so far,
        and with the ids that this round trip adds to `unknown` and `newer`. Called again with the same ids, it changes
        nothing more.
        """
        return self._run(cancelling.cancel_jobs(self._context, several("job_ids", job_ids), on_progress))

    def wait(self, job_id: str, timeout: float = 30.0, *, until: Until = "final") -> Job:
        """Waits until the job is final, and returns it within milliseconds after that.

        `until`: what to wait for after the job is `sent`: `ended`, until its contact has ended; `delivered`, until it
        is known what became of the message, which need not be `delivered`. Both also end once nothing can come: the job
        was not sent; nobody brings contact events to its budget; or, for `delivered`, the contact has ended and no
        receipt was ever matched in its budget. Then `contact` or `delivery` says what is known, often `unknown`.

        Raises:
            UnknownJob: no job has this id, or its record is no longer kept.
            InvalidJob: `until` is invalid.
            WaitTimeout: it had not come after `timeout` seconds. The job continues; `why` explains what it waits for.
        """
        check_until(until)
        return self._wait(job_id, lambda: jobs.status(self._context, job_id), timeout, until)

    # Batches

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
        """Enqueues many messages as one batch, hundreds per round trip, in constant memory.

        `rows` are mappings with `to` and any option of a single job. A reader reports a row that it can't read by
        yielding an `InvalidJob`. `shared` are options for all rows, stored once; a row's own options take precedence.
        An invalid row is rejected without affecting the others: rejections are passed to `on_rejected`, or else
        returned in the receipt. `on_progress(accepted, rejected)` is called after each chunk.

        With a `batch_key` (1 to 255 characters, known to one tenant and budget), an interrupted call can be repeated
        with the same rows and options: it resumes where it stopped, and accepts no row twice. If the batch was already
        closed, the call returns the receipt again, marked `repeated`. `on_start` is called before the first row is
        accepted, after a few hundred were read. If `rows` fails before a row was accepted, no batch is created.

        Raises:
            InvalidJob: an option of the batch is invalid. Nothing was stored.
            TypeError: `rows` is a string, a single mapping, or not iterable. Nothing was stored.
            BatchKeyConflict: the key belongs to a batch with another name or other options. Nothing was stored.
            BatchClosed: the batch was cancelled meanwhile.
            NotDurable: all rows were accepted, but Redis did not confirm the `durability` of all of them.
        """
        batch = BatchWriter(
            self._context,
            {**shared, "sender": sender},
            name=name,
            on_rejected=on_rejected,
            on_progress=on_progress,
            batch_key=batch_key,
            on_start=on_start,
        )
        try:
            self._run(batch.prepare())
            for row in several("rows", rows, is_one=Mapping):
                if batch.add(row):
                    self._run(batch.flush())
            return self._run(batch.close())
        except NotDurable:  # of the whole batch, which is closed
            raise
        except BaseException as error:
            # Who ends the program does not wait for Redis.
            if isinstance(error, Exception):
                with suppress(Exception):  # what it raises is no news beside the first error
                    self._run(batch.settle())
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
        """Checks rows as `enqueue_batch` does, stores nothing, and predicts when they would be sent.

        It takes constant memory. Redis is only read after the last row; if it can't be reached, the budget is assumed
        to be idle.

        Raises:
            InvalidJob: an option of the batch is invalid.
        """
        with closing(BatchPreflight(self._context, {**shared, "sender": sender}, on_rejected, on_progress)) as flight:
            for row in several("rows", rows, is_one=Mapping):
                flight.add(row)
            try:
                return flight.result(*self._run(flight.ask()))
            except StoreUnavailable:
                return flight.result(int(time.time() * 1000), None)

    def earlier_batches(
        self, *, sender: str, batch_key: FileKey, name: str = "", **shared: Unpack[BatchOptions]
    ) -> list[EarlierBatch]:
        """Returns the batches that went out before with the same key, file or name, or with nearly the same numbers.

        It takes what `enqueue_batch` takes, and begins nothing. The newest comes first. They are found for 30 days, and
        as long as their records are kept; of each file, name and set of numbers the two that were begun last.

        Raises:
            InvalidJob: an option of the batch is invalid.
        """
        return self._run(earlier_batches(self._context, {**shared, "sender": sender}, name, batch_key))

    def batch(self, batch_id: str) -> Batch:
        """Returns the current state of a batch, with live counts.

        Raises:
            UnknownBatch: no batch has this id, or its record is no longer kept.
        """
        return self._run(progress.batch(self._context, batch_id))

    def wait_batch(self, batch_id: str, timeout: float = 600.0) -> Batch:
        """Waits until the batch is final, and returns it.

        Raises:
            UnknownBatch: no batch has this id, or its record is no longer kept.
            WaitTimeout: it was not final after `timeout` seconds. The batch continues; `why` explains its next job.
        """
        return self._wait(batch_id, lambda: progress.batch(self._context, batch_id, with_pace=False), timeout)

    def batches(
        self,
        *,
        budget: str | None = None,
        sender: str | Collection[str] | None = None,
        tenant: str | None = None,
        open: bool = False,  # noqa: A002  # the word that batches have for it
        cursor: str | None = None,
        limit: int = 50,
    ) -> BatchPage:
        """Returns a page of a budget's batches: those that are not final, newest first, then those that ended last.

        `sender`: one or several names. `open`: only batches that are not final. `limit`: 1 to 100. A page may be short
        or empty if few of many batches match: continue until `cursor` is None. A batch that ends between two pages may
        be listed twice.

        Raises:
            InvalidJob: `cursor` or `limit` is invalid.
            SettingsError: the settings have no such budget, or there are several and `budget` is missing.
        """
        chosen = lists.Chosen(budget=budget, sender=sender, tenant=tenant, open=open)
        return self._run(lists.batches(self._context, chosen, cursor, limit))

    def each_batch(
        self,
        *,
        budget: str | None = None,
        sender: str | Collection[str] | None = None,
        tenant: str | None = None,
        open: bool = False,  # noqa: A002  # as above
    ) -> Iterator[Batch]:
        """Yields all batches that match, in the order of `batches`, reading page by page.

        Raises:
            SettingsError: the settings have no such budget, or there are several and `budget` is missing.
        """
        chosen = lists.Chosen(budget=budget, sender=sender, tenant=tenant, open=open)
        for page in _pages(lambda cursor: self._run(lists.batches(self._context, chosen, cursor, MOST_BATCHES))):
            yield from page.batches

    def batch_jobs(
        self, batch_id: str, state: JobState | str | None = None, cursor: str | None = None, limit: int = 100
    ) -> JobPage:
        """Returns a page of a batch's jobs in the order of its rows, optionally only those in one state.

        `limit`: 1 to 500. A page may be short or empty if few of many jobs are in the state: continue until `cursor` is
        None. Jobs whose record is no longer kept are not listed.

        Raises:
            UnknownBatch: no batch has this id, or its record is no longer kept.
            InvalidJob: `state`, `cursor` or `limit` is invalid.
        """
        return self._run(lists.batch_jobs(self._context, batch_id, state, cursor, limit))

    def each_batch_job(self, batch_id: str, state: JobState | str | None = None) -> Iterator[Job]:
        """Yields all jobs of a batch in the order of its rows, optionally only those in one state.

        Raises:
            UnknownBatch: no batch has this id, or its record is no longer kept.
            InvalidJob: `state` is invalid.
        """
        for page in _pages(lambda cursor: self.batch_jobs(batch_id, state, cursor, MOST_JOBS)):
            yield from page.jobs

    def is_file_of(self, batch_id: str, file: FileKey) -> bool | None:
        """Returns whether all rows of a batch came from this file, byte by byte; None if that is not known.

        It is known if every call that enqueued the batch used the `FileKey` of a file, as `send-batch` does.

        Raises:
            UnknownBatch: no batch has this id, or its record is no longer kept.
        """
        return self._run(progress.is_file_of(self._context, batch_id, file.content))

    def cancel_batch(self, batch_id: str) -> Batch:
        """Cancels all jobs of a batch that have not been sent, closes the batch, and returns it.

        As soon as it is called, no further call is started for the batch. The result of calls that are already in
        flight decides about their jobs. A producer that is still adding rows gets `BatchClosed`.

        Raises:
            UnknownBatch: no batch has this id, or its record is no longer kept.
        """
        return self._run(holds.cancel_batch(self._context, batch_id))

    def cancel_batch_jobs(
        self,
        batch_id: str,
        *,
        rows: str | None = None,
        state: JobState | str | None = None,
        on_progress: Callable[[Cancellation], None] | None = None,
    ) -> Cancellation:
        """Stops a part of a batch, each of its jobs as `cancel` does, 200 a round trip; returns what became of them.

        `rows`: those of its file or iterable, counted from 1, as a text: `"7"`, `"15001-20000"`, `"15001-"` up to the
        last that it has now, or several, separated by commas; without it all. `state`: only jobs that are `scheduled`,
        `queued` or `sending`. The batch stays open. While this runs, its other jobs are sent; `hold` it first if those
        that are named must not be. `on_progress` is as for `cancel_jobs`.

        Raises:
            InvalidJob: `rows` or `state` is invalid.
            UnknownBatch: no batch has this id, or its record has passed its lifetime.
        """
        return self._run(cancelling.cancel_batch_jobs(self._context, batch_id, rows, state, on_progress))

    def cancel_tenant(self, tenant: str) -> int:
        """Cancels all waiting jobs of a tenant, in all budgets and batches, and returns how many this call cancelled.

        If there are more than 200, workers cancel some of them too, which are not counted. Jobs that are enqueued for
        the tenant while this runs may be cancelled too. Later ones are not.

        Raises:
            InvalidJob: `tenant` is not a valid name.
        """
        return self._run(holds.cancel_all_of(self._context, {"tenant": tenant}))

    def cancel_sender(self, sender: str) -> int:
        """Stops all waiting jobs of a sender, in all batches, as `cancel_tenant` does; returns how many were cancelled.

        Raises:
            SettingsError: the settings have no such sender.
        """
        return self._run(holds.cancel_all_of(self._context, {"sender": sender}))

    # Jobs that failed

    def dead_letters(self, *, limit: int = 100, cursor: str | None = None, **chosen: Unpack[DeadFilter]) -> DeadLetters:
        """Returns a page of the failed and uncertain jobs of a budget, newest first.

        Replayed jobs are not listed; a replay is, if it fails too. Jobs are listed for `results.keep`, and can be
        replayed for `results.keep_requests`. `limit`: 1 to 500. `cursor`: that of the previous page.

        Raises:
            InvalidJob: a filter, `limit` or `cursor` is invalid.
            SettingsError: the settings have no such budget, or there are several and `budget` is missing.
        """
        return self._run(dead_letters.dead_letters(self._context, chosen, limit, cursor))

    def each_dead_letter(self, **chosen: Unpack[DeadFilter]) -> Iterator[Job]:
        """Yields all failed and uncertain jobs that match, newest first, reading page by page.

        Raises what `dead_letters` raises.
        """
        for page in _pages(lambda cursor: self.dead_letters(limit=MOST_JOBS, cursor=cursor, **chosen)):
            yield from page.jobs

    def count_dead(self, budget: str | None = None) -> Mapping[tuple[JobState, str], int]:
        """Counts the failed and uncertain jobs of a budget that were not replayed, by state and code."""
        return self._run(dead_letters.count_dead(self._context, budget))

    def replay(self, job_id: str, *, force: bool = False, **changes: Unpack[ReplayOptions]) -> Job:
        """Sends the message of a failed or uncertain job again, as a new job, and returns the new job.

        As long as the client token is valid, the new job uses the same one, so the customer is texted only once even if
        the old job did reach Connect. `changes` replace parts of the request, which requires a new token. A second call
        with the same changes returns the same new job.

        Raises:
            UnknownJob: no job has this id, or its record is no longer kept.
            NotReplayable: it did not fail, its request is no longer kept, or it was replayed with other changes.
            MissingEncryptionKey: its request is encrypted with a key that is not in the settings.
            DuplicateRisk: the customer might be texted twice. `force` accepts the risk.
            InvalidJob: the message is invalid, for example because the settings of its sender changed.
        """
        return self._run(dead_letters.replay(self._context, job_id, force=force, changes=changes))

    def replay_all(self, **chosen: Unpack[DeadFilter]) -> Iterator[Job]:
        """Replays all failed and uncertain jobs that match, and yields the new jobs.

        It raises what `replay` raises, at the job concerned. The jobs before that one are replayed.
        """
        for job in self.each_dead_letter(**chosen):
            yield self.replay(job.id)

    def start_replay(self, *, force: bool = False, **chosen: Unpack[DeadFilter]) -> BulkAction:
        """Starts a replay of all failed and uncertain jobs that match, which workers carry out; returns it.

        If the same one is running, that is returned. Jobs that fail after it began are not part of it. Each job is
        replayed and counted once, whatever happens to workers. What `replay` would refuse is counted in `refused`.

        Raises:
            InvalidJob: a filter is invalid, or 100 actions are running in the budget.
        """
        return self._run(actions.start_replay(self._context, chosen, force=force))

    def actions(self, budget: str | None = None) -> list[BulkAction]:
        """Returns the bulk actions of a budget, or of all, newest first: the last 100 of each, for at least 30 days."""
        return self._run(actions.actions(self._context, budget))

    def stop_action(self, action_id: str) -> BulkAction | None:
        """Stops a bulk action, which replays no further job, and returns it; None if there is none with this id."""
        return self._run(actions.stop_action(self._context, action_id))

    # Holds, pace and events

    @overload
    def hold(self, *, reason: str, budget: str) -> None: ...
    @overload
    def hold(self, *, reason: str, sender: str) -> None: ...
    @overload
    def hold(self, *, reason: str, instance: str) -> None: ...
    @overload
    def hold(self, *, reason: str, tenant: str) -> None: ...
    @overload
    def hold(self, *, reason: str, batch: str) -> None: ...
    def hold(self, *, reason: str, **target: Unpack[HoldTarget]) -> None:
        """Puts a budget, sender, instance, tenant or batch on hold until it is released. Name exactly one.

        Within a second, no further call is made for its jobs; calls already in flight finish. Jobs keep their places
        and attempts, and can still expire. The hold survives restarts. Holding it again replaces the reason.

        Raises:
            InvalidJob: not exactly one target is named, or the reason is empty.
            SettingsError: the settings have no such budget, sender or instance.
            UnknownBatch: no batch has this id.
            BatchClosed: the batch is final.
        """
        self._run(holds.hold(self._context, target, reason))

    @overload
    def release(self, *, budget: str) -> bool: ...
    @overload
    def release(self, *, sender: str) -> bool: ...
    @overload
    def release(self, *, instance: str) -> bool: ...
    @overload
    def release(self, *, tenant: str) -> bool: ...
    @overload
    def release(self, *, batch: str) -> bool: ...
    def release(self, **target: Unpack[HoldTarget]) -> bool:
        """Ends a person's hold. Returns False if there was none. If the system holds the target, one job is tried now.

        Raises:
            InvalidJob: not exactly one target is named.
            SettingsError: the settings have no such budget, sender or instance.
            UnknownBatch: `batch` is not the id of a batch.
        """
        return self._run(holds.release(self._context, target))

    def holds(self) -> list[Hold]:
        """Returns all holds, of people and of the system, in all budgets of the settings."""
        return self._run(holds.holds(self._context))

    def contact_closed(self, contact_id: str) -> bool:
        """Reports that the chat of a contact has ended, so that its instance has room for another chat.

        Chats are only counted on instances with `max_open_chats`, each until its duration has passed. Report chats that
        end earlier, for example from the contact events of Amazon Connect. Returns False if the chat was not counted,
        or no longer.
        https://docs.aws.amazon.com/connect/latest/adminguide/contact-events.html
        """
        return self._run(holds.contact_closed(self._context, contact_id))

    def ingest_contact_events(self, events: Iterable[object]) -> list[Outcome]:
        """Applies events about contacts and messages; returns the outcome of each, in their order.

        An event is JSON as text or bytes, or the object in it: as Amazon Connect, AWS End User Messaging SMS or Social
        sends it to EventBridge or SNS, with or without their envelopes. It frees the place of a chat that ended, and
        sets `contact` and `delivery` of its job. Late, repeated and disordered events do no harm, and a wrong event
        does not stop the others. It takes a round trip per budget and 100 events.
        https://docs.aws.amazon.com/connect/latest/adminguide/contact-events.html
        """
        return self._run(contact_events.ingest(self._context, events))

    def contact_event_status(self) -> list[ContactEventStatus]:
        """Returns for each budget what is known of its contact events: how many came, when, and what became of them.

        It takes a round trip per budget.
        """
        return self._run(contact_events.status(self._context))

    def budgets(self) -> list[BudgetStatus]:
        """Returns the status of all budgets: rate, jobs, workers and holds. It takes two round trips per budget."""
        return self._run(lists.budgets(self._context))

    def workers(self) -> list[WorkerStatus]:
        """Returns the workers of all budgets that were seen within the last 10 seconds, by budget and name.

        It takes a round trip per budget.
        """
        return self._run(lists.workers(self._context))

    def receipts(self, *, hours: int = 24) -> list[NumberReceipts]:
        """Returns of how many messages each source number got receipts, by hour, newest hour first.

        `hours`: how far back, 1 to 192. It is true also for messages whose job is not known. It takes a round trip per
        budget and 200 numbers and hours.

        Raises:
            InvalidJob: `hours` is invalid.
        """
        return self._run(lists.receipts(self._context, hours))

    def lanes(self, *, limit: int = 20) -> Lanes:
        """Returns the lanes with the most waiting jobs, and what stops each. `limit`: 1 to 50.

        It takes a round trip per budget.

        Raises:
            InvalidJob: `limit` is invalid.
        """
        return self._run(lists.lanes(self._context, limit))

    def history(self, *, budget: str | None = None, hours: int = 1, step: int = 1) -> History:
        """Returns what a budget did in the last `hours` (1 to 72), in points of `step` minutes (1 to 1,440).

        Workers write the counts down once a minute. If none ran for some time, one point covers all of it. It takes a
        round trip.

        Raises:
            InvalidJob: `hours` or `step` is invalid.
            SettingsError: the settings have no such budget, or there are several and `budget` is missing.
        """
        return self._run(lists.history(self._context, budget, hours, step))

    def events(self, *, since: int = 0, budget: str | None = None, wait: float = 0.0) -> Events:
        """Returns up to 500 events of a budget after the event with the number `since`, oldest first.

        About 10,000 events are kept; `missed` says how many were trimmed before they could be read. `wait`: seconds to
        wait for the first event. Pass `next` as `since` in the next call.

        Raises:
            InvalidJob: `since` is below 0.
            SettingsError: the settings have no such budget, or there are several and `budget` is missing.
        """
        deadline = deadline_of(wait, "wait")
        while True:
            found = self._run(lists.events(self._context, budget, since))
            if found.events or found.missed or time.monotonic() >= deadline:
                return found
            time.sleep(POLL_SECONDS)

    def each_event(self, *, since: int = 0, budget: str | None = None, follow: bool = False) -> Iterator[Event]:
        """Yields the events of a budget after the event with the number `since`, oldest first, reading page by page.

        It ends after the last event; with `follow` it waits for new ones and never ends. Events that were trimmed
        before they could be read are missing. To continue after an error, pass the number of the last event as `since`.

        It raises what `events` raises.
        """
        found = None
        while found is None or follow or len(found.events) == lists.MOST_EVENTS:
            found = self.events(since=since, budget=budget, wait=inf if follow else 0.0)
            yield from found.events
            since = found.next

    # Suppression lists

    def suppress(
        self,
        numbers: Iterable[str],
        *,
        sender: str,
        reason: str = "",
        on_rejected: OnRejected | None = None,
        on_progress: OnProgress | None = None,
    ) -> int:
        """Adds numbers to the suppression list of a sender, and returns how many are new.

        A second after this returns, no further call is made for them. Their jobs, in any batch, end as `failed` with
        the code `suppressed` when their turn comes. `numbers`: any number of phone numbers in E.164 form, 500 per round
        trip, in constant memory. `reason`: at most 200 characters. Adding a number again changes nothing.

        All valid numbers are stored. `on_rejected` receives each invalid one, by its position; without it, an error at
        the end lists them. `on_progress(stored, rejected)` is called after each chunk.

        Raises:
            SettingsError: the settings have no such sender.
            InvalidJob: the reason is too long. Nothing was stored.
            InvalidNumbers: some numbers are invalid. The valid ones were stored.
            MissingEncryptionKey: the list is encrypted with a key that is not in the settings. `unsuppress` and
                `suppressed` raise it too.
        """
        return self._write(numbers, suppression.suppress(self._context, sender, reason, on_rejected, on_progress))

    def unsuppress(
        self,
        numbers: Iterable[str],
        *,
        sender: str,
        on_rejected: OnRejected | None = None,
        on_progress: OnProgress | None = None,
    ) -> int:
        """Removes numbers from the suppression list of a sender, and returns how many were on it.

        Waiting jobs are sent again; jobs that already ended because of the list stay ended. The parameters are those of
        `suppress`.

        Raises:
            SettingsError: the settings have no such sender.
            InvalidNumbers: some numbers are invalid. The valid ones were removed.
        """
        return self._write(numbers, suppression.unsuppress(self._context, sender, on_rejected, on_progress))

    def suppressed(self, numbers: Iterable[str] | None = None, *, sender: str) -> Iterator[SuppressedNumber]:
        """Yields the given numbers that are on the suppression list of a sender; without `numbers`, the whole list.

        Numbers are read while you iterate, 500 per round trip. A number may come twice if the list changes meanwhile.

        Raises:
            SettingsError: the settings have no such sender.
            InvalidNumbers: at the end, if some numbers are invalid.
        """
        listed = SenderList(self._context, sender).own
        return self._all(listed) if numbers is None else self._those(listed, several("numbers", numbers))

    def suppressed_page(self, *, sender: str, cursor: str | None = None) -> SuppressedPage:
        """Returns a page of the suppression list of a sender, about 500 numbers. `cursor`: that of the previous page.

        A number may come twice if the list changes meanwhile.

        Raises:
            SettingsError: the settings have no such sender.
            InvalidJob: `cursor` is invalid.
        """
        return self._run(suppression.suppressed_page(self._context, sender, cursor))

    def rewrite_suppressed(self, *, sender: str, on_progress: Callable[[int], None] | None = None) -> int:
        """Rewrites the suppression list of a sender according to the current settings, and returns its length.

        Use it after switching encryption on or off, changing its newest key, or moving the sender to another budget:
        numbers of its former lists are copied. The list remains in effect meanwhile; times and reasons are kept.
        `on_progress(entries)` is called about every 500 entries. A second run changes nothing.

        Raises:
            SettingsError: the settings have no such sender.
            MissingEncryptionKey: the list is encrypted with a key that is not in the settings.
        """
        return self._run(SenderList(self._context, sender).rewrite(on_progress))

    # Webhooks

    def webhook_hosts(self) -> list[WebhookHost]:
        """Returns the hosts that webhooks are posted to, in all budgets of the settings, at most 500 of each."""
        return self._run(webhooks.webhook_hosts(self._context))

    def dead_webhooks(self, *, limit: int = 100, skip: int = 0, budget: str | None = None) -> list[DeadWebhook]:
        """Returns the dead webhooks of a budget, newest first. They are listed for `results.keep`.

        `limit`: 1 to 500. `skip`: how many of the newest to skip.

        Raises:
            InvalidJob: `limit` or `skip` is out of range.
            SettingsError: the settings have no such budget, or there are several and `budget` is missing.
        """
        return self._run(webhooks.dead_webhooks(self._context, budget, skip, limit))

    def replay_webhooks(self, ids: Sequence[str]) -> dict[str, bool]:
        """Posts dead webhooks again, with the same ids. Returns for each id whether it was a dead webhook."""
        return self._run(webhooks.replay_webhooks(self._context, several("ids", ids)))

    def replay_all_webhooks(self, budget: str | None = None) -> int:
        """Posts all dead webhooks of a budget again, and returns how many.

        Raises:
            SettingsError: the settings have no such budget, or there are several and `budget` is missing.
        """
        return self._run(webhooks.replay_all_webhooks(self._context, budget))

    # Connections

    def ping(self) -> None:
        """Returns as soon as Redis answers."""
        _ = self._context.settings  # raises if there are none: the store would ask a Redis that nobody named
        self._store.ping()

    def close(self) -> None:
        """Closes the connections to Redis. Afterwards, other methods raise `ClientClosed`; closing again does nothing.

        A connection that another thread is using is closed when the client is garbage-collected.
        """
        if store := self._take().get("_store"):
            store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _wait(self, id_: str, read: Callable[[], Steps[Ending]], timeout: float, until: Until = "final") -> Ending:
        deadline = deadline_of(timeout)
        with self._store.listen(self._context.channel(id_)) as listener:
            while not (over := self._run(is_over(self._context, found := self._run(read()), until))):
                if (left := deadline - time.monotonic()) <= 0:
                    break
                listener.wait(min(left, REREAD_SECONDS))
        return found if over else self._run(time_is_over(self._context, found, until))

    def _run(self, steps: Steps[T]) -> T:
        return run(steps, self._store)

    def _write(self, numbers: Iterable[object], writer: suppression.NumberWriter) -> int:
        for number in several("numbers", numbers):
            if writer.add(number):
                self._run(writer.flush())
        return self._run(writer.close())

    def _all(self, listed: NumberList) -> Iterator[SuppressedNumber]:
        cursor = ""
        while cursor != FIRST_PAGE:
            cursor, page = self._run(listed.page(cursor or FIRST_PAGE))
            yield from page

    def _those(self, listed: NumberList, numbers: Iterable[object]) -> Iterator[SuppressedNumber]:
        chunk = suppression.Chunk()
        for number in numbers:
            if chunk.add(number):
                yield from self._run(listed.among(chunk.take()))
        yield from self._run(listed.among(chunk.take()))
        chunk.check()


def _pages(read: Callable[[str | None], Page]) -> Iterator[Page]:
    page = read(None)
    yield page
    while page.cursor is not None:
        page = read(page.cursor)
        yield page


show_options(OutboundChat)
