"""The pages. Importing them registers them."""

from outbound_chat.http.ui.pages import batches, dead, holds, jobs, overview, send, suppression, system

__all__ = ["batches", "dead", "holds", "jobs", "overview", "send", "suppression", "system"]
