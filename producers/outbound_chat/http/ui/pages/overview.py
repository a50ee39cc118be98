"""The first page: each budget's pace, what waits, what is wrong, and charts of the last hours."""

from functools import partial

from starlette.responses import Response

from outbound_chat.http.ui.view import View, page
from outbound_chat.model.api_keys import Scope
from outbound_chat.model.history import History
from outbound_chat.model.operations import BudgetStatus

CHARTS = (("The last hour", 1, 1), ("Three days", 72, 30))
"""Title, hours, and minutes of each point."""
HISTORY_SECONDS = 15.0
"""How old a history may be: workers write one point a minute."""


@page("", Scope.READ)
@page("/", Scope.READ)
async def overview(view: View) -> Response:
    """Shows all budgets. Who may not see them all is led to another page before."""
    budgets = await view.shared("budgets", view.scoped.unrestricted.budgets)
    last_hours = {one.name: await _history(view, one.name, *CHARTS[0][1:]) for one in budgets}
    chosen = view.query.get("budget", budgets[0].name)
    shown = () if "hx-request" in view.request.headers else CHARTS  # a poll gets no charts
    charts = [(title, hours, step, await _history(view, chosen, hours, step)) for title, hours, step in shown]
    data = {"budgets": budgets, "last_hours": last_hours, "chosen": chosen, "charts": charts, "why_rate": _why_rate}
    return view.render("overview.html", checks=await view.checks(), **data)


async def _history(view: View, budget: str, hours: int, step: int) -> History:
    load = partial(view.scoped.budgets.history, budget, hours, step)
    return await view.shared(f"history {budget} {hours} {step}", load, HISTORY_SECONDS)


def _why_rate(budget: BudgetStatus) -> str:
    if not budget.ceiling:
        return "Nothing was sent yet, so the rate that AWS accepts is not known."
    if budget.rate < budget.ceiling * 0.995:
        return "AWS throttled faster calls, so the rate is below the configured one. It grows while calls succeed."
    return "AWS accepts the configured rate."
