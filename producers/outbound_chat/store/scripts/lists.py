"""Lists the batches of a budget, for operators."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from outbound_chat.store.keys import Keys
from outbound_chat.store.scripts._reply import rows
from outbound_chat.store.scripts._script_call import ScriptCall
from outbound_chat.store.scripts.batches import BatchRecord, record_of

MOST_BATCHES = 100

Part = Literal["open", "ended"]


@dataclass(frozen=True, slots=True)
class ListedBatch:
    """A batch in a list."""

    local_id: str
    record: BatchRecord


@dataclass(frozen=True, slots=True)
class ListedBatches:
    """Some batches of one part of the list."""

    workers: int
    batches: tuple[ListedBatch, ...]
    after: tuple[str, str] | None
    """Where the next page begins; None: there are no more in this part."""


def read_batches(
    keys: Keys, *, part: Part, after: tuple[str, str] | None, senders: Collection[str], tenant: str, count: int
) -> ScriptCall[ListedBatches]:
    """Reads at most `MOST_BATCHES` batches of a part: open ones, the newest first, or ended ones, the last first.

    `after`: as the previous page returned it. `senders`, `tenant`: empty for all.
    """

    def read(reply: list[Any]) -> ListedBatches:
        now_ms, workers, width, score, before = reply[:5]
        return ListedBatches(
            workers=int(workers),
            batches=tuple(_batches(int(now_ms), rows(reply, 5, int(width)))),
            after=(score, before) if score else None,
        )

    wanted = f" {' '.join(senders)} " if senders else ""
    return ScriptCall("read_batches", keys, [part, *(after or ("", "")), wanted, tenant, count], read)


def _batches(now_ms: int, listed: Iterator[Any]) -> Iterator[ListedBatch]:
    for local_id, scheduled, stop, *pairs in listed:
        # A record that another program wrote to is left out here; a look-up by its id is an error.
        if record := record_of(dict(rows(pairs, 0, 2)), now_ms, int(scheduled), stop):
            yield ListedBatch(str(local_id), record)
