"""The client in memory, with which a test decides how jobs end."""

import asyncio
from collections.abc import Callable, Mapping
from copy import copy
from datetime import timedelta
from typing import Any
from weakref import WeakKeyDictionary

from outbound_chat.client import AsyncOutboundChat, OutboundChat
from outbound_chat.client.steps.base import Steps, ask
from outbound_chat.client.steps.context import Context, NoContext
from outbound_chat.client.steps.waits import Ending, Until, deadline_of, is_over, time_is_over
from outbound_chat.model.contact_events import Change
from outbound_chat.model.contacts import Basis, DeliveryState
from outbound_chat.model.ids import split_id
from outbound_chat.model.jobs import Job, JobState
from outbound_chat.model.times import to_ms
from outbound_chat.request._names import closest
from outbound_chat.store import Keys, Store, scripts
from outbound_chat.testing._clock import Clock
from outbound_chat.testing._jobs import EnqueuedJob, make_sender
from outbound_chat.testing._store import MemoryStore
from outbound_chat.testing._worker import Worker, end_of
from outbound_chat_config import Settings


class InMemoryOutboundChat(OutboundChat):
    """The real client, on a Redis in memory of its own.

    It accepts and refuses the same input as in production, with the same errors. No worker runs: `wait`, `wait_batch`
    and `finish_all` end all jobs that are due, without pace and quotas. They end as `sent` unless the test decides
    otherwise. A wait takes no time: if a job is not final, for example because it is for later, `WaitTimeout` is raised
    immediately.
    """

    # That of production, also while `in_memory` replaces it in the clients of the application.
    _run = OutboundChat._run  # noqa: SLF001

    def __init__(self, **values: Any) -> None:
        """Creates a client from settings, like `OutboundChat`.

        Without senders, it has two senders like `outbound-chat dev`: `demo` for SMS, and `demo-whatsapp` for WhatsApp.

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
        """The clock by which jobs become due and expire. The test moves it."""
        self.enqueued: list[EnqueuedJob] = []
        """All accepted jobs, in order: single jobs, rows of batches, and replays."""
        self._memory = MemoryStore(settings.key_prefix, self.clock, self._note, self._maintain)
        super()._setup(settings, store or self._memory)
        self._context.now = self.clock.now
        self._worker = Worker(self._run, self._memory)
        self._worker.serve(self._context)
        self._adopted: WeakKeyDictionary[Context, Context] = WeakKeyDictionary()

    def finish(self, job: str | Job | EnqueuedJob, state: JobState | str = JobState.SENT, *, code: str = "") -> Job:
        """Ends a job now, and returns it.

        `state`: `sent`, `failed`, `uncertain`, or `expired`, which moves the clock to its `expires_at`. `code`: that of
        its `error`; by default `refused` for `failed`, and `no_answer` for `uncertain`.

        Raises:
            ValueError: it can't end like this: it is final, not due yet, or held, or its number is suppressed.
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
        """Decides how jobs end from now on when the application waits for them. `to`: only jobs for this number.

        `state` and `code` are those of `finish`.

        Raises:
            ValueError: no job can end like this.
        """
        self._worker.ends[to] = end_of(state, code)

    def finish_all(self) -> None:
        """Ends all jobs that are due, as `finish_as` decided; by default as `sent`."""
        expiring = self.statuses(self._worker.work())
        if ends := [job.expires_at for job in expiring.values() if job]:
            self.clock.set(max(ends))

    def end_contact(self, job: str | Job | EnqueuedJob, reason: str = "CUSTOMER_DISCONNECT") -> Job:
        """Ends the contact of a job that was sent, as a contact event of Amazon Connect does, and returns the job.

        Raises:
            ValueError: the job is not `sent`.
            UnknownJob: no job has this id.
        """
        return self._tell(job, lambda contact_id: {"legs": {contact_id: [to_ms(self.clock.now()), reason]}})

    def deliver(
        self, job: str | Job | EnqueuedJob, state: DeliveryState | str = DeliveryState.DELIVERED, *, code: str = ""
    ) -> Job:
        """Lets a receipt say what became of the message of a job that was sent, and returns the job.

        `state`: any but `unknown`. As in production, a weaker receipt than the last changes nothing. `code`: why it is
        `undelivered`, such as `carrier_blocked`.

        Raises:
            ValueError: the job is not `sent`, or no receipt says this.
            UnknownJob: no job has this id.
        """
        said = set(DeliveryState) - {DeliveryState.UNKNOWN}
        if state not in said:
            raise ValueError(f"state {str(state)!r} {closest(state, sorted(said))}")
        basis = Basis.CONTACT if state == DeliveryState.ANSWERED else Basis.CONTEXT
        entry = [DeliveryState(state), to_ms(self.clock.now()), basis, code]
        return self._tell(job, lambda _: {"delivery": entry})

    def _tell(self, job: str | Job | EnqueuedJob, facts: Callable[[str], Mapping[str, object]]) -> Job:
        now = self.status(job if isinstance(job, str) else job.id)
        if now.contact_id is None:
            raise ValueError(f"job {now.id} has no contact: it is {now.state}; end it as sent first")
        budget = now.id.partition(".")[0]
        change = Change(budgets=[budget], values=[now.id], facts=facts(now.contact_id))
        self._run(ask(scripts.record_contacts(self._context.keys(budget), [change])))
        return self.status(now.id)

    def asynchronous(self) -> AsyncOutboundChat:
        """Returns a client for asyncio with the same jobs. It can be used in any event loop."""
        kind: Any = type("AsyncInMemoryOutboundChat", (AsyncOutboundChat,), calls_of_asyncio(self))
        client: AsyncOutboundChat = kind.from_settings(self._context.settings)
        return client

    def _adopt(self, context: Context) -> Context:
        """Returns the context of a client whose jobs are kept here, with its own settings if they name a sender."""
        if isinstance(context, NoContext) or not context.settings.senders:
            return self._context
        if context not in self._adopted:
            adopted = copy(context)
            # All clients share the keys, so that each finds the jobs of the others.
            prefix = self._context.settings.key_prefix
            adopted.settings = context.settings.model_copy(update={"key_prefix": prefix})
            adopted.now = self.clock.now
            self._adopted[context] = self._worker.serve(adopted)
        return self._adopted[context]

    def _moved(self, by: timedelta) -> None:
        self._memory.age(by)
        self._maintain()

    def _maintain(self) -> None:
        self._worker.maintain()

    def _note(self, keys: Keys, job: Job, stored: str, shared: str) -> None:
        context, request = self._worker.read(keys.budget, job.sender, stored)
        if shared:
            request = request.merged(self._worker.read(keys.budget, job.sender, shared)[1])
        call = request.api(context.settings.senders[job.sender], job.id)
        text = call.get("InitialSystemMessage", {}).get("Content")
        noted = EnqueuedJob(id=job.id, sender=job.sender, to=request.number, text=text, request=call, job=job)
        self.enqueued.append(noted)

    def _wait(self, id_: str, read: Callable[[], Steps[Ending]], timeout: float, until: Until = "final") -> Ending:
        return self._ended(self._context, id_, read, timeout, until)

    def _ended(
        self, context: Context, id_: str, read: Callable[[], Steps[Ending]], timeout: float, until: Until = "final"
    ) -> Ending:
        deadline_of(timeout)
        split_id(id_)
        self.finish_all()
        found = self._run(read())
        return found if self._run(is_over(context, found, until)) else self._run(time_is_over(context, found, until))


