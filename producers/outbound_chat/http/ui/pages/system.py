"""What the service itself does and who may use it: workers, webhooks, API keys and the audit log."""

from functools import partial

from starlette.responses import Response

from outbound_chat.http.service import while_there
from outbound_chat.http.ui.view import View, page
from outbound_chat.model.api_keys import Scope

NEWEST_WEBHOOKS = 200
ENTRIES, ENTRIES_LOOKED = 100, 1000
"""Audit entries of a page, and those that are looked at for the entries of one key."""


@page("/workers", Scope.READ)
async def workers(view: View) -> Response:
    """Shows all workers, then all that the doctor finds."""
    found = await view.shared("workers", view.scoped.unrestricted.workers)
    return view.render("workers.html", workers=found, checks=await view.checks())


@page("/webhooks", Scope.READ)
async def webhooks(view: View) -> Response:
    """Shows the hosts that get them, to a key without restrictions, and those that were given up."""
    budget, shown = view.chosen()["budget"], view.scoped.webhooks
    hosts = await view.shared("webhook hosts", view.scoped.unrestricted.webhook_hosts) if view.whole else ()
    # A poll renews the hosts only.
    dead = () if "hx-request" in view.request.headers else await shown.newest_dead(budget, NEWEST_WEBHOOKS)
    return view.render("webhooks.html", hosts=hosts, dead=dead, budget=budget, newest=NEWEST_WEBHOOKS)


@page("/webhooks/replay", Scope.OPERATE, method="POST")
async def replay(view: View) -> Response:
    """Posts one webhook again, or all dead ones of a budget."""
    form, shown = await view.form(), view.scoped.webhooks
    if "id" in form:
        done = sum((await shown.replay([form["id"]])).values())
    else:
        done = await while_there(view.request, shown.replay_all(form.get("budget")))
    return view.done("webhooks", "replayed", done)


@page("/keys", Scope.OPERATE)
async def keys(view: View) -> Response:
    """Shows all keys. Only the command line creates and revokes them."""
    view.principal.restrictions.require_none()
    return view.render("keys.html", keys=await view.shared("keys", view.service.keyring.all))


@page("/audit", Scope.READ)
async def audit(view: View) -> Response:
    """Shows who changed what, newest first, by all keys or by one."""
    cursor, key = view.query.get("cursor"), view.query.get("key", "")
    load = partial(view.scoped.audit.page, cursor, ENTRIES_LOOKED if key else ENTRIES)
    found = await view.shared(f"audit {bool(key)} {cursor}", load)
    entries = [entry for entry in found.entries if key in {"", entry.key_id}]
    return view.render("audit.html", entries=entries, key=key, cursor=found.cursor)
