"""The workers that run, and what the doctor finds."""

from starlette.responses import Response

from outbound_chat.http.ui.view import View, page
from outbound_chat.model.api_keys import Scope
from outbound_chat.model.diagnostics import Level


@page("/workers", Scope.READ)
async def workers(view: View) -> Response:
    """Shows all workers, then the findings, the worst first."""
    found = await view.shared("workers", view.scoped.unrestricted.workers)
    checks = await view.scoped.budgets.doctor(view.service.snapshots)
    worst_first = sorted(checks, key=lambda check: list(Level).index(check.level), reverse=True)
    return view.render("workers.html", workers=found, checks=worst_first)
