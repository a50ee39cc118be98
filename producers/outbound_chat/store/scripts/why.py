"""What callers ask of a job that waits: the facts, of which `client._why` makes a reason."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from outbound_chat.model.errors import NewerVersion
from outbound_chat.model.jobs import Job
from outbound_chat.store.keys import Keys
from outbound_chat.store.records import UnreadableRecord, job_from_head
from outbound_chat.store.scripts._reply import rows
from outbound_chat.store.scripts._script_call import ScriptCall


@dataclass(frozen=True, slots=True)
class Waiting:
    """The facts of a waiting job, by the names of `why.lua`."""

    facts: Mapping[str, str]

    def text(self, name: str) -> str:
        """A fact that is a word."""
        return self.facts[name]

    def number(self, name: str) -> float | None:
        """A fact that is a number; None where the script said nothing."""
        return float(self.facts[name]) if self.facts[name] else None

    def count(self, name: str) -> int:
        """A fact that is a whole number."""
        return int(float(self.facts[name]))

    def content(self, name: str) -> Mapping[str, Any]:
        """A fact that is an object; empty where there is none."""
        found: dict[str, Any] = json.loads(self.facts[name] or "{}")
        # What Lua knows as an empty table may come as a list.
        return found or {}


@dataclass(frozen=True, slots=True)
class Found:
    """A job as it stands, by the clock of Redis; `waiting` is None when it does not wait."""

    now_ms: float
    job: Job
    waiting: Waiting | None


def why(keys: Keys, local_id: str) -> ScriptCall[Found | None]:
    """What a job waits for; None: it has no record that can be read."""

    def read(reply: list[Any]) -> Found | None:
        if len(reply) == 1:
            return None
        if reply[1] == "newer":
            raise NewerVersion(f"{keys.budget}.{local_id}")
        now_ms = int(reply[0])
        try:
            job = job_from_head(keys.budget, local_id, reply[1], now_ms)
        except UnreadableRecord:
            return None
        facts = dict(rows(reply, 2, 2))
        return Found(now_ms, job, Waiting(facts) if facts else None)

    return ScriptCall("why", keys, [local_id], read)
