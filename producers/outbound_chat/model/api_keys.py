"""API keys of the HTTP service: `oc_<id>_<secret>`. The id is not secret; the secret is shown only once.

The secret has 256 random bits. One round of SHA-256 is enough to store it: slow hashes (bcrypt, Argon2) protect secrets
that people choose and others can guess, but 2^256 secrets can't be tried even with a fast hash.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

ANY_TOKEN = re.compile(r"oc_(?P<id>[0-9a-z]{12})_[0-9a-f]{64}")
"""Matches a key. Scanners of repositories and logs can use it too."""
SHORTEST_TOKEN = len("oc_") + 12 + len("_") + 64
"""Shortest length in bytes of a URL that contains a key, percent-encoded or not."""
_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
_ID_LENGTH = 12
_SECRET_BYTES = 32


class Scope(StrEnum):
    """What an API key may do."""

    ENQUEUE = "enqueue"
    """Enqueue jobs and batches."""
    READ = "read"
    """See jobs, batches, budgets and events."""
    OPERATE = "operate"
    """Cancel, hold, release, replay, and edit suppression lists."""
    INGEST = "ingest"
    """Ingest contact events."""


class KeyState(StrEnum):
    """Whether an API key is accepted."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"
    UNREADABLE = "unreadable"
    """Another program overwrote it; it gives no access."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A rate limit: `requests` at once, then as many in each `per`, for all processes of the service together."""

    requests: int
    per: timedelta

    def __str__(self) -> str:
        words = {timedelta(seconds=1): "s", timedelta(minutes=1): "m", timedelta(hours=1): "h"}
        return f"{self.requests}/{words.get(self.per, f'{self.per.total_seconds():g}s')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewApiKey:
    """What a new API key will allow."""

    name: str
    """Who uses it, for people."""
    scopes: tuple[Scope, ...]
    """At least one, in the order of `Scope`."""
    tenant: str | None = None
    """The only tenant whose jobs it can see and enqueue; None: all tenants."""
    senders: tuple[str, ...] | None = None
    """The only senders that it can use, sorted; None: all senders."""
    rate: RateLimit | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey(NewApiKey):
    """An API key as it is stored, without its secret."""

    id: str
    state: KeyState
    """When it was read, by the clock of Redis."""
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
    """Exact to a minute; None if it was never used."""


def new_token() -> str:
    """Returns a new key, to be shown once."""
    id_ = "".join(secrets.choice(_ALPHABET) for _ in range(_ID_LENGTH))
    return f"oc_{id_}_{secrets.token_hex(_SECRET_BYTES)}"


def id_of(text: str) -> str | None:
    """Returns the id of the key; None if the text is not a key."""
    match = ANY_TOKEN.fullmatch(text)
    return match["id"] if match else None


def digest_of(token: str) -> str:
    """Returns the hash that is stored, in hexadecimal digits."""
    return hashlib.sha256(token.encode()).hexdigest()
