"""The pages. Importing them registers them."""

from outbound_chat.http.ui.pages import batches, holds, jobs, overview, send, system

__all__ = ["batches", "holds", "jobs", "overview", "send", "system"]
