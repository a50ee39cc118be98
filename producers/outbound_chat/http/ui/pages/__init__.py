"""The pages, a module for each noun. Importing them registers them."""

from outbound_chat.http.ui.pages import batches, dead, holds, jobs, overview, session

__all__ = ["batches", "dead", "holds", "jobs", "overview", "session"]
