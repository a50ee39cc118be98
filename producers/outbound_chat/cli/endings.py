"""Waits for the ends of jobs and batches, and reports those that are not final yet: nothing that is known is lost."""

import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import typer

from outbound_chat.cli.output import exit_code, print_error, talk
from outbound_chat.cli.progress import follow_batch
from outbound_chat.cli.waiting import resumable, wait_for_end
from outbound_chat.client import OutboundChat
from outbound_chat.model.batches import Batch
from outbound_chat.model.errors import OutboundChatError, StoreError, StoreUnavailable, WaitTimeout
from outbound_chat.model.jobs import Job

Waited = TypeVar("Waited", bound=Job | Batch)


def ends_of(
    chat: OutboundChat, waited: Sequence[Waited], timeout: float
) -> tuple[list[Waited], list[OutboundChatError]]:
    """Returns each as it is once all are final or the time is over, and an error for each that is not final then.

    After Ctrl-C it prints how to wait again.
    """
    deadline = time.monotonic() + timeout
    ends: list[Waited] = []
    faults: list[OutboundChatError] = []
    with resumable(*waited):
        for one in waited:
            try:
                ends.append(_end_of(chat, one, max(0.0, deadline - time.monotonic())))
            except WaitTimeout as fault:
                faults.append(fault)
                ends.append(_now(chat, one, fault))
            except StoreError as fault:
                return [*ends, *waited[len(ends) :]], [*faults, fault]
    return ends, faults


def _end_of(chat: OutboundChat, one: Job | Batch, timeout: float) -> Any:
    if isinstance(one, Job):
        return wait_for_end(partial(chat.wait, one.id), timeout)
    # Following reads again and again, which costs more than waiting once, so it is only done for eyes.
    return follow_batch(chat, one.id, timeout) if talk.is_terminal else chat.wait_batch(one.id, timeout)


def _now(chat: OutboundChat, one: Job | Batch, fault: WaitTimeout) -> Any:
    if isinstance(one, Batch):
        with suppress(StoreError):  # then it is shown as it was before
            return chat.batch(one.id)
    return fault.why.job if fault.why and isinstance(one, Job) else one


def with_errors(data: Any, faults: Sequence[OutboundChatError], id_: str) -> Any:
    """Returns what `--json` prints. `id_`: what an error means that has no id of its own."""
    codes = {WaitTimeout: "wait_timeout", StoreUnavailable: "store_unavailable"}
    errors = [
        {"code": codes.get(type(fault), "store_refused"), "message": str(fault), "id": getattr(fault, "id", id_)}
        for fault in faults
    ]
    return {"data": data, "errors": errors} if errors else data


def exit_with(faults: Sequence[OutboundChatError]) -> None:
    """Prints the errors, if there are any, and ends with the code of the last: with it no more could be known."""
    for fault in faults:
        print_error(fault)
    if faults:
        raise typer.Exit(exit_code(faults[-1]))
