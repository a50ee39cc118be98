"""Finds the batches that went out before with the same file, name or numbers, before their rows are sent again."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from outbound_chat.client.steps.base import Steps, ask
from outbound_chat.client.steps.batch_keys import FileKey, check_batch_key
from outbound_chat.client.steps.batch_rows import BatchRows
from outbound_chat.client.steps.context import Context
from outbound_chat.client.steps.progress import counts_of
from outbound_chat.client.steps.validation import check_durability
from outbound_chat.model.batches import EarlierBatch
from outbound_chat.model.errors import FieldError
from outbound_chat.model.times import from_ms
from outbound_chat.store import scripts
from outbound_chat.store.scripts import BatchRecord


def earlier_batches(
    context: Context, options: Mapping[str, Any], name: str, file: FileKey
) -> Steps[list[EarlierBatch]]:
    """Finds them, the newest first."""
    errors = list[FieldError]()
    check_batch_key(file, errors)
    check_durability(options.get("durability"), errors)
    rows = BatchRows(context, options, name, errors)
    keys, hashes = context.keys(rows.sender.budget), rows.hashes(file)
    call = scripts.find_batches(keys, batch_key=hashes.batch_key, alike=[*hashes.alike])
    found = yield from ask(call)
    batches = []
    for batch, same in _same(found, [*hashes.alike.values()]).items():
        if record := (yield from ask(scripts.read_batch(keys, batch, with_pace=False))):
            batches.append(_earlier(f"{keys.budget}.{batch}", record, same))
    return sorted(batches, key=lambda one: one.created_at, reverse=True)


def _same(found: scripts.FoundBatches, kinds: list[str]) -> dict[str, tuple[str, ...]]:
    """Returns for each batch what is the same: of the digests of its numbers, half must be."""
    same: dict[str, Counter[str]] = {found.of_key: Counter(["key"])} if found.of_key else {}
    for kind, ids in zip(kinds, found.alike, strict=True):
        for batch in ids:
            same.setdefault(batch, Counter())[kind] += 1
    digests = kinds.count("numbers")
    for counted in same.values():
        if 2 * counted["numbers"] < digests or not digests:
            del counted["numbers"]
    return {batch: tuple(counted) for batch, counted in same.items() if counted}


def _earlier(batch_id: str, record: BatchRecord, same: tuple[str, ...]) -> EarlierBatch:
    return EarlierBatch(
        id=batch_id,
        name=record.name,
        same=same,
        created_at=from_ms(record.created_at),
        closed=record.closed_at > 0,
        final_at=from_ms(record.final_at) if record.final_at else None,
        resumed_rows=record.rows,
        accepted=record.accepted,
        counts=counts_of(record),
    )
