"""Webhooks: the hosts that get them, and those that were given up."""

from starlette.responses import Response

from outbound_chat.http.service import while_there
from outbound_chat.http.ui.view import View, page
from outbound_chat.model.api_keys import Scope

NEWEST = 200


@page("/webhooks", Scope.READ)
async def webhooks(view: View) -> Response:
    """Shows both; the hosts only to a key without restrictions."""
    budgets, shown = sorted(view.service.settings.budgets), view.scoped.webhooks
    budget = view.query.get("budget", budgets[0])
    hosts = await view.shared("webhook hosts", view.scoped.unrestricted.webhook_hosts) if view.whole else ()
    # A poll renews the hosts only.
    dead = () if "hx-request" in view.request.headers else await shown.dead(budget, skip=0, limit=NEWEST)
    return view.render("webhooks.html", hosts=hosts, dead=dead, budgets=budgets, budget=budget, newest=NEWEST)


@page("/webhooks/replay", Scope.OPERATE, method="POST")
async def replay(view: View) -> Response:
    """Posts one webhook again, or all dead ones of a budget."""
    form, shown = await view.form(), view.scoped.webhooks
    if "id" in form:
        done = sum((await shown.replay([form["id"]])).values())
    else:
        done = await while_there(view.request, shown.replay_all(form.get("budget")))
    return view.done("webhooks", "replayed", done)