class _Adopted:
    """Replaces a client's `_context`: a property of the class hides the attribute of the instance."""

    def __init__(self, chat: InMemoryOutboundChat) -> None:
        self._chat = chat

    def __get__(self, client: Any, owner: type) -> Context:
        # As without it: a class has none, and neither has a client that was closed.
        if client is None or "_context" not in vars(client):
            raise AttributeError("_context", name="_context", obj=client)
        own: Context = vars(client)["_context"]
        return own if isinstance(client, InMemoryOutboundChat) else self._chat._adopt(own)  # noqa: SLF001

    def __set__(self, client: Any, context: Context) -> None:
        vars(client)["_context"] = context


Call = Callable[..., Any]


def calls_of_threads(chat: InMemoryOutboundChat) -> dict[str, Any]:
    """Returns what a client has in place of its own, by name, if its jobs are those of `chat`."""
    return {
        "_context": _Adopted(chat),
        "_run": _of_open(lambda _, steps: chat._run(steps)),  # noqa: SLF001  # of a client like the other
        "_wait": _of_open(lambda context, *given, **_: chat._ended(context, *given)),  # noqa: SLF001
        "ping": _of_open(lambda _: None),
    }


def calls_of_asyncio(chat: InMemoryOutboundChat) -> dict[str, Any]:
    """Returns the same for a client for asyncio."""
    return {name: _asynchronous(one) if callable(one) else one for name, one in calls_of_threads(chat).items()}


def _of_open(call: Call) -> Call:
    # A closed client has no context, and raises that it is closed.
    return lambda client, *args, **options: call(client._context, *args, **options)  # noqa: SLF001


def _asynchronous(call: Call) -> Call:
    async def awaited(*args: Any, **options: Any) -> Any:
        await asyncio.sleep(0)  # others have their turn, as while Redis works
        return call(*args, **options)

    return awaited
