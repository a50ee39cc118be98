"""The pages, a module for each noun. Importing them registers them."""

from outbound_chat.http.ui.pages import audit, keys, overview, session, workers

__all__ = ["audit", "keys", "overview", "session", "workers"]
