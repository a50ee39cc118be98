"""What callers ask of a job that waits: the facts, of which `client/steps/why.py` makes a reason."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from outbound_chat.model.errors import WrittenByNewerVersion
from outbound_chat.model.jobs import Job
from outbound_chat.store.keys import Keys
from outbound_chat.store.records import UnreadableRecord, job_from_head
from outbound_chat.store.scripts._reply import rows
from outbound_chat.store.scripts._script_call import ScriptCall


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitFacts:
    """Why a job waits. The first six are numbers of jobs; all but `position` and `waiting` are estimates."""

    position: int
    """Of its lane, that go before it; `in_ring` and `behind_gate`: of other lanes of its priority."""
    in_ring: int
    behind_gate: int
    others: int
    """Of other priorities, that are due."""
    share: int
    """Percent of the calls that its priority has beside `others`."""
    waiting: int
    """Of the whole budget."""
    scope: str
    """What the rule that stops its lane is about, and until when; empty: none does."""
    rule: Literal["", "hold", "probe", "concurrency", "chats", "number"]
    until_ms: float | None
    owner: Literal["", "person", "cancel", "system"]
    """Who holds the scope, and what is kept of that hold; `probing`: one job of it is tried now."""
    hold: Mapping[str, Any]
    probing: bool
    budget_hold: Mapping[str, Any]
    """What is kept of a person's hold of the whole budget; empty: there is none."""
    limits: Mapping[str, Any]
    """Of its sender; `number_parts`: message parts that its number may send now."""
    number_parts: float | None
    rate: float | None
    """Calls a second; with the next two None while nobody wrote the budget's settings."""
    ceiling: float | None
    tokens: float | None
    workers: int
    pumps: int
    asked: int
    """Requests for a pump that nobody answered."""
    lacking: str
    """Name of the encryption key that it needs and no worker has; empty: none."""


def _fact(kind: Any, text: str) -> object:
    if kind in {int, bool}:
        return kind(float(text))
    if kind == float | None:
        return float(text) if text else None
    # What Lua knows as an empty table may come as a list.
    return json.loads(text or "{}") or {} if kind == Mapping[str, Any] else text


def _facts(reply: list[Any]) -> WaitFacts | None:
    found: dict[str, str] = dict(rows(reply, 2, 2))
    facts: dict[str, Any] = {one.name: _fact(one.type, found[one.name]) for one in fields(WaitFacts) if found}
    return WaitFacts(**facts) if facts else None


@dataclass(frozen=True, slots=True)
class Found:
    """A job as it stands, by the clock of Redis; `waiting` is None when it does not wait."""

    now_ms: float
    job: Job
    waiting: WaitFacts | None


def why(keys: Keys, local_id: str) -> ScriptCall[Found | None]:
    """What a job waits for; None: it has no record that can be read."""

    def read(reply: list[Any]) -> Found | None:
        if len(reply) == 1:
            return None
        if reply[1] == "newer":
            raise WrittenByNewerVersion(f"{keys.budget}.{local_id}")
        now_ms = int(reply[0])
        try:
            job = job_from_head(keys.budget, local_id, reply[1], now_ms)
        except UnreadableRecord:
            return None
        return Found(now_ms, job, _facts(reply))

    return ScriptCall("why", keys, [local_id], read)
