"""Does the work of workers on jobs in memory, with the same scripts: claims due jobs, and records how each call ended.

It respects holds, quiet hours, suppression lists and the times of a job, but not pace and quotas.
"""

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from itertools import count
from typing import Any, TypeAlias

from outbound_chat.client.steps.actions import carry_out
from outbound_chat.client.steps.base import Steps
from outbound_chat.client.steps.context import Context
from outbound_chat.client.steps.suppression_list import NumberList
from outbound_chat.model.errors import MissingEncryptionKey
from outbound_chat.model.jobs import JobState
from outbound_chat.model.times import LAST_MS, in_ms
from outbound_chat.request import ChatRequest, codec
from outbound_chat.request.quiet_hours import next_open_ms
from outbound_chat.store import Keys, Store, scripts
from outbound_chat.store.scripts import Claimed, ClaimedJob, Outcome, Result
from outbound_chat.testing._jobs import check_code
from outbound_chat_config import Sender, Settings, callback_host

NAME = "in-memory"
PLENTY = 1_000_000
LEASE_MS = 60_000
_CODES = {JobState.SENT: "", JobState.FAILED: "refused", JobState.UNCERTAIN: "no_answer", JobState.EXPIRED: ""}


End: TypeAlias = tuple[JobState, str]
"""How a job ends, and the code of its error."""


def end_of(state: str, code: str = "") -> End:
    """Raises ValueError if no call of a worker can end like this, or if there is no such code."""
    check_code(code)
    if state not in _CODES:
        raise ValueError(f"a job must end as one of {', '.join(_CODES)}, not {state}")
    return JobState(state), code or _CODES[JobState(state)]


class Worker:
    """The worker of all budgets of clients in memory."""

    def __init__(self, run: Callable[[Steps[Any]], Any], store: Store) -> None:
        self._run = run
        self._store = store
        self._contexts: tuple[Context, ...] = ()  # the newest first
        self.ends = {"": end_of("sent")}
        """By number; the empty number is for all others."""
        self._claims = count()
        self._lock = threading.RLock()

    def serve(self, context: Context) -> Context:
        """Also works for the budgets and senders of these settings; returns the first context that had them."""
        with self._lock:
            for served in self._contexts:
                if served.settings == context.settings:
                    return served
            self._contexts = (context, *self._contexts)
        return context

    def read(self, budget: str, sender: str, stored: str) -> tuple[Context, ChatRequest]:
        """Reads a request; returns the context with its sender and key, and the request."""
        having = [context for context in self._contexts if sender in context.settings.senders]
        # One with keys reads what one without them wrote, and lists of both.
        *others, last = sorted(
            having, key=lambda one: (one.settings.senders[sender].budget != budget, not one.cipher.key_ids)
        )
        for context in others:
            with suppress(MissingEncryptionKey):
                return context, codec.decode(context.cipher, stored)
        return last, codec.decode(last.cipher, stored)

    def maintain(self) -> None:
        """Does the work that becomes due by time, and shows that a worker is running."""
        with self._lock:
            key_ids = sorted({key_id for context in self._contexts for key_id in context.cipher.key_ids})
            for keys, settings in self._budgets().items():
                self._configure(keys, settings)
                call = scripts.maintain(keys, worker=NAME, version=NAME, key_ids=key_ids)
                while self._store.run(call).expired:
                    pass

    def _budgets(self) -> dict[Keys, Settings]:
        oldest_first = self._contexts[::-1]
        return {one.keys(budget): one.settings for one in oldest_first for budget in one.settings.budgets}

    def _configure(self, keys: Keys, settings: Settings) -> None:
        senders = {name: one for context in self._contexts[::-1] for name, one in context.settings.senders.items()}
        call = scripts.configure(
            keys,
            version=NAME,
            rate=PLENTY,
            burst=PLENTY,
            max_pumps=1,
            keep_ms=in_ms(settings.results.keep),
            keep_requests_ms=in_ms(settings.results.keep_requests),
            senders={name: _limits(sender) for name, sender in senders.items()},
            weights=settings.budgets[keys.budget].weights,
            contacts=True,
        )
        self._store.run(call)

    def work(self, only: str = "", end: End | None = None) -> list[str]:
        """Sends due jobs of all budgets, or only the job with this local id, with this end.

        Returns the ids of jobs that will expire, for which no call is made.
        """
        expiring = []
        with self._lock:
            self.maintain()
            for context, budget in ((one, name) for one in self._contexts for name in one.settings.budgets if not only):
                while self._run(carry_out(context, budget)):
                    pass
            for keys in self._budgets():
                # Those that end may make room for others of their batch.
                while results := [
                    self._result(keys, job, claim, end) if only in {"", job.local_id} else _not_called(job, claim)
                    for claim, job in self._claimed(keys)
                ]:
                    for start in range(0, len(results), scripts.MOST_JOBS):
                        self._store.run(scripts.finish(keys, results[start : start + scripts.MOST_JOBS]))
                    expiring += [f"{keys.budget}.{one.local_id}" for one in results if one.not_before_ms == LAST_MS]
                    if only:
                        break
        return expiring

    def _claimed(self, keys: Keys) -> Iterator[tuple[str, ClaimedJob]]:
        while True:
            claim = f"{NAME}:{next(self._claims)}"
            most: dict[str, Any] = {"wanted": scripts.MOST_JOBS, "lease_ms": LEASE_MS, "linger_ms": 0}
            answer = self._store.run(scripts.claim(keys, pump=NAME, claim_id=claim, nonce="", **most))
            if not isinstance(answer, Claimed):
                return
            yield from ((claim, job) for job in answer.jobs)

    def _result(self, keys: Keys, job: ClaimedJob, claim: str, end: End | None) -> Result:
        result = partial(Result, local_id=job.local_id, claim=claim)
        context, request = self.read(keys.budget, job.sender, job.request)
        number, sender = request.number, context.settings.senders[job.sender]
        # Of an encrypted request the script does not know the number.
        if job.look and self._run(NumberList(keys, job.sender, context.cipher).among([number])):
            return result(outcome=Outcome.FAILED, code="suppressed")
        opens_ms = next_open_ms(sender, job.priority, number, job.claimed_ms)
        if opens_ms and opens_ms > job.claimed_ms:
            return result(outcome=Outcome.NOT_CALLED, not_before_ms=opens_ms)
        state, code = end or self.ends.get(number, self.ends[""])
        if state is JobState.SENT:
            return result(outcome=Outcome.SENT, contact_id=str(uuid.uuid4()))
        if state is JobState.EXPIRED:
            return result(outcome=Outcome.NOT_CALLED, not_before_ms=LAST_MS)
        return result(outcome=Outcome.FAILED, code=code, maybe_sent=state is JobState.UNCERTAIN)


def _not_called(job: ClaimedJob, claim: str) -> Result:
    return Result(local_id=job.local_id, claim=claim, outcome=Outcome.NOT_CALLED)


def _limits(sender: Sender) -> dict[str, str]:
    """What the scripts need to know of a sender, without limits."""
    host = callback_host(sender.callback_url.get_secret_value()) if sender.callback_url else None
    return {"instance": sender.instance_id, "number": sender.number, **({"hooks": host} if host else {})}
