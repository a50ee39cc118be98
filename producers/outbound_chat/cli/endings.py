"""Waits for the ends of jobs and batches, and reports those that are not final yet: nothing that is known is lost."""

import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from outbound_chat.cli.output import talk
from outbound_chat.cli.progress import follow_batch
from outbound_chat.cli.waiting import resumable, wait_for_end
from outbound_chat.client import OutboundChat
from outbound_chat.client.steps.waits import Until
from outbound_chat.model.batches import Batch
from outbound_chat.model.errors import OutboundChatError, StoreError, WaitTimeout
from outbound_chat.model.jobs import Job

Waited = TypeVar("Waited", bound=Job | Batch)


def ends_of(
    chat: OutboundChat, waited: Sequence[Waited], timeout: float, until: Until = "final"
) -> tuple[list[Waited], list[BaseException]]:
    """Returns each as it is once all are final or the time is over, and an error for each that is not final then.

    `until`: what to wait for, of jobs.

    Ctrl-C and a lost Redis end the waiting, and are the first error. After Ctrl-C it prints how to wait again.
    """
    deadline = time.monotonic() + timeout
    ends: list[Waited] = []
    errors: list[BaseException] = []
    try:
        with resumable(*waited, until=until):
            for one in waited:
                try:
                    ends.append(_end_of(chat, one, max(0.0, deadline - time.monotonic()), until))
                except WaitTimeout as error:
                    errors.append(error)
                    now: Any = error.why.job if error.why and isinstance(one, Job) else _now(chat, one)
                    ends.append(now)
    except StoreError as error:
        return [*ends, *waited[len(ends) :]], [error, *errors]
    except KeyboardInterrupt as error:
        return [*ends, *(_now(chat, one) for one in waited[len(ends) :])], [error, *errors]
    return ends, errors


def _end_of(chat: OutboundChat, one: Job | Batch, timeout: float, until: Until) -> Any:
    if isinstance(one, Job):
        return wait_for_end(partial(chat.wait, one.id, until=until), timeout)
    # Following reads again and again, which costs more than waiting once, so it is only done for eyes.
    return follow_batch(chat, one.id, timeout) if talk.is_terminal else chat.wait_batch(one.id, timeout)


def _now(chat: OutboundChat, one: Job | Batch) -> Any:
    with suppress(OutboundChatError):  # then it is shown as it was before
        return chat.status(one.id) if isinstance(one, Job) else chat.batch(one.id)
    return one
