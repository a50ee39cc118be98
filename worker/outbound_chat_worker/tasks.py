"""The one Celery task: a pump at work."""

import threading
from collections import defaultdict

from outbound_chat_worker.celery import app, bringer
from outbound_chat_worker.pump import Pump
from outbound_chat_worker.runtime import get_runtime, stopping

_at_work: defaultdict[str, list[Pump]] = defaultdict(list)
"""Pumps of this process by budget."""
_lock = threading.Lock()


@app.task(name="outbound_chat.pump", ignore_result=True)
def pump(budget: str, nonce: str = "") -> None:
    """Works for the budget for a few seconds; the message says no more than that there is work, and who asked."""
    runtime = get_runtime()
    if budget not in runtime.settings.budgets:
        raise LookupError(f'budget "{budget}" is not in this worker\'s settings; give all workers the same file')
    one = Pump(runtime, budget, nonce=nonce, stopping=stopping, bringer=bringer)
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
