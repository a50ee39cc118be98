"""Enqueues many single jobs in few round trips, each with the steps that check and accept a single one."""

from collections.abc import Callable, Mapping
from typing import Any

from outbound_chat.client.steps.base import Steps, ask
from outbound_chat.client.steps.context import Context
from outbound_chat.client.steps.jobs import enqueue, enqueue_request
from outbound_chat.model.errors import FieldError, InvalidJob, OutboundChatError, StoreError, StoreUnavailable
from outbound_chat.model.jobs import Job
from outbound_chat.request import FieldCode
from outbound_chat.request.options import is_raw
from outbound_chat.store import scripts
from outbound_chat.store.scripts import ScriptCall

Outcome = Job | OutboundChatError
_NO_JOB = FieldError("job", FieldCode.WRONG_TYPE, 'must be a mapping, such as {"sender": "support", "to": "+1202…"}')


def _enqueue_one(context: Context, job: object) -> Steps[Job]:
    if not isinstance(job, Mapping):
        raise InvalidJob([_NO_JOB])
    return (yield from (enqueue_request if is_raw(job) else enqueue)(context, job))


class JobWriter:
    """Runs the steps of many jobs side by side: what they need from the store at the same time is one call."""

    def __init__(self, context: Context) -> None:
        self.outcomes: list[Outcome] = []
        """For each flushed job: the job, or why it was not accepted."""
        self._context = context
        self._steps: list[Steps[Job]] = []
        self._asking: dict[int, ScriptCall[Any]] = {}
        self._ended: dict[int, Outcome] = {}

    def add(self, job: object) -> bool:
        """Checks a job; returns whether one call can take no more, so that `flush` is due."""
        steps = _enqueue_one(self._context, job)
        self._steps.append(steps)
        self._advance(len(self._steps) - 1, lambda: next(steps))
        return len(self._steps) >= scripts.MOST_JOBS

    def flush(self) -> Steps[None]:
        """Submits the added jobs."""
        while self._asking:
            asking, self._asking = self._asking, {}
            away: dict[str, StoreUnavailable] = {}
            for call, places in scripts.merged(asking):
                error = yield from self._answer(call, places, asking, away.get(call.keys.base))
                if isinstance(error, StoreUnavailable):
                    away[call.keys.base] = error
        self.outcomes += [self._ended[place] for place in range(len(self._steps))]
        self._steps, self._ended = [], {}

    def _answer(
        self,
        call: ScriptCall[list[Any]],
        places: list[int],
        asking: Mapping[int, ScriptCall[Any]],
        away: StoreUnavailable | None,
    ) -> Steps[StoreError | None]:
        """Continues with the jobs that asked; returns the error if there was no answer. `away`: there will be none."""
        try:
            if away:
                raise away
            replies = yield from ask(call)
        except StoreError as error:
            for place in places:
                self._advance(place, lambda place=place, error=error: self._steps[place].throw(error))  # type: ignore[misc]
            return error
        for place, reply in zip(places, replies, strict=True):
            self._advance(
                place,
                lambda place=place, reply=reply: self._steps[place].send(asking[place].read(reply)),  # type: ignore[misc]
            )
        return None

    def _advance(self, place: int, step: Callable[[], ScriptCall[Any]]) -> None:
        try:
            self._asking[place] = step()
        except StopIteration as end:
            self._ended[place] = end.value
        except OutboundChatError as error:
            self._ended[place] = error
