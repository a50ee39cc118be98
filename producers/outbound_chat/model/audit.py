"""The audit log of the HTTP service: who changed what."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """A change that somebody made, or tried to make, over HTTP or in the pages."""

    at: datetime
    """When it ended, by the clock of Redis."""
    key_id: str
    """Id of the API key; empty if no key was needed."""
    key_name: str
    """Name of the API key at that time; empty without a key."""
    action: str
    """What was done: `hold`, `release`, `cancel`, `replay` and so on; `docs/http.md` lists all actions."""
    target: str
    """To what, in words: `job ID`, `tenant acme`, `3 jobs`. Without the name if that may not exist. Never a number."""
    outcome: str
    """`done`; the code of the problem; or `interrupted`, if the caller or the service ended before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditPage:
    """A page of the audit log, newest first. Entries are kept for 30 days, and at most 100,000 of them."""

    entries: tuple[AuditEntry, ...]
    """The entries."""
    cursor: str | None
    """Cursor of the next page; None if this is the last page."""
