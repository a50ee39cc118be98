"""The API keys as one process knows them.

Each is read from Redis at most once a second: a request costs no round trip more, unless its key has a rate, and a key
that was revoked is refused within a second.
"""

import time
from contextlib import suppress
from dataclasses import dataclass

from outbound_chat.api_keys import ApiKey
from outbound_chat.errors import StoreError, StoreUnavailable
from outbound_chat.store import ACCESS, AsyncStore, calls
from outbound_chat.store.calls import FoundKey, Spent

FRESH_SECONDS = 1.0
STALE_SECONDS = 300.0
"""While Redis is away nothing can be done with a key but to read this process's own counters; so long they are told."""
USED_SECONDS = 60.0
"""How exactly `last_used_at` is kept."""
MOST_KNOWN = 10_000
"""Ids that are remembered; those who try keys at random must not fill the memory."""
_NOBODY = ""


@dataclass(frozen=True, slots=True)
class _Known:
    found: FoundKey
    at: float


class Keyring:
    """Of one process and one event loop."""

    def __init__(self, store: AsyncStore, *, local: bool) -> None:
        """`local`: only this machine reaches the service."""
        self._store = store
        self._keys = store.keys(ACCESS)
        self._must_ask = not local
        self._known: dict[str, _Known] = {}
        self._noted: dict[str, float] = {}

    async def prepare(self) -> None:
        """Looks whether there are keys, so that this is known should Redis be away when the first request comes."""
        with suppress(StoreError):
            await self.asks()

    async def asks(self) -> bool:
        """Whether callers need a key: always where others reach the service, else once any key was made, for good."""
        if not self._must_ask:
            # A key that was revoked counts too: to revoke the last one must not open the service.
            self._must_ask = (await self.find(_NOBODY)).any
        return self._must_ask

    async def find(self, key_id: str) -> FoundKey:
        """The key of that id as it was within the last second."""
        known, now = self._known.get(key_id), time.monotonic()
        if known and now - known.at < FRESH_SECONDS:
            return known.found
        try:
            found = await self._store.run(calls.read_key(self._keys, key_id))
        except StoreUnavailable:
            if known and now - known.at < STALE_SECONDS:
                return known.found
            raise
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known[key_id] = _Known(found, now)
        return found

    async def count(self, key: ApiKey) -> Spent | None:
        """Counts a request of a key with a rate; None: it has none. Notes that the key was used."""
        now = time.monotonic()
        if key.rate is None and now - self._noted.get(key.id, -USED_SECONDS) < USED_SECONDS:
            return None
        self._noted[key.id] = now
        try:
            spent = await self._store.run(calls.spend_key(self._keys, key.id, key.rate))
        except StoreUnavailable:
            if key.rate:
                raise
            return None
        return spent if key.rate else None
