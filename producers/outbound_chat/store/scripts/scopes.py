"""What is left in a budget of senders and instances that belong to another one now."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from outbound_chat.store.keys import Keys
from outbound_chat.store.scripts._reply import rows
from outbound_chat.store.scripts._script_call import ScriptCall


@dataclass(frozen=True, slots=True)
class Left:
    """What a budget has of a sender or instance."""

    open: bool
    """Jobs of it wait or are called, or may be among more than were looked at."""
    listed: int
    """Numbers on its suppression lists."""


def read_scopes(keys: Keys, scopes: Sequence[str]) -> ScriptCall[list[Left]]:
    """What the budget has of each scope, `sender:NAME` or `instance:ID`, in their order."""

    def read(reply: list[Any]) -> list[Left]:
        return [Left(jobs == 1, int(listed)) for jobs, listed in rows(reply, 0, 2)]

    return ScriptCall("read_scopes", keys, list(scopes), read)
