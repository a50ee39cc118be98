"""The scripts with which a worker looks for chats whose end no event reported."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from outbound_chat.store.keys import Keys
from outbound_chat.store.scripts._reply import rows
from outbound_chat.store.scripts._script_call import ScriptCall


@dataclass(frozen=True, slots=True)
class WatchedInstance:
    """The chats of an instance, in the time of Redis."""

    now_ms: int
    open: int
    """Chats that count."""
    full: bool
    """Whether jobs wait since there are too many."""
    last_ms: int
    """When the last event came; 0: never."""
    swept_ms: int
    """Until when lost ends were looked for; 0: never."""


def watch_chats(
    keys: Keys, *, worker: str, turn_ms: int, instances: Sequence[str]
) -> ScriptCall[Mapping[str, WatchedInstance] | None]:
    """Reads the chats of instances, and takes the turn to look for lost ends; None: another worker has it."""

    def read(reply: list[Any]) -> Mapping[str, WatchedInstance] | None:
        if not reply:
            return None
        found = zip(instances, rows(reply, 1, 4), strict=True)
        return {
            name: WatchedInstance(int(reply[0]), is_open, full == 1, int(last_ms), int(swept_ms))
            for name, (is_open, full, last_ms, swept_ms) in found
        }

    return ScriptCall("watch_chats", keys, [worker, turn_ms, *instances], read)


def note_swept(keys: Keys, *, instance: str, swept_ms: int, contacts: Sequence[str] = ()) -> ScriptCall[list[bool]]:
    """Notes until when lost ends were looked for; returns for each contact whether it is open or a job started it."""
    return ScriptCall("note_swept", keys, [instance, swept_ms, *contacts], lambda reply: [one == 1 for one in reply])
