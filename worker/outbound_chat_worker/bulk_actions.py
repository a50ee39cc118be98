"""Carries out bulk actions, in a thread that the waker starts if one waits for a worker, and that ends with it."""

import threading

from outbound_chat.client.steps.actions import carry_out
from outbound_chat.client.steps.base import run
from outbound_chat.client.steps.context import Context
from outbound_chat.model.errors import StoreError
from outbound_chat_worker.runtime import Runtime


def carry_out_all(runtime: Runtime, budget: str, stop: threading.Event) -> None:
    """Carries out the actions of the budget, until none waits or `stop` is set: then after the job in progress."""
    context = Context(runtime.settings)
    try:
        while not stop.is_set() and run(carry_out(context, budget, stop.is_set), runtime.store):
            pass
    except StoreError as error:
        runtime.store_failed(budget, error)
    except Exception as error:  # noqa: BLE001  # logged; the waker starts the next thread
        text = f"unexpected error ({type(error).__name__}) in a bulk action; retrying"
        runtime.notices.note(f"actions of {budget}", text, error=error)
