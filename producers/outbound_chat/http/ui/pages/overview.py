"""The first page: each budget's pace, what waits, and what is wrong."""

from starlette.responses import Response

from outbound_chat.http.ui.view import View, page
from outbound_chat.model.api_keys import Scope


@page("", Scope.READ)
async def overview(view: View) -> Response:
    """Shows all budgets. A key with restrictions sees its batches instead."""
    if not view.whole:
        return view.done("batches")
    budgets = await view.shared("budgets", view.scoped.budgets.status)
    return view.render("overview.html", budgets=budgets)
