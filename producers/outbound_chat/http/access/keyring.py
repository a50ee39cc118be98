"""The cache of API keys in a process.

Each key is read from Redis at most once a second: a request needs no extra round trip unless its key has a rate, and a
revoked key is refused within a second. As long as there is no key, each request needs a round trip, which simultaneous
requests share.
"""

import secrets
import time
from contextlib import suppress

from outbound_chat.http.access.sharing import Sharing
from outbound_chat.http.wire.problems import notices
from outbound_chat.model.api_keys import ApiKey, digest_of
from outbound_chat.model.errors import StoreError, StoreUnavailable
from outbound_chat.store import ACCESS, AsyncStore, scripts
from outbound_chat.store.scripts import FoundKey, Spent

FRESH_SECONDS = 1.0
STALE_SECONDS = 300.0
"""How long cached keys are valid while Redis is unavailable: they only give access to local counters."""
USED_SECONDS = 60.0
"""The precision of `last_used_at`."""
MOST_KNOWN = 10_000
"""Most cached ids, so that somebody who tries random keys can't fill the memory."""
SESSION_SECONDS = 12 * 3600
SESSION_FRESH_SECONDS = 10.0
"""How long the key of a session is known: it never changes. Whether the key is valid is asked each second."""
_NOBODY = ""


class Keyring:
    """Reads and caches API keys for a process and its event loop."""

    def __init__(self, store: AsyncStore, *, local: bool) -> None:
        """`local`: only this machine reaches the service."""
        self._store = store
        self._keys = store.keys(ACCESS)
        self._must_ask = not local
        self._known: dict[str, tuple[FoundKey, float]] = {}
        self._noted: dict[str, float] = {}
        self._sessions: dict[str, tuple[str, float]] = {}
        self._reads = Sharing[FoundKey]()
        self._spends = Sharing[Spent]()

    async def prepare(self) -> None:
        """Reads whether there are keys, in case Redis is unavailable at the first request."""
        with suppress(StoreError):
            await self.requires_key()

    async def requires_key(self, *, while_away: bool = False) -> bool:
        """Returns whether callers need a key: always if other machines can reach the service, else once there is one.

        While there is none, each call reads Redis, so that nobody is served without a key once there is one.
        `while_away`: return the last known answer if Redis is unavailable.
        """
        if not self._must_ask:
            try:
                # A revoked key counts too: revoking the last one must not open the service.
                self._must_ask = (await self._read(_NOBODY)).any
            except StoreUnavailable:
                if not (while_away and self._found_within(_NOBODY, STALE_SECONDS)):
                    raise
        return self._must_ask

    async def required_key_lately(self) -> bool:
        """Returns whether callers needed a key within the last second, for long requests."""
        return self._must_ask or (await self.find(_NOBODY)).any

    async def find(self, key_id: str) -> FoundKey:
        """Returns the key with that id, at most a second old."""
        if found := self._found_within(key_id, FRESH_SECONDS):
            return found
        try:
            return await self._read(key_id)
        except StoreUnavailable:
            if found := self._found_within(key_id, STALE_SECONDS):
                return found
            raise

    def _found_within(self, key_id: str, seconds: float) -> FoundKey | None:
        found, read_at = self._known.get(key_id, (None, 0.0))
        return found if time.monotonic() - read_at < seconds else None

    async def _read(self, key_id: str) -> FoundKey:
        return (await self._reads.ask(key_id, lambda _: self._read_now(key_id)))[1]

    async def _read_now(self, key_id: str) -> FoundKey:
        began = time.monotonic()
        found = await self._store.run(scripts.read_key(self._keys, key_id))
        if notices.open:
            notices.over("redis", "Redis works again")
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known[key_id] = (found, began)
        return found

    async def begin_session(self, key_id: str) -> str:
        """Begins a session of the pages; returns its token, of which only the hash is stored."""
        session = secrets.token_urlsafe(32)
        name = self._keys.session(digest_of(session))
        await self._store.ask(lambda redis: redis.set(name, key_id, ex=SESSION_SECONDS))
        return session

    async def key_of_session(self, session: str) -> str:
        """Returns the id of the key of a session, known for a few seconds; empty if there is no such session."""
        name, now = self._keys.session(digest_of(session)), time.monotonic()
        key_id, read_at = self._sessions.get(name, ("", 0.0))
        if session and now - read_at >= SESSION_FRESH_SECONDS:
            self._sessions.pop(name, None)
            key_id = await self._store.ask(lambda redis: redis.get(name)) or ""
            # Only sessions that exist, so that somebody who tries random cookies can't fill the memory.
            if key_id:
                if len(self._sessions) >= MOST_KNOWN:
                    self._sessions.clear()
                self._sessions[name] = (key_id, now)
        return key_id

    async def end_session(self, session: str) -> None:
        """Ends a session: here at once, and within seconds in other processes."""
        name = self._keys.session(digest_of(session))
        await self._store.ask(lambda redis: redis.delete(name))
        self._sessions.pop(name, None)

    async def count(self, key: ApiKey) -> Spent | None:
        """Counts a request of a key with a rate, and notes that the key was used. Returns None if it has no rate."""
        now = time.monotonic()
        if key.rate is None and now - self._noted.get(key.id, -USED_SECONDS) < USED_SECONDS:
            return None
        self._noted[key.id] = now
        try:
            place, spent = await self._spends.ask(
                key.id, lambda requests: self._store.run(scripts.spend_key(self._keys, key.id, key.rate, requests))
            )
        except StoreUnavailable:
            if key.rate:
                raise
            return None
        return spent.of_request(place) if key.rate else None

    async def all(self) -> list[ApiKey]:
        """Returns all keys, in no particular order."""
        return await self._store.run(scripts.read_keys(self._keys))

    async def spend(self, key: ApiKey, requests: int) -> Spent:
        """Counts several requests of a key at once."""
        return await self._store.run(scripts.spend_key(self._keys, key.id, key.rate, requests))
