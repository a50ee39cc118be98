"""The pages for people, below `/ui`. They are rendered here, from the same scoped clients as the API, and the process
keeps nothing for them but what was read in the last second.
"""

from outbound_chat.http.ui import pages, public
from outbound_chat.http.ui.view import router

__all__ = ["pages", "public", "router"]
