"""What Redis keeps of syncs with the opt-out lists of AWS: which one is in progress, and how the last ones ended."""

import secrets
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from outbound_chat.model.times import in_ms
from outbound_chat.store.keys import Keys
from outbound_chat.store.scripts import is_count
from outbound_chat.store.store import Store

LEASE_MS = in_ms(timedelta(minutes=5))
"""How long others wait for a sync that shows no sign of life. It is longer than the pauses between two of its pages."""


class SyncLease:
    """Lets one sync of a budget run at a time."""

    def __init__(self, store: Store, keys: Keys) -> None:
        self._store, self._key, self._token = store, keys.opt_outs_lease, secrets.token_hex(8)

    def take(self) -> bool:
        """Returns whether no other sync is in progress, and keeps others out from then on."""
        key, token = self._key, self._token
        # The first answer may have been lost.
        return bool(self._store.ask(lambda redis: redis.set(key, token, nx=True, px=LEASE_MS) or self._is_ours(redis)))

    def renew(self) -> None:
        """Keeps others out for longer."""
        self._store.ask(lambda redis: redis.pexpire(self._key, LEASE_MS))

    def give_back(self) -> None:
        """Lets others in."""
        self._store.ask(lambda redis: self._is_ours(redis) and redis.delete(self._key))

    def _is_ours(self, redis: Any) -> bool:
        return bool(redis.get(self._key) == self._token)


class LastSync(NamedTuple):
    """When the opt-outs of a sender were last read; 0: never."""

    tried_ms: int
    done_ms: int
    error: str


def note_sync(store: Store, keys: Keys, sender: str, error: str) -> None:
    """Writes that a sync of a sender has ended, and why it failed; empty: it did not."""
    now = int(time.time() * 1000)
    fields = {f"tried:{sender}": now, f"error:{sender}": error} | ({} if error else {f"done:{sender}": now})
    store.ask(lambda redis: redis.hset(keys.opt_outs, mapping=fields))


def last_syncs(store: Store, keys: Keys, senders: Sequence[str]) -> dict[str, LastSync]:
    """Reads how the last sync of each sender ended."""
    names = [f"{name}:{sender}" for sender in senders for name in ("tried", "done", "error")]
    found = [one or "" for one in store.ask(lambda redis: redis.hmget(keys.opt_outs, names))] if names else []
    # Another program may have written them.
    ms = [int(one or 0) if is_count(one) else 0 for one in found]
    return {
        sender: LastSync(ms[place], ms[place + 1], found[place + 2])
        for place, sender in zip(range(0, len(found), 3), senders, strict=True)
    }
