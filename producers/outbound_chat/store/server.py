"""What a Redis server tells of itself, as far as it does: managed services and ACL users may refuse INFO and CONFIG."""

import time
from collections.abc import Callable
from typing import Any

from redis.exceptions import ResponseError

from outbound_chat.store.connection import translated
from outbound_chat.store.store import Store

ASKED = ("appendfsync", "save", "maxmemory-policy")


def server_info(store: Store) -> dict[str, Any]:
    """The answer to INFO, empty where it is refused, and `clock_skew`: seconds that this machine's clock is ahead."""
    with translated():
        seconds, micros = store.redis.time()
        skew = time.time() - seconds - micros / 1_000_000
        return {**_unless_refused(store.redis.info), "clock_skew": skew}


def server_config(store: Store) -> dict[str, Any]:
    """How the server keeps jobs, by the names of its configuration; empty where CONFIG is refused."""
    with translated():
        return _unless_refused(lambda: store.redis.config_get(*ASKED))


def _unless_refused(ask: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        answer = ask()
    except ResponseError:
        # By the rights of this user, or by a managed service, which has taken the command away.
        return {}
    # The client of a cluster may answer for each node by its address.
    of_nodes = [part for name, part in answer.items() if ":" in name and isinstance(part, dict)]
    return of_nodes[0] if of_nodes else answer
