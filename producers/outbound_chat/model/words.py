"""Words that commands and the doctor's findings share."""

from outbound_chat.model.operations import Hold
from outbound_chat.model.times import when

HELD_BY = {"person": "held by a person", "system": "held by the system", "cancel": "being cancelled"}


def number_of(count: int, noun: str, plural: str = "") -> str:
    """Returns `1 job`, `2 jobs` or `1,000 jobs`."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def held_by(hold: Hold) -> str:
    """Returns `held by a person since 2026-05-01 09:00:00 CEST`."""
    return f"{HELD_BY[hold.owner]} since {when(hold.since)}"


def release_command(hold: Hold) -> str:
    """Returns the command that ends the hold, or probes it at once."""
    return f"outbound-chat release --{hold.scope} {hold.name}"
