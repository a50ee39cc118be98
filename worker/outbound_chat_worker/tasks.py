"""The two Celery tasks: a pump, and a courier."""

import logging
import threading
from collections import defaultdict

from outbound_chat_worker.celery import PUMP_TASK, WEBHOOKS_TASK, app, courier_publisher, publisher, threads_pool
from outbound_chat_worker.pump.pump import Pump
from outbound_chat_worker.runtime import get_runtime, stopping

logger = logging.getLogger(__name__)

_at_work: defaultdict[str, list[Pump]] = defaultdict(list)
"""Pumps of this process by budget."""
_lock = threading.Lock()
_posting: set[str] = set()
"""Budgets that have a courier in this process."""


def _budget(task: str, budget: object, *, unknown: bool) -> str | None:
    """Returns the budget that a message names; logs it and returns None if another program wrote the message."""
    if unknown or not isinstance(budget, str):
        logger.error("a message in the queue is not a request for %s; check which other program writes to it", task)
        return None
    if budget not in get_runtime().settings.budgets:
        logger.error("budget %.40r is not in this worker's settings; give all workers the same settings", budget)
        return None
    return budget


@app.task(name=PUMP_TASK, ignore_result=True)
def pump(budget: object = "", nonce: object = "", *unknown: object, **unknown_too: object) -> None:
    """Works for a budget for a few seconds. `nonce`: that of the request in this message, if there was one."""
    known = _budget("a pump", budget, unknown=bool(unknown or unknown_too) or not isinstance(nonce, str))
    if known is None:
        return
    runtime = get_runtime()
    one = Pump(runtime, known, nonce=str(nonce), stopping=stopping, publisher=publisher)
    with _lock:
        others = _at_work[known]
        if len(others) >= runtime.settings.worker.pumps or any(other.keeps_up for other in others):
            # Another process should have got the message; if none does, it is sent again. With more pumps, a budget
            # whose calls hang would take the places of others.
            return
        others.append(one)
    try:
        one.work()
    finally:
        with _lock:
            others.remove(one)


@app.task(name=WEBHOOKS_TASK, ignore_result=True)
def webhooks(budget: object = "", *_: object, **unknown: object) -> None:
    """Posts a budget's webhooks while there are any. Further arguments are ignored."""
    known = _budget("a courier", budget, unknown=bool(unknown))
    if known is None:
        return
    runtime = get_runtime()
    if not runtime.settings.webhooks.secrets:
        logger.error("webhooks wait, but this worker has no webhooks.secrets; give all workers the same settings")
        return
    # Most workers post none, and hold neither a courier nor the client that it reads batches with.
    from outbound_chat_worker.webhooks.courier import Courier  # noqa: PLC0415

    with _lock:
        if known in _posting:
            return
        _posting.add(known)
    try:
        courier = Courier(runtime, known, stopping=stopping, endless=threads_pool.is_set())
        courier.work()
    finally:
        with _lock:
            _posting.remove(known)
    if courier.has_more and not stopping.is_set():
        courier_publisher.publish(known, "")
