"""The API keys as one process knows them.

Each is read from Redis at most once a second: a request costs no round trip more, unless its key has a rate, and a key
that was revoked is refused within a second. As long as there is no key, each request costs one.
"""

import time
from contextlib import suppress
from dataclasses import dataclass

from outbound_chat.model.api_keys import ApiKey
from outbound_chat.model.errors import StoreError, StoreUnavailable
from outbound_chat.store import ACCESS, AsyncStore, scripts
from outbound_chat.store.scripts import FoundKey, Spent

FRESH_SECONDS = 1.0
STALE_SECONDS = 300.0
"""Serve cached keys this long while Redis is unreachable: they only give access to local counters."""
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
    """Reads and remembers the API keys of one process, in one event loop."""

    def __init__(self, store: AsyncStore, *, local: bool) -> None:
        """`local`: only this machine reaches the service."""
        self._store = store
        self._keys = store.keys(ACCESS)
        self._must_ask = not local
        self._known: dict[str, _Known] = {}
        self._noted: dict[str, float] = {}

    async def prepare(self) -> None:
        """Reads whether there are keys, so that this is known if Redis is unreachable when the first request comes."""
        with suppress(StoreError):
            await self.requires_key()

    async def requires_key(self, *, while_away: bool = False) -> bool:
        """Whether callers need a key: always if other machines reach the service, else as soon as a key was made.

        While there is none, each call reads Redis: from the first key on nobody is served without one.
        `while_away`: return what was last known if Redis is unreachable.
        """
        if not self._must_ask:
            try:
                # A key that was revoked counts too: to revoke the last one must not open the service.
                self._must_ask = (await self._read(_NOBODY)).any
            except StoreUnavailable:
                if not (while_away and self._found_within(_NOBODY, STALE_SECONDS)):
                    raise
        return self._must_ask

    async def required_key_lately(self) -> bool:
        """Whether callers needed a key within the last second; for requests that take long."""
        return self._must_ask or (await self.find(_NOBODY)).any

    async def find(self, key_id: str) -> FoundKey:
        """The key of that id as it was within the last second."""
        if found := self._found_within(key_id, FRESH_SECONDS):
            return found
        try:
            return await self._read(key_id)
        except StoreUnavailable:
            if found := self._found_within(key_id, STALE_SECONDS):
                return found
            raise

    def _found_within(self, key_id: str, seconds: float) -> FoundKey | None:
        known = self._known.get(key_id)
        return known.found if known and time.monotonic() - known.at < seconds else None

    async def _read(self, key_id: str) -> FoundKey:
        began = time.monotonic()
        found = await self._store.run(scripts.read_key(self._keys, key_id))
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known[key_id] = _Known(found, began)
        return found

    async def count(self, key: ApiKey) -> Spent | None:
        """Counts a request of a key with a rate, and notes that the key was used. Returns None if it has no rate."""
        now = time.monotonic()
        if key.rate is None and now - self._noted.get(key.id, -USED_SECONDS) < USED_SECONDS:
            return None
        self._noted[key.id] = now
        try:
            spent = await self._store.run(scripts.spend_key(self._keys, key.id, key.rate))
        except StoreUnavailable:
            if key.rate:
                raise
            return None
        return spent if key.rate else None
