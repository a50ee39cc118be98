"""The first page: each budget's pace, what waits, what is wrong, and charts of the last hours."""

from collections.abc import Iterator
from functools import partial

from starlette.responses import Response

from outbound_chat.doctor.budgets import WELL_BELOW
from outbound_chat.http.ui.view import View, page
from outbound_chat.model.api_keys import Scope
from outbound_chat.model.history import History
from outbound_chat.model.operations import BudgetStatus
from outbound_chat.model.words import HELD_BY

CHARTS = (("The last hour", 1, 1), ("Three days", 72, 30))
"""Title, hours, and minutes of each point."""
HISTORY_SECONDS = 15.0
"""How old a history may be: workers write one point a minute."""


@page("", Scope.READ)
async def overview(view: View) -> Response:
    """Shows all budgets."""
    budgets = await view.shared("budgets", view.scoped.budgets.status)
    last_hours = {one.name: await _history(view, one.name, *CHARTS[0][1:]) for one in budgets}
    chosen = view.query.get("budget", budgets[0].name)
    shown = () if "hx-request" in view.request.headers else CHARTS  # a poll gets no charts
    charts = [(title, hours, step, await _history(view, chosen, hours, step)) for title, hours, step in shown]
    wrong = [(one.name, sentence) for one in budgets for sentence in _wrong(one)]
    more = {"last_hours": last_hours, "senders": view.scoped.budgets.senders(), "why": _why_rate, "held_by": HELD_BY}
    return view.render("overview.html", 200, budgets=budgets, chosen=chosen, charts=charts, wrong=wrong, **more)


async def _history(view: View, budget: str, hours: int, step: int) -> History:
    load = partial(view.scoped.budgets.history, budget, hours, step)
    return await view.shared(f"history {budget} {hours} {step}", load, HISTORY_SECONDS)


def _wrong(budget: BudgetStatus) -> Iterator[str]:
    """Yields what is wrong, the worst first, without numbers that change, since screen readers read changes out."""
    if not budget.workers:
        yield "No worker runs, so nothing is sent. Start one: outbound-chat worker."
    if budget.skewed_workers:
        yield "The clock of a worker is wrong, so it sends nothing. See Workers."
    if budget.faults:
        yield "Counts or records are wrong. See Workers."
    if held := [f"{hold.scope} {hold.name}" for hold in budget.holds if hold.owner != "cancel"]:
        yield f"Held: {', '.join(held[:5])}{' and more' if held[5:] else ''}."
    for instance, chats in budget.open_chats.items():
        if chats["limit"] is not None and (chats["open"] or 0) >= chats["limit"]:
            yield f"As many chats are open on instance {instance} as may be. The next message is sent when one ends."
    if budget.rate < budget.ceiling * WELL_BELOW:
        yield _why_rate(budget)


def _why_rate(budget: BudgetStatus) -> str:
    if not budget.ceiling:
        return "Nothing was sent yet, so the rate that AWS accepts is not known."
    if budget.rate < budget.ceiling * 0.995:
        return "AWS throttled faster calls, so the rate is below the configured one. It grows while calls succeed."
    return "AWS accepts the configured rate."
