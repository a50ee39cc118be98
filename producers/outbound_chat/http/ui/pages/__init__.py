"""The pages, a module for each noun. Importing them registers them."""

from outbound_chat.http.ui.pages import (  # noqa: F401  # they are wanted for what importing them does
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
