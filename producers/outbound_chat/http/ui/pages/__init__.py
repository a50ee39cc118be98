"""The pages, a module for each noun. Importing them registers them."""

from outbound_chat.http.ui.pages import (
    audit,
    batches,
    dead,
    holds,
    jobs,
    keys,
    overview,
    send,
    session,
    suppression,
    webhooks,
    workers,
)

__all__ = [
    *("audit", "batches", "dead", "holds", "jobs", "keys", "overview", "send", "session", "suppression"),
    *("webhooks", "workers"),
]
