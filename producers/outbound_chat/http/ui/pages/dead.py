"""Dead letters by code, and the bulk actions that replay them."""

from collections import Counter

from starlette.responses import Response

from outbound_chat.http.ui.view import View, page
from outbound_chat.model.api_keys import Scope

FILTER, MOST_LOOKED = ("state", "code", "sender", "tenant"), 10_000


@page("/dead", Scope.READ)
async def dead(view: View) -> Response:
    """Lists them. Counts are those of the page, unless the key sees all of a budget, and looks at all."""
    chosen, read = view.chosen(*FILTER), view.scoped.dead_letters
    bounded = {**chosen, "most_looked": MOST_LOOKED}
    found = await read.page(bounded, limit=100, cursor=view.query.get("cursor"))
    exact = view.whole and not chosen.keys() & {"sender", "tenant"}
    here = Counter((one.state, one.error.code) for one in found.jobs if one.error)
    counts = await view.scoped.unrestricted.count_dead(chosen["budget"]) if exact else here
    return view.render("dead.html", found=found, counts=counts, exact=exact, chosen=chosen)


@page("/dead/replay", Scope.OPERATE, method="POST")
async def replay(view: View) -> Response:
    """Starts the replay of all that match. One that might text a customer twice is left to the page of its job."""
    form = await view.form()
    chosen = {name: form[name] for name in ("budget", *FILTER) if name in form}
    await view.scoped.actions.start_replay(chosen)
    return view.done("actions", "replaying")


@page("/actions", Scope.READ)
async def actions(view: View) -> Response:
    """Lists bulk actions."""
    return view.render("actions.html", actions=await view.shared("actions", view.scoped.actions.all))


@page("/actions/{id}/stop", Scope.OPERATE, method="POST")
async def stop(view: View) -> Response:
    """Stops one."""
    await view.scoped.actions.stop(view.path["id"])
    return view.done("actions", "stopped")
