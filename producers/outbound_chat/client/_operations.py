"""What operators do with failed jobs, whole batches and events: the client for threads."""

import time
from collections.abc import Collection, Iterator, Mapping
from typing import Any, TypeVar, Unpack

from outbound_chat.client.options import DeadFilter, RequestOptions
from outbound_chat.client.steps import listing, lists as overview
from outbound_chat.client.steps.base import Steps
from outbound_chat.client.steps.batch_keys import FileKey
from outbound_chat.client.steps.dead_letters import Dead
from outbound_chat.client.steps.holds import Control, Target
from outbound_chat.client.steps.jobs import Verbs
from outbound_chat.model.jobs import Batch, Job, JobState
from outbound_chat.model.operations import BatchPage, BudgetStatus, DeadLetters, Events, Hold, JobPage, Lanes

T = TypeVar("T")

DEAD_PAGE = 500
EVENTS_PAGE = 500
POLL_SECONDS = 0.25
"""Between two looks of a follower that waits for events."""


class Operations:
    """Verbs of a client beyond single jobs."""

    _verbs: Verbs
    _control: Control

    def _run(self, steps: Steps[T]) -> T:
        raise NotImplementedError

    def hold(
        self,
        *,
        reason: str,
        budget: str | None = None,
        sender: str | None = None,
        instance: str | None = None,
        tenant: str | None = None,
        batch: str | None = None,
    ) -> None:
        """Stops a budget, sender, instance, tenant or batch, of which exactly one is named, until it is released.

        Within a second no further call is made for its jobs; those that run end. Jobs keep their places and attempts,
        and expire as ever. The hold outlives restarts. Twice: the new reason stands.

        Raises:
            InvalidJob: none or several are named, or the reason is empty.
            SettingsError: the settings have no such budget, sender or instance.
            UnknownBatch: no batch has this id.
            BatchClosed: the batch is final.
        """
        target = Target(budget=budget, sender=sender, instance=instance, tenant=tenant, batch=batch)
        self._run(self._control.hold(target, reason))

    def release(
        self,
        *,
        budget: str | None = None,
        sender: str | None = None,
        instance: str | None = None,
        tenant: str | None = None,
        batch: str | None = None,
    ) -> bool:
        """Ends a person's hold; False: there was none. A hold of the system on the same scope is probed at once.

        Raises:
            InvalidJob: none or several are named.
            SettingsError: the settings have no such budget, sender or instance.
            UnknownBatch: the text is no id of a batch.
        """
        return self._run(
            self._control.release(Target(budget=budget, sender=sender, instance=instance, tenant=tenant, batch=batch))
        )

    def holds(self) -> list[Hold]:
        """Everything that is stopped, by a person or by the system, in all budgets of the settings."""
        return self._run(self._control.holds())

    def contact_closed(self, contact_id: str) -> bool:
        """Says that the chat of a contact has ended, so that its instance has room for another.

        Only chats of instances with `max_open_chats` are counted, for as long as their duration says; tell of those
        that end earlier, for example from the contact events of Amazon Connect. False: it was not counted (any more).
        https://docs.aws.amazon.com/connect/latest/adminguide/contact-events.html
        """
        return self._run(self._control.contact_closed(contact_id))

    def cancel_batch(self, batch_id: str) -> Batch:
        """Stops all jobs of a batch that were not sent yet, closes it, and returns it.

        No job of it is claimed from the first moment on. Of those that a worker is calling, the answer of that call
        decides. Its producer, should it still add rows, gets `BatchClosed`.

        Raises:
            UnknownBatch: no batch has this id, or its record has passed its lifetime.
        """
        self._run(self._control.cancel_batch(batch_id))
        return self._run(self._verbs.batch(batch_id))

    def is_file_of(self, batch_id: str, file: FileKey) -> bool | None:
        """Whether all rows of a batch came from the file, byte by byte; None: it is not known.

        It is known of batches that were enqueued with a `FileKey`, as `send-batch` does, and by no call without it or
        with that of another file.

        Raises:
            UnknownBatch: no batch has this id, or its record has passed its lifetime.
        """
        return self._run(self._verbs.is_file_of(batch_id, file.content))

    def cancel_tenant(self, tenant: str) -> int:
        """Stops all waiting jobs of a tenant, in all budgets and batches; how many were cancelled.

        Jobs that the tenant enqueues while this runs may be cancelled too; later ones are not.

        Raises:
            InvalidJob: this can be no tenant's name.
        """
        return self._run(self._control.cancel_tenant(tenant))

    def budgets(self) -> list[BudgetStatus]:
        """How all budgets of the settings are doing: pace, jobs, workers, holds. Two round trips each."""
        return self._run(overview.budgets(self._verbs))

    def lanes(self, *, limit: int = 20) -> Lanes:
        """The lanes with the most waiting jobs, and what stops each. `limit`: 1 to 50. A round trip a budget.

        Raises:
            InvalidJob: the limit is none.
        """
        return self._run(overview.lanes(self._verbs, limit))

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
        """A page of a budget's batches: those that are not final, the newest first, then those that ended last.

        `sender`: one, or several. `open`: only those that are not final. `limit`: 1 to 100. A page has fewer, even none
        where few of many batches fit: go on until `cursor` is None. A batch that ends between two pages may come twice.

        Raises:
            InvalidJob: the cursor or the limit is none.
            SettingsError: the settings have no such budget, or several and none is named.
        """
        chosen = listing.Chosen(budget=budget, sender=sender, tenant=tenant, open=open)
        return self._run(listing.batches(self._verbs, chosen, cursor, limit))

    def batch_jobs(
        self, batch_id: str, state: JobState | str | None = None, cursor: str | None = None, limit: int = 100
    ) -> JobPage:
        """A page of a batch's jobs in the order of its rows, of one state or of all.

        `limit`: 1 to 500. A page has fewer, even none, where few of many rows have the state: go on until `cursor`
        is None. Jobs whose record has passed its lifetime are not listed.

        Raises:
            UnknownBatch: no batch has this id, or its record has passed its lifetime.
            InvalidJob: there is no such state, or the cursor is none.
        """
        return self._run(overview.batch_jobs(self._verbs, batch_id, state, cursor, limit))

    def dead_letters(self, *, limit: int = 100, cursor: str | None = None, **chosen: Unpack[DeadFilter]) -> DeadLetters:
        """A page of the failed and uncertain jobs of a budget, the newest first.

        A job that was replayed is listed no more; its replay is, should it fail. Jobs are listed for `results.keep`,
        and can be replayed for `results.keep_requests`.
        `limit`: 1 to 500; a page may have a few more. `cursor`: of the page before.

        Raises:
            InvalidJob: a filter has no such value.
            SettingsError: the settings have no such budget, or several and none is named.
        """
        options: dict[str, Any] = {**chosen, "limit": limit, "cursor": cursor}
        return self._run(Dead(self._verbs).page(options))

    def each_dead_letter(self, **chosen: Unpack[DeadFilter]) -> Iterator[Job]:
        """All failed and uncertain jobs that fit, the newest first, read page by page.

        Raises what `dead_letters` raises.
        """
        cursor: str | None = None
        while True:
            page = self.dead_letters(limit=DEAD_PAGE, cursor=cursor, **chosen)
            yield from page.jobs
            cursor = page.cursor
            if cursor is None:
                return

    def count_dead(self, budget: str | None = None) -> Mapping[tuple[JobState, str], int]:
        """How many failed and uncertain jobs a budget has that were not replayed, by state and code."""
        return self._run(Dead(self._verbs).counts(budget))

    def replay(self, job_id: str, *, force: bool = False, **changes: Unpack[RequestOptions]) -> Job:
        """Sends a failed or uncertain job once more, as a new job that points to it; the new job.

        It has the same token, as long as that is valid, so the customer is texted once whatever became of the old one.
        `changes` replace parts of the request; that needs a new token. Twice: the same new job, as long as it is known
        to have the same changes.

        Raises:
            UnknownJob: no job has this id, or its record has passed its lifetime.
            NotReplayable: it did not fail, its request is kept no more, or was replayed already without these changes.
            MissingKey: its request is encrypted with a key that the settings lack.
            Unprotected: the customer might be texted twice; `force` accepts that.
            InvalidJob: what would be sent is refused, for example since its sender was changed.
        """
        return self._run(Dead(self._verbs).replay(job_id, force=force, changes=changes))

    def replay_all(self, **chosen: Unpack[DeadFilter]) -> Iterator[Job]:
        """Replays all failed and uncertain jobs that fit, and yields the new ones.

        Raises what `replay` raises, at the job it concerns; those before it are replayed.
        """
        for job in self.each_dead_letter(**chosen):
            yield self.replay(job.id)

    def events(self, *, since: int = 0, budget: str | None = None, wait: float = 0.0) -> Events:
        """What happened in a budget since an event's number, up to 500 events, the oldest first.

        The last 10,000 events or so are kept; `missed` says how many were trimmed before they were read. `wait`:
        seconds to wait for the first. Give `next` as `since` the next time.

        Raises:
            SettingsError: the settings have no such budget, or several and none is named.
        """
        deadline = time.monotonic() + wait
        while True:
            found = self._run(self._verbs.events(budget, since, EVENTS_PAGE))
            if found.events or found.missed or time.monotonic() >= deadline:
                return found
            time.sleep(POLL_SECONDS)
