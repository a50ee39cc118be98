"""The HTTP service (extra `[http]`): each route parses, calls the client once, and responds.

Importing this builds nothing; `create_app` does. `docs/http.md` explains the service to its callers, and
`docs/openapi.json` describes every route.
"""

from outbound_chat.http.access.authentication import PUBLIC
from outbound_chat.http.app import create_app
from outbound_chat.http.server import check_binding, serve

__all__ = ["PUBLIC", "check_binding", "create_app", "serve"]
