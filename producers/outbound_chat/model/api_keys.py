"""What an API key of the HTTP service is: `oc_<id>_<secret>`, whose id is no secret and whose secret is told once.

The secret has 256 random bits. One round of SHA-256 is enough to store it by: what makes a hash slow (bcrypt, Argon2)
buys time for secrets that people choose and others guess; nobody tries 2^256 of them however fast the hash is.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

ANY_TOKEN = re.compile(r"oc_(?P<id>[0-9a-z]{12})_[0-9a-f]{64}")
"""By which a scanner of repositories and logs finds one."""
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
    """Cancel, hold, release, replay, and keep suppression lists."""


class KeyState(StrEnum):
    """Whether an API key is taken."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"
    UNREADABLE = "unreadable"
    """Another program wrote over it; it lets nobody in."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """So many requests at once, and so many in each `per` after that, over all processes of the service."""

    requests: int
    per: timedelta

    def __str__(self) -> str:
        words = {timedelta(seconds=1): "s", timedelta(minutes=1): "m", timedelta(hours=1): "h"}
        return f"{self.requests}/{words.get(self.per, f'{self.per.total_seconds():g}s')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewApiKey:
    """What an API key is to allow."""

    name: str
    """For people: who has it."""
    scopes: tuple[Scope, ...]
    """In the order of `Scope`; at least one."""
    tenant: str | None = None
    """The only tenant whose jobs it sees and enqueues; None: all."""
    senders: tuple[str, ...] | None = None
    """The only senders it uses, sorted; None: all."""
    rate: RateLimit | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey(NewApiKey):
    """An API key as it is kept, without anything that would let one use it."""

    id: str
    state: KeyState
    """By the clock of Redis, when it was read."""
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
    """Within a minute; None: never."""


def new_token() -> str:
    """A new key, to be told once."""
    id_ = "".join(secrets.choice(_ALPHABET) for _ in range(_ID_LENGTH))
    return f"oc_{id_}_{secrets.token_hex(_SECRET_BYTES)}"


def id_of(text: str) -> str | None:
    """The id of the key; None: the text is no key."""
    match = ANY_TOKEN.fullmatch(text)
    return match["id"] if match else None


def digest_of(token: str) -> str:
    """What is stored of it, in hexadecimal digits."""
    return hashlib.sha256(token.encode("ascii")).hexdigest()
