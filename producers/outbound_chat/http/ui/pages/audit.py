"""Who changed what, by key."""

from functools import partial

from starlette.responses import Response

from outbound_chat.http.ui.view import View, page
from outbound_chat.model.api_keys import Scope

SHOWN, LOOKED = 100, 1000
"""Entries of a page, and those that are looked at for the entries of one key."""


@page("/audit", Scope.READ)
async def audit(view: View) -> Response:
    """Shows the entries, newest first, of all keys or of one."""
    cursor, key = view.query.get("cursor"), view.query.get("key", "")
    load = partial(view.scoped.audit.page, cursor, LOOKED if key else SHOWN)
    found = await view.shared(f"audit {bool(key)} {cursor}", load)
    entries = [entry for entry in found.entries if key in {"", entry.key_id}]
    return view.render("audit.html", entries=entries, key=key, cursor=found.cursor)
