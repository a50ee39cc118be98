"""What operators ask of encryption: which keys jobs need."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from outbound_chat.store.keys import Keys
from outbound_chat.store.scripts._reply import rows
from outbound_chat.store.scripts._script_call import ScriptCall


@dataclass(frozen=True, slots=True)
class KeyIdsPage:
    """Which keys the jobs of a page need."""

    cursor: str
    """Of the next page; `FIRST_PAGE` again when none is left."""
    looked: int
    jobs: Mapping[str, int]
    """Name of a key → jobs that can't be read without it."""


def read_key_ids(keys: Keys, *, index: str, cursor: str) -> ScriptCall[KeyIdsPage]:
    """A page of jobs. `index`: `expiry` for those that are not final, `dead:STATE:CODE` for those that ended so."""

    def read(reply: list[Any]) -> KeyIdsPage:
        return KeyIdsPage(str(reply[0]), int(reply[1]), {name: int(jobs) for name, jobs in rows(reply, 2, 2)})

    return ScriptCall("read_key_ids", keys, [index, cursor], read)
