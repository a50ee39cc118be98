"""The one Celery task: a pump at work."""

from collections import defaultdict

from outbound_chat_worker.celery import app, bring
from outbound_chat_worker.pump import Pump
from outbound_chat_worker.runtime import get_runtime, stopping

_at_work: defaultdict[str, list[Pump]] = defaultdict(list)
"""Pumps of this process by budget."""


@app.task(name="outbound_chat.pump", ignore_result=True)
def pump(budget: str) -> None:
    """Works for the budget for a few seconds; the message says no more than that there is work."""
    runtime = get_runtime()
    if budget not in runtime.settings.budgets:
        raise LookupError(f'budget "{budget}" is not in this worker\'s settings; give all workers the same file')
    if any(other.keeps_up for other in list(_at_work[budget])):
        # The message was meant for another process; if none takes it, it is sent again within seconds.
        return
    one = Pump(runtime, budget, stopping=stopping, bring=bring)
    _at_work[budget].append(one)
    try:
        one.work()
    finally:
        _at_work[budget].remove(one)
