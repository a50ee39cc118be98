"""Creates, reads, revokes and counts API keys, for the HTTP service. `keys`: those of `ACCESS`, not of a budget."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from outbound_chat.model.api_keys import ApiKey, KeyState, NewApiKey, RateLimit, Scope
from outbound_chat.model.errors import StoreError
from outbound_chat.model.times import from_ms, to_ms
from outbound_chat.store.keys import Keys
from outbound_chat.store.scripts._reply import rows
from outbound_chat.store.scripts._script_call import ScriptCall

_MS = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class StoredKey:
    """An API key and the hash that identifies it."""

    key: ApiKey
    digest: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class FoundKey:
    """The result of `read_key`."""

    any: bool
    """Whether any key has been created: then every request needs one."""
    stored: StoredKey | None
    """None: there is no such key."""


@dataclass(frozen=True, slots=True)
class Spent:
    """The result of counting a request."""

    wait_ms: int
    """0: all may pass; else the time until one more may."""
    left: int
    """Requests that may pass at once now."""
    full_ms: int
    """Time until the highest number of requests may pass at once."""
    passed: int
    """Requests of those that were counted that may pass."""

    def of_request(self, place: int) -> "Spent":
        """Returns the result for one of the requests that were counted, from 0: the first may pass."""
        return replace(self, wait_ms=0) if place < self.passed else self


def create_key(
    keys: Keys,
    key_id: str,
    *,
    digest: str,
    wanted: NewApiKey,
    lives: timedelta | None,
    until: datetime | None,
) -> ScriptCall[ApiKey]:
    """Stores a key; a repeat changes nothing. The key expires after `lives` or at `until`; never if both are None."""

    def read(reply: list[Any]) -> ApiKey:
        stored = _stored(key_id, reply[1], "", int(reply[0]))
        if stored is None or stored.digest != digest:
            raise StoreError(f"the id {key_id} of the new API key is already in use; create another key")
        return stored.key

    members = {
        "digest": digest,
        "name": wanted.name,
        "scopes": wanted.scopes,
        "tenant": wanted.tenant,
        "senders": wanted.senders,
        "rate": _limit(wanted.rate),
    }
    record = json.dumps(members, separators=(",", ":"))
    lives_ms, until_ms = lives // _MS if lives else 0, to_ms(until) if until else 0
    return ScriptCall("create_key", keys, [key_id, lives_ms, until_ms, record], read)


def read_key(keys: Keys, key_id: str) -> ScriptCall[FoundKey]:
    """Reads the key with that id, and whether there is any key."""
    return ScriptCall(
        "read_key",
        keys,
        [key_id],
        lambda reply: FoundKey(reply[1] > 0, _stored(key_id, reply[2], "", int(reply[0]))),
    )


def read_keys(keys: Keys) -> ScriptCall[list[ApiKey]]:
    """Reads all keys."""

    def read(reply: list[Any]) -> list[ApiKey]:
        now_ms = int(reply[0])
        found = ((key_id, _stored(key_id, text, used_ms, now_ms)) for key_id, text, used_ms in rows(reply, 1, 3))
        return [stored.key if stored else _unreadable(key_id) for key_id, stored in found]

    return ScriptCall("read_keys", keys, [], read)


def _unreadable(key_id: str) -> ApiKey:
    return ApiKey(id=key_id, name="", scopes=(), state=KeyState.UNREADABLE, created_at=from_ms(0))


def revoke_key(keys: Keys, key_id: str) -> ScriptCall[bool]:
    """Revokes a key; the result says whether there is one. A repeat changes nothing."""
    return ScriptCall("revoke_key", keys, [key_id], lambda reply: reply == "ok")


def spend_key(keys: Keys, key_id: str, rate: RateLimit | None, requests: int = 1) -> ScriptCall[Spent]:
    """Counts requests of a key, and notes that it was used. If the script runs twice, it counts all of them twice."""
    args: list[str | int] = [key_id, *(_limit(rate) or (0, 0)), requests]
    return ScriptCall("spend_key", keys, args, lambda reply: Spent(*map(int, reply)))


def log_change(keys: Keys, entry: Mapping[str, str], *, most: int, keep: timedelta) -> ScriptCall[bool]:
    """Adds an entry to the audit log. If the script runs twice, it is there twice."""
    return ScriptCall("log_change", keys, [most, keep // _MS, json.dumps(entry)], bool)


def _limit(rate: RateLimit | None) -> tuple[int, int] | None:
    return (rate.requests, rate.per // _MS) if rate else None


def _stored(key_id: str, text: str, used_ms: str, now_ms: int) -> StoredKey | None:
    """Reads a key from `created expires revoked`, newline, JSON; None: it is unreadable, so it gives no access."""
    head, _, record = text.partition("\n")
    try:
        created_ms, expires_ms, revoked_ms = map(int, head.split(" "))
        members = json.loads(record)
        rate = members["rate"]
        key = ApiKey(
            id=key_id,
            name=str(members["name"]),
            scopes=tuple(map(Scope, members["scopes"])),
            tenant=members["tenant"],
            senders=None if members["senders"] is None else tuple(map(str, members["senders"])),
            rate=RateLimit(int(rate[0]), int(rate[1]) * _MS) if rate else None,
            state=_state(expires_ms, revoked_ms, now_ms),
            created_at=from_ms(created_ms),
            expires_at=from_ms(expires_ms) if expires_ms else None,
            revoked_at=from_ms(revoked_ms) if revoked_ms else None,
            last_used_at=from_ms(int(used_ms)) if used_ms else None,
        )
        return StoredKey(key, str(members["digest"]))
    except (ArithmeticError, LookupError, OSError, RecursionError, TypeError, ValueError):
        return None


def _state(expires_ms: int, revoked_ms: int, now_ms: int) -> KeyState:
    if revoked_ms:
        return KeyState.REVOKED
    return KeyState.EXPIRED if expires_ms and now_ms >= expires_ms else KeyState.ACTIVE
