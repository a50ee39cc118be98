"""The client in memory, and what a test decides with it."""

import asyncio
from collections.abc import Callable
from copy import copy
from datetime import timedelta
from typing import Any, TypeVar

from outbound_chat.client import AsyncOutboundChat, OutboundChat
from outbound_chat.client.steps.base import Steps
from outbound_chat.client.steps.context import Context, NoContext
from outbound_chat.model.batches import Batch
from outbound_chat.model.jobs import Job, JobState
from outbound_chat.store import Keys, Store
from outbound_chat.testing._clock import Clock
from outbound_chat.testing._jobs import EnqueuedJob, make_sender
from outbound_chat.testing._store import MemoryStore
from outbound_chat.testing._worker import Worker, end_of
from outbound_chat_config import Settings

Ending = TypeVar("Ending", Job, Batch)


class InMemoryOutboundChat(OutboundChat):
    """The client of production, on a Redis in memory that belongs to it alone.

    It accepts and refuses what production does, with the same errors. No worker runs: `wait`, `wait_batch` and
    `finish_all` end all jobs that are due, `sent` unless the test has decided otherwise, as though no pace and no quota
    held them up. A wait takes no time: what is not final then, such as a job for later, is a `WaitTimeout` at once.
    """

    # Those of production, also while `in_memory` replaces them in the clients of the application.
    _run = OutboundChat._run  # noqa: SLF001
    _wait_in_production = OutboundChat._wait  # noqa: SLF001

    def __init__(self, **values: Any) -> None:
        """Takes settings as `OutboundChat` does.

        Without senders it has two of `outbound-chat dev`: `demo` sends SMS, and `demo-whatsapp` WhatsApp.

        Raises:
            SettingsError: a value is invalid.
            ModuleNotFoundError: the extra `testing` is not installed.
        """
        self._setup(Settings.from_values(**values), None)

    def _setup(self, settings: Settings, store: Store | None) -> None:
        if not settings.senders:
            ours = Settings.from_values(senders={"demo": make_sender(), "demo-whatsapp": make_sender("whatsapp")})
            budgets = {**ours.budgets, **settings.budgets}
            settings = settings.model_copy(update={"senders": ours.senders, "budgets": budgets})
        self.clock = Clock(self._moved)
        """The time by which jobs become due and expire. The test moves it."""
        self.enqueued: list[EnqueuedJob] = []
        """All jobs that were accepted, in their order: single ones, rows of batches, and replays."""
        self._memory = MemoryStore(settings.key_prefix, self.clock, self._note)
        super()._setup(settings, store or self._memory)
        self._context.now = self.clock.now
        self._worker = Worker(self, self._memory)
        self._worker.serve(self._context)

    def finish(self, job: str | Job | EnqueuedJob, state: JobState | str = JobState.SENT, *, code: str = "") -> Job:
        """Ends a job now, and returns it.

        `state`: `sent`, `failed`, `uncertain`, or `expired`, which moves the clock to its `expires_at`. `code`: of its
        `error`; by default `refused` if it failed, and `no_answer` if that is uncertain.

        Raises:
            ValueError: it can't end so: it is final, is not due yet, is held, or its number is suppressed.
            UnknownJob: no job has this id.
        """
        end, job_id = end_of(state, code), job if isinstance(job, str) else job.id
        before = self.status(job_id)
        if not before.final and state == JobState.EXPIRED:
            self.clock.set(before.expires_at)
        elif not before.final:
            self._worker.work(job_id.rpartition(".")[2], end)
        after = self.status(job_id)
        if before.final or after.state != state:
            why = self.why(job_id).explanation
            raise ValueError(f"job {job_id} can't end {state} now: it is {after.state}. {why}")
        return after

    def finish_as(self, state: JobState | str, *, code: str = "", to: str = "") -> None:
        """Decides how jobs end from now on when they are waited for. `to`: only those for this number.

        `state` and `code` are those of `finish`.

        Raises:
            ValueError: no job ends so.
        """
        self._worker.ends[to] = end_of(state, code)

    def finish_all(self) -> None:
        """Ends all jobs that are due, as `finish_as` has decided; `sent` by default."""
        expiring = self.statuses(self._worker.work())
        if ends := [job.expires_at for job in expiring.values() if job]:
            self.clock.set(max(ends))

    def asynchronous(self) -> AsyncOutboundChat:
        """Returns a client for asyncio with the same jobs. It may be used in any event loop."""
        kind: Any = type("AsyncInMemoryOutboundChat", (AsyncOutboundChat,), calls_of_asyncio(self))
        client: AsyncOutboundChat = kind.from_settings(self._context.settings)
        client._context = self._context  # noqa: SLF001  # of the client that was just made
        return client

    def adopt(self, context: Context) -> Context:
        """Returns the context of a client whose jobs are kept here: that has its settings, if they name a sender."""
        if isinstance(context, NoContext) or not context.settings.senders:
            return self._context
        self._worker.serve(context)
        adopted = copy(context)
        adopted.now = self.clock.now
        return adopted

    def _moved(self, by: timedelta) -> None:
        self._memory.age(by)
        self._worker.maintain()

    def _note(self, keys: Keys, job: Job, stored: str, shared: str) -> None:
        request = self._worker.decode(keys, stored)
        if shared:
            request = request.merged(self._worker.decode(keys, shared))
        call = request.api(self._worker.senders[job.sender], job.id)
        text = call.get("InitialSystemMessage", {}).get("Content")
        noted = EnqueuedJob(id=job.id, sender=job.sender, to=request.number, text=text, request=call, job=job)
        self.enqueued.append(noted)

    def _wait(self, id_: str, read: Callable[[], Steps[Ending]], timeout: float) -> Ending:
        del timeout
        self.finish_all()
        return self._wait_in_production(id_, read, 0.0)


Call = Callable[..., Any]


def calls_of_threads(chat: InMemoryOutboundChat) -> dict[str, Call]:
    """Returns what the methods of a client do, by their names, if its jobs are those of `chat`."""
    return {
        "_run": lambda _, steps: chat._run(steps),  # noqa: SLF001  # of a client like the other
        "_wait": lambda _, id_, read, timeout, **__: chat._wait(id_, read, timeout),  # noqa: SLF001
        "ping": lambda _: None,
    }


def calls_of_asyncio(chat: InMemoryOutboundChat) -> dict[str, Call]:
    """Returns the same for a client for asyncio."""
    return {name: _asynchronous(call) for name, call in calls_of_threads(chat).items()}


def _asynchronous(call: Call) -> Call:
    async def awaited(*args: Any, **options: Any) -> Any:
        await asyncio.sleep(0)  # others have their turn, as while Redis works
        return call(*args, **options)

    return awaited
