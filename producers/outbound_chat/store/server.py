"""What Redis servers tell of themselves, where they do: managed services and ACL users may refuse INFO and CONFIG."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from redis.exceptions import ResponseError

from outbound_chat.model.errors import StoreUnavailable
from outbound_chat.store.store import Store

ASKED = ("appendfsync", "save", "maxmemory-policy", "cluster-enabled", "cluster-require-full-coverage")


@dataclass(frozen=True, slots=True)
class Server:
    """One server that holds jobs: the only one, or a primary of a cluster."""

    name: str
    """Host and port; empty for the only one."""
    info: dict[str, Any]
    """The answer to INFO, empty where it is refused, and `clock_skew`: seconds that this machine's clock is ahead."""
    config: dict[str, Any]
    """How the server keeps jobs, by the names of its configuration; empty where CONFIG is refused."""
    away: str = ""
    """Why it gives no answer; empty if it does."""


def read_servers(store: Store) -> list[Server]:
    """All servers that hold jobs.

    Raises:
        StoreUnavailable: the only one gives no answer, or no node of the cluster does.
    """
    if not store.clustered:
        return [_read(store, "")]
    found = []
    for node in store.ask(lambda redis: redis.get_primaries()):
        try:
            found.append(_read(store, node.name, target_nodes=node))
        except StoreUnavailable as error:
            found.append(Server(node.name, {}, {}, str(error)))
    return found


def _read(store: Store, name: str, **where: Any) -> Server:
    def skew(redis: Any) -> float:
        seconds, micros = redis.time(**where)
        return time.time() - float(seconds) - float(micros) / 1_000_000

    info = {**_unless_refused(store, lambda redis: redis.info(**where)), "clock_skew": store.ask(skew)}
    return Server(name, info, _unless_refused(store, lambda redis: redis.config_get(*ASKED, **where)))


def _unless_refused(store: Store, question: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
    def ask(redis: Any) -> dict[str, Any]:
        try:
            return question(redis)
        except ResponseError:
            # By the rights of this user, or by a managed service, which has taken the command away.
            return {}

    return store.ask(ask)
