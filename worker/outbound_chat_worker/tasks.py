"""The one Celery task: a pump at work."""

from outbound_chat_worker.celery import app, bring
from outbound_chat_worker.pump import Pump
from outbound_chat_worker.runtime import get_runtime, stopping


@app.task(name="outbound_chat.pump", ignore_result=True)
def pump(budget: str) -> None:
    """Works for the budget for a few seconds; the message says no more than that there is work."""
    runtime = get_runtime()
    if budget not in runtime.settings.budgets:
        raise LookupError(f'budget "{budget}" is not in this worker\'s settings; give all workers the same file')
    Pump(runtime, budget, stopping=stopping, bring=bring).work()
