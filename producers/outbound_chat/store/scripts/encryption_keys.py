"""Reads which encryption keys jobs need, for operators."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from outbound_chat.store.keys import Keys
from outbound_chat.store.scripts._reply import rows
from outbound_chat.store.scripts._script_call import ScriptCall


@dataclass(frozen=True, slots=True)
class KeyIdsPage:
    """The encryption keys that the jobs of a page need."""

    cursor: str
    """The cursor of the next page; `FIRST_PAGE` again if there is none."""
    looked: int
    """Jobs on this page."""
    jobs: Mapping[str, int]
    """Name of a key → jobs that can't be read without it."""


def read_key_ids(keys: Keys, *, index: str, cursor: str) -> ScriptCall[KeyIdsPage]:
    """Reads a page of jobs. `index`: `expiry` for jobs that are not final, `dead:STATE:CODE` for dead letters."""

    def read(reply: list[Any]) -> KeyIdsPage:
        return KeyIdsPage(str(reply[0]), int(reply[1]), {name: int(jobs) for name, jobs in rows(reply, 2, 2)})

    return ScriptCall("read_key_ids", keys, [index, cursor], read)
