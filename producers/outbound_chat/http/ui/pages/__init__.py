"""The pages, a module for each noun. Importing them registers them."""

from outbound_chat.http.ui.pages import overview, session, workers

__all__ = ["overview", "session", "workers"]
