"""Reads why a job waits: the facts from which `client/steps/why.py` makes a reason."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from outbound_chat.model.errors import WrittenByNewerVersion
from outbound_chat.model.jobs import Job
from outbound_chat.store.keys import Keys
from outbound_chat.store.records import readable_job
from outbound_chat.store.scripts._reply import rows
from outbound_chat.store.scripts._script_call import ScriptCall


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitFacts:
    """Why a job waits. Those before `scope` are numbers of jobs; all but `position` and `waiting` are estimates."""

    position: int
    """Jobs of its lane that go before it; `in_ring`, `behind_gate`: those of other lanes of its priority."""
    in_ring: int
    behind_gate: int
    others: int
    """Due jobs of other priorities."""
    share: int
    """Percentage of the calls that its priority gets while there are `others`."""
    waiting: int
    """Waiting jobs of the whole budget."""
    scope: str
    """The scope of the rule that stops its lane, and until when; empty: no rule does."""
    rule: Literal["", "hold", "probe", "concurrency", "chats", "number"]
    until_ms: float | None
    owner: Literal["", "person", "cancel", "system"]
    """Who holds the scope, and the stored hold; `probing`: whether one of its jobs is being tried now."""
    hold: Mapping[str, Any]
    probing: bool
    budget_hold: Mapping[str, Any]
    """A person's stored hold of the whole budget; empty: there is none."""
    limits: Mapping[str, Any]
    """The limits of its sender; `number_parts`: message parts that its number may send now."""
    number_parts: float | None
    rate: float | None
    """Calls a second; this and the next two are None while the budget has no settings."""
    ceiling: float | None
    tokens: float | None
    workers: int
    pumps: int
    asked: int
    """Requests for a pump without an answer."""
    lacking: str
    """Name of the encryption key that it needs and no worker has; empty: none."""
    capped: bool
    """Whether it waits because its recipient was contacted as often as the sender may."""
    lasted: float | None
    """How many seconds chats of its instance lasted on average, for the rule `chats`; None: not known."""


def _fact(kind: Any, text: str) -> object:
    if kind in {int, bool}:
        return kind(float(text))
    if kind == float | None:
        return float(text) if text else None
    # Lua may write an empty table as a list.
    return json.loads(text or "{}") or {} if kind == Mapping[str, Any] else text


def _facts(reply: list[Any]) -> WaitFacts | None:
    found: dict[str, str] = dict(rows(reply, 3, 2))
    facts: dict[str, Any] = {one.name: _fact(one.type, found[one.name]) for one in fields(WaitFacts) if found}
    return WaitFacts(**facts) if facts else None


@dataclass(frozen=True, slots=True)
class Found:
    """A job at this time of Redis; `waiting` is None if the job does not wait."""

    now_ms: float
    job: Job
    waiting: WaitFacts | None


def why(keys: Keys, local_id: str, *, of_batch: bool = False) -> ScriptCall[Found | None]:
    """Reads what a job waits for; None: it has no readable record. `of_batch`: the id is that of a batch, of which the
    next job is meant; None: no job of it waits.
    """

    def read(reply: list[Any]) -> Found | None:
        if len(reply) == 1:
            return None
        if reply[1] == "newer":
            raise WrittenByNewerVersion(f"{keys.budget}.{local_id}")
        now_ms = int(reply[0])
        job = readable_job(keys.budget, reply[2], reply[1], now_ms)
        return Found(now_ms, job, _facts(reply)) if job else None

    return ScriptCall("why", keys, [local_id, int(of_batch)], read)
