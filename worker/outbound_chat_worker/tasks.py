"""The two Celery tasks: a pump at work, and a courier."""

import logging
import threading
from collections import defaultdict

from outbound_chat_worker.celery import PUMP_TASK, WEBHOOKS_TASK, app, courier_publisher, publisher, threads_pool
from outbound_chat_worker.pump.pump import Pump
from outbound_chat_worker.runtime import get_runtime, stopping
from outbound_chat_worker.webhooks import Courier

logger = logging.getLogger(__name__)

_at_work: defaultdict[str, list[Pump]] = defaultdict(list)
"""Pumps of this process by budget."""
_lock = threading.Lock()
_posting: set[str] = set()
"""Budgets that have a courier in this process."""


@app.task(name=PUMP_TASK, ignore_result=True)
def pump(*message: object, **other: object) -> None:
    """Works for a budget for a few seconds; the message says no more than that there is work, and who asked.

    `message`: the budget and, where one was made, the nonce of the request. Anything else is logged and let go: another
    program, or another version, put it into the queue.
    """
    runtime = get_runtime()
    budget, nonce = (*message, "", "")[:2]
    if other or len(message) > 2 or not (isinstance(budget, str) and isinstance(nonce, str)):  # noqa: PLR2004  # as above
        logger.error("a message in the queue is no request for a pump; look for another program that writes there")
        return
    if budget not in runtime.settings.budgets:
        logger.error("budget %.40r is not in this worker's settings; give all workers the same file", budget)
        return
    one = Pump(runtime, budget, nonce=nonce, stopping=stopping, publisher=publisher)
    with _lock:
        others = _at_work[budget]
        if len(others) >= runtime.settings.worker.pumps or any(other.keeps_up for other in others):
            # The message was meant for another process; if none takes it, it is sent again. Past its number of pumps,
            # a budget whose calls hang would take the places of others.
            return
        others.append(one)
    try:
        one.work()
    finally:
        with _lock:
            others.remove(one)


@app.task(name=WEBHOOKS_TASK, ignore_result=True)
def webhooks(*message: object, **other: object) -> None:
    """Posts a budget's webhooks while there are some; `message`: the budget, and nothing that matters."""
    runtime = get_runtime()
    budget = message[0] if message else ""
    if other or not isinstance(budget, str) or budget not in runtime.settings.budgets:
        logger.error("a message for webhooks names no budget of this worker's settings; give all workers the same file")
        return
    if not runtime.settings.webhooks.secrets:
        logger.error("webhooks wait, and this worker has no webhooks.secrets; give all workers the same file")
        return
    with _lock:
        if budget in _posting:
            return
        _posting.add(budget)
    try:
        courier = Courier(runtime, budget, stopping=stopping, endless=threads_pool.is_set())
        courier.work()
    finally:
        with _lock:
            _posting.remove(budget)
    if courier.has_more and not stopping.is_set():
        courier_publisher.publish(budget, "")
