"""Holds: what is stopped, by whom, and why."""

from starlette.responses import Response

from outbound_chat.http.routes.budgets import SCOPES
from outbound_chat.http.ui.view import View, faults_of, page
from outbound_chat.model.api_keys import Scope
from outbound_chat.model.errors import InvalidJob


@page("/holds", Scope.READ)
@page("/holds", Scope.OPERATE, method="POST")
async def holds(view: View) -> Response:
    """Lists them. A form holds or releases; that of a batch leads back to its page."""
    form, errors = await view.form(), dict[str, str]()
    if view.request.method == "POST":
        scope, name = form.get("scope", ""), form.get("name", "")
        target = {scope if scope in SCOPES else SCOPES[0]: name}
        back = f"batches/{name}" if "back" in form else "holds"
        try:
            if "release" in form:
                return view.done(back, "released" if await view.scoped.holds.release(target) else "not_held")
            await view.scoped.holds.hold(target, form.get("reason", ""))
            return view.done(back, "held")
        except InvalidJob as error:
            errors |= faults_of(error)
    found = await view.shared("holds", view.scoped.holds.all)
    return view.render("holds.html", holds=found, scopes=SCOPES, form=form, errors=errors)
