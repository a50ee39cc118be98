"""Reads of how many messages receipts came, by source number and hour."""

from collections.abc import Mapping
from typing import Any

from outbound_chat.model.operations import NumberReceipts
from outbound_chat.model.times import LAST_MS, from_ms
from outbound_chat.store.keys import Keys
from outbound_chat.store.scripts._reply import rows
from outbound_chat.store.scripts._script_call import ScriptCall
from outbound_chat.store.scripts.batches import is_count

MOST_RECEIPTS = 200
"""Numbers and hours that one script reads."""
_MICROS = 1_000_000


def read_receipts(keys: Keys, *, since_ms: int, skip: int) -> ScriptCall[list[NumberReceipts]]:
    """Reads at most `MOST_RECEIPTS` numbers and hours after the first `skip`, in the order of the hours."""

    def read(reply: list[Any]) -> list[NumberReceipts]:
        found = (_receipts(keys.budget, row, dict(rows(fields, 0, 2))) for row, fields in rows(reply, 0, 2))
        return [one for one in found if one]

    return ScriptCall("read_receipts", keys, [since_ms, skip, MOST_RECEIPTS], read)


def _receipts(budget: str, row: str, fields: Mapping[str, str]) -> NumberReceipts | None:
    """Returns None for what another program wrote."""
    hour_ms, _, number = row.partition(":")
    counts = {name: min(int(count or 0), LAST_MS) for name, count in fields.items() if is_count(count)}
    if not is_count(hour_ms) or not number:
        return None
    return NumberReceipts(
        budget=budget,
        number=number,
        hour=from_ms(min(int(hour_ms or 0), LAST_MS)),
        messages=counts.get("messages", 0),
        kinds={name: count for name, count in sorted(counts.items()) if name.isupper()},
        refused=counts.get("refused", 0),
        matched=counts.get("matched", 0),
        parts=counts.get("parts", 0),
        price=counts.get("price", 0) / _MICROS,
        jumped_at=from_ms(counts["jumped"]) if "jumped" in counts else None,
    )
