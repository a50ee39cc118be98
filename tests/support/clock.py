"""A ledger whose clock the test sets, since that of Redis can neither be stopped nor put forward."""

import hashlib
from datetime import datetime
from functools import cache

from redis.exceptions import NoScriptError

from outbound_chat.model.times import from_ms, to_ms
from outbound_chat.store import ScriptCall, Store
from outbound_chat.store.scripts._loader import load_script
from tests.support.waiting import T

_TIME = "redis.call('TIME')"


@cache
def _clocked(name: str) -> tuple[str, str]:
    """The script with the reply to TIME at the end of its last key, and its hash."""
    source = load_script(name).source
    assert source.count(_TIME) <= 1, f"{name} asks for the time once at most, in lib/base.lua"
    source = source.replace(_TIME, "{ string.match(KEYS[#KEYS], '(%d+) (%d+)$') }")
    return source, hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()


class ClockedStore(Store):
    """Runs the scripts at `now`. The lifetimes of keys, which Redis ends by itself, run by real time all the same."""

    now_ms = 1_800_000_000_000
    latest_ms = 0
    """The latest time that a script was run at."""

    @property
    def now(self) -> datetime:
        """The time, as people write it."""
        return from_ms(self.now_ms)

    @now.setter
    def now(self, instant: datetime) -> None:
        self.now_ms = to_ms(instant)

    def run(self, call: ScriptCall[T]) -> T:
        self.latest_ms = max(self.latest_ms, self.now_ms)
        source, sha = _clocked(call.script)
        seconds, ms = divmod(self.now_ms, 1000)
        # A key of the budget, or a cluster would refuse it as one of another slot.
        keys = (*call.keys.declared, f"{call.keys.base}{seconds} {ms * 1000}")
        try:
            reply = self.redis.evalsha(sha, len(keys), *keys, *call.args)
        except NoScriptError:
            reply = self.redis.eval(source, len(keys), *keys, *call.args)
        return call.read(reply)
