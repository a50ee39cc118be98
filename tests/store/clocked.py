"""A ledger whose clock the test sets: Redis' own can neither be stopped nor put back."""

import hashlib
from functools import cache
from typing import Any, TypeVar

from redis.exceptions import NoScriptError

from outbound_chat.store import Call, Store
from outbound_chat.store.scripts import load_script

from .ledger import Ledger

T = TypeVar("T")

_TIME = "redis.call('TIME')"
START_MS = 1_800_000_000_000


@cache
def _clocked(name: str) -> tuple[str, str]:
    """The script with the reply to TIME in KEYS[2] and KEYS[3], and its hash."""
    source = load_script(name).source
    assert source.count(_TIME) == 1, f"{name} asks for the time once, in lib/base.lua"
    source = source.replace(_TIME, "{ KEYS[2], KEYS[3] }")
    return source, hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()


class ClockedStore(Store):
    """Runs the scripts at `now_ms`. What ends by a TTL ends in real time all the same."""

    now_ms = START_MS

    def run(self, call: Call[T]) -> T:
        source, sha = _clocked(call.script)
        seconds, ms = divmod(self.now_ms, 1000)
        keys = (call.keys.base, str(seconds), str(ms * 1000))
        try:
            reply = self.redis.evalsha(sha, len(keys), *keys, *call.args)
        except NoScriptError:
            reply = self.redis.eval(source, len(keys), *keys, *call.args)
        return call.read(reply)


class ClockedLedger(Ledger):
    """A ledger at the time of its store."""

    def __init__(self, store: ClockedStore, redis: Any) -> None:
        super().__init__(store, redis)
        self.clock = store

    def now_ms(self) -> int:
        return self.clock.now_ms
