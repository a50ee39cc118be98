"""What Redis keeps of syncs with the opt-out lists of AWS: whose turn it is, and how the last ones ended."""

import secrets
import time
from typing import Any, NamedTuple

from outbound_chat.store.keys import Keys
from outbound_chat.store.scripts import is_count
from outbound_chat.store.store import Store

LEASE_MS = 300_000
"""How long others wait for a sync that shows no sign of life."""


class SyncLease:
    """Keeps the syncs of a budget apart, so that they don't use up the calls that AWS allows."""

    def __init__(self, store: Store, keys: Keys) -> None:
        self._store, self._key, self._token = store, keys.opt_outs_lease, secrets.token_hex(8)

    def take(self) -> bool:
        """Keeps others out from now on, or for longer. Returns False if one of them is in progress."""

        def ask(redis: Any) -> bool:
            taken = redis.set(self._key, self._token, nx=True, px=LEASE_MS)
            return bool(taken or (redis.get(self._key) == self._token and redis.pexpire(self._key, LEASE_MS)))

        return self._store.ask(ask)

    def give_back(self) -> None:
        """Lets others in."""
        self._store.ask(lambda redis: redis.get(self._key) == self._token and redis.delete(self._key))


class LastSync(NamedTuple):
    """When the opt-outs of a sender were last read, in ms, 0: never; and why the last try failed, if it did."""

    tried: int
    done: int
    error: str


def note_sync(store: Store, keys: Keys, sender: str, error: str | None) -> None:
    """Writes that a sync of a sender has ended."""
    now = int(time.time() * 1000)
    fields = {f"tried:{sender}": now, f"error:{sender}": error or ""} | ({} if error else {f"done:{sender}": now})
    store.ask(lambda redis: redis.hset(keys.opt_outs, mapping=fields))


def last_sync(store: Store, keys: Keys, sender: str) -> LastSync:
    """Reads how the last sync of a sender ended."""
    names = [f"{name}:{sender}" for name in LastSync._fields]
    *times, error = [one or "" for one in store.ask(lambda redis: redis.hmget(keys.opt_outs, names))]
    # Another program may have written them.
    tried, done = (int(one or 0) if is_count(one) else 0 for one in times)
    return LastSync(tried, done, error)
