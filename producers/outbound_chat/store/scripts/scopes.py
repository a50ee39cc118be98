"""Reads what a budget still has of senders and instances that now belong to another budget."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from outbound_chat.store.keys import Keys
from outbound_chat.store.scripts._reply import rows
from outbound_chat.store.scripts._script_call import ScriptCall


@dataclass(frozen=True, slots=True)
class Left:
    """What a budget still has of a sender or instance."""

    open: bool
    """Whether jobs of it wait or are being called, or may do so, since not all jobs were read."""
    listed: int
    """Numbers on its suppression lists."""


def read_scopes(keys: Keys, scopes: Sequence[str]) -> ScriptCall[list[Left]]:
    """Reads what the budget has of each scope, `sender:NAME` or `instance:ID`, in their order."""

    def read(reply: list[Any]) -> list[Left]:
        return [Left(jobs == 1, int(listed)) for jobs, listed in rows(reply, 0, 2)]

    return ScriptCall("read_scopes", keys, list(scopes), read)
