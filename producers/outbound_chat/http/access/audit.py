"""The audit log: who changed what over HTTP. It holds ids and names, never numbers, texts or reasons."""

import json
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect

from outbound_chat.client.steps.validation import INVALID_CURSOR
from outbound_chat.http.wire.codes import ProblemCode
from outbound_chat.http.wire.problems import problem_of
from outbound_chat.model.audit import AuditEntry, AuditPage
from outbound_chat.model.errors import InvalidJob, OutboundChatError
from outbound_chat.model.ids import split_id
from outbound_chat.model.times import from_ms, in_ms, to_ms, utc_now
from outbound_chat.store import ACCESS, AsyncStore, scripts

if TYPE_CHECKING:
    from outbound_chat.client import AsyncOutboundChat
    from outbound_chat.http.access.restrictions import Restrictions

DONE, INTERRUPTED = "done", "interrupted"
LONGEST_TARGET = 200
MOST = 100_000
KEEP = timedelta(days=30)
_is_cursor = re.compile("[0-9]{1,15}-[0-9]{1,15}").fullmatch
_log = logging.getLogger("outbound_chat.http.audit")


class AuditLog:
    """The audit log of a store."""

    def __init__(self, store: AsyncStore) -> None:
        self._store, self._keys = store, store.keys(ACCESS)

    async def add(self, key_id: str, key_name: str, action: str, target: str = "", outcome: str = DONE) -> None:
        """Adds an entry. If it can't be stored, it is logged as an error, since what was done stays done."""
        if outcome != DONE and split_id(target.rpartition(" ")[2]) is None:
            # Whatever the caller sent instead of a name, which may be a number.
            target = target.partition(" ")[0]
        target = target[:LONGEST_TARGET]
        entry = {"key_id": key_id, "key_name": key_name, "action": action, "target": target, "outcome": outcome}
        try:
            if outcome != ProblemCode.STORE_UNAVAILABLE:  # nobody should wait for Redis twice
                await self._store.run(scripts.log_change(self._keys, entry, most=MOST, keep=KEEP))
                return
        except OutboundChatError as error:
            entry["outcome"] += f"; {error}"
        _log.error("the audit log lacks: key %(key_id)s (%(key_name)r), %(action)s %(target)r: %(outcome)s", entry)

    async def page(self, cursor: str | None, limit: int) -> AuditPage:
        """Returns a page, newest first."""
        if cursor and not _is_cursor(cursor):
            raise InvalidJob([INVALID_CURSOR])
        last = f"({cursor}" if cursor else "+"
        since = to_ms(utc_now()) - in_ms(KEEP)
        rows = await self._store.ask(lambda redis: redis.xrevrange(self._keys.audit_log, last, str(since), count=limit))
        entries = (
            AuditEntry(at=from_ms(int(number.partition("-")[0])), **json.loads(fields["entry"]))
            for number, fields in rows
        )
        return AuditPage(entries=tuple(entries), cursor=rows[-1][0] if len(rows) == limit else None)


@dataclass(frozen=True)
class Scoped:
    """The calls of a noun, within the restrictions of an API key."""

    _client: "AsyncOutboundChat"
    _restrictions: "Restrictions"

    @property
    def unrestricted(self) -> "AsyncOutboundChat":
        """The client itself, for what covers all tenants and senders. Raises `Problem` if the key has restrictions."""
        self._restrictions.require_none()
        return self._client

    @asynccontextmanager
    async def audited(self, action: str, target: str) -> AsyncIterator[list[str]]:
        """Adds what the block does to the audit log when it ends. `target`: a noun, then an id or name; never a number
        or text. Yields targets, to which the block may add the one that it made.
        """
        targets, outcome = [target], INTERRUPTED
        try:
            yield targets
            outcome = DONE
        except ClientDisconnect:
            raise
        except Exception as error:
            outcome = problem_of(error).code
            raise
        finally:
            given = self._restrictions
            await given.audit_log.add(given.key_id, given.key_name, action, targets[-1], outcome)


class ScopedAudit(Scoped):
    """The audit log."""

    async def page(self, cursor: str | None, limit: int) -> AuditPage:
        """Returns a page, newest first. Requires a key without restrictions."""
        self._restrictions.require_none()
        return await self._restrictions.audit_log.page(cursor, limit)
