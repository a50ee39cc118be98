"""What operators list: the batches of a budget."""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from outbound_chat.store.keys import Keys
from outbound_chat.store.scripts._script_call import ScriptCall
from outbound_chat.store.scripts.batches import BatchRecord, is_sound
from outbound_chat.store.scripts.forecast import held_by

MOST_BATCHES = 100
HEAD = 3
"""Values of a batch before the fields of its record."""

Part = Literal["open", "ended"]


@dataclass(frozen=True, slots=True)
class ListedBatch:
    """A batch as a list has it."""

    local_id: str
    record: BatchRecord
    held_by: str
    """In words; empty: nobody does, or nothing of it waits."""


@dataclass(frozen=True, slots=True)
class ListedBatches:
    """Some batches of one part of the list."""

    workers: int
    batches: tuple[ListedBatch, ...]
    after: tuple[str, str] | None
    """Where to go on; None: there are no more in this part."""


def read_batches(
    keys: Keys, *, part: Part, after: tuple[str, str] | None, senders: Collection[str], tenant: str, count: int
) -> ScriptCall[ListedBatches]:
    """At most `MOST_BATCHES` batches of a part: those that are not final, the newest first, or those that ended, the
    last first. `after`: as the page before said. `senders`, `tenant`: empty for all.
    """

    def read(reply: list[Any]) -> ListedBatches:
        now_ms, workers, width, score, before, *rest = reply
        return ListedBatches(
            workers=int(workers),
            batches=tuple(_batches(int(now_ms), rest, int(width))),
            after=(score, before) if score else None,
        )

    wanted = f" {' '.join(senders)} " if senders else ""
    return ScriptCall("read_batches", keys, [part, *(after or ("", "")), wanted, tenant, count], read)


def _batches(now_ms: int, rest: list[Any], width: int) -> Iterator[ListedBatch]:
    for start in range(0, len(rest), width):
        local_id, scheduled, stop, *pairs = rest[start : start + width]
        fields = dict(zip(pairs[::2], pairs[1::2], strict=True))
        # One that another program wrote over can't be counted; whoever asks for it by its id is told so.
        if is_sound(fields):
            record = BatchRecord(now_ms, int(scheduled), fields, None)
            yield ListedBatch(str(local_id), record, held_by(*json.loads(stop)) if stop else "")
