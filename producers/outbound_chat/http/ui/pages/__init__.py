"""The pages, a module for each noun. Importing them registers them."""

from outbound_chat.http.ui.pages import overview, send, session, suppression, webhooks

__all__ = ["overview", "send", "session", "suppression", "webhooks"]
