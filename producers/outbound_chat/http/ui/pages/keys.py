"""The API keys, to look at. Only the command line creates and revokes them."""

from starlette.responses import Response

from outbound_chat.http.ui.view import View, page
from outbound_chat.model.api_keys import Scope


@page("/keys", Scope.OPERATE)
async def keys(view: View) -> Response:
    """Shows all keys."""
    view.principal.restrictions.require_none()
    return view.render("keys.html", keys=await view.shared("keys", view.service.keyring.all))
