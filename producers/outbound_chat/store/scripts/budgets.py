"""What operators see of a whole budget."""

from typing import Any

from outbound_chat.model.operations import BudgetStatus, Hold
from outbound_chat.store.keys import Keys
from outbound_chat.store.records import from_ms
from outbound_chat.store.scripts._script_call import ScriptCall
from outbound_chat.store.scripts.batches import is_count

PLACES = ("waiting", "leased", "sent", "failed", "expired", "cancelled", "uncertain", "unreadable")


def read_budget(keys: Keys, holds: list[Hold]) -> ScriptCall[BudgetStatus]:
    """How the budget is doing; `holds`: as read before, to be told with it."""

    def read(reply: list[Any]) -> BudgetStatus:
        _, rate, ceiling, burst, workers, pumps, oldest, waiting, posting, dead, *pairs = reply
        counts = {
            field: int(count or 0) for field, count in zip(pairs[::2], pairs[1::2], strict=True) if is_count(count)
        }
        return BudgetStatus(
            name=keys.budget,
            rate=float(rate or 0),
            ceiling=float(ceiling or 0),
            burst=int(burst or 0),
            workers=workers,
            pumps=pumps,
            accepted=counts.get("accepted", 0),
            counts={place: counts.get(place, 0) for place in PLACES},
            oldest_due=from_ms(int(oldest)) if oldest else None,
            holds=tuple(holds),
            webhooks={"waiting": waiting, "posting": posting, "dead": dead},
        )

    return ScriptCall("read_budget", keys, [], read)
