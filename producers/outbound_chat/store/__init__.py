"""The store: the data in Redis, and the only ways to change it.

It contains no policy (what to retry, how to validate) and does not know Celery. The main idea: Redis holds the truth,
and every change of a job's state is an atomic Lua script. `scripts` has a typed function for each; a store runs them.
"""

from outbound_chat.store import scripts
from outbound_chat.store.faults import Forbidden, lacking
from outbound_chat.store.keys import ACCESS, KINDS, KeyKind, Keys, Lifetime
from outbound_chat.store.scripts import ScriptCall
from outbound_chat.store.store import Store
from outbound_chat.store.store_async import AsyncStore
from outbound_chat.store.subscription import AsyncSubscription

__all__ = [
    "ACCESS",
    "KINDS",
    "AsyncStore",
    "AsyncSubscription",
    "Forbidden",
    "KeyKind",
    "Keys",
    "Lifetime",
    "ScriptCall",
    "Store",
    "lacking",
    "scripts",
]
