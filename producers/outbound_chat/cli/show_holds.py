"""Describes holds: who stops what, and which of them stop a job."""

from collections import Counter
from collections.abc import Iterable, Sequence

from rich.text import Text

from outbound_chat.cli.output import out
from outbound_chat.model.jobs import Job
from outbound_chat.model.operations import Hold
from outbound_chat_config import Settings

HELD_BY = {"person": "held by a person", "system": "held by the system", "cancel": "being cancelled"}


def held_by(hold: Hold) -> str:
    """Returns `held by a person since 2026-05-01 09:00:00+0200`."""
    return f"{HELD_BY[hold.owner]} since {hold.since.astimezone():%Y-%m-%d %H:%M:%S%z}"


def release_command(hold: Hold) -> str:
    """Returns the command that ends the hold, or probes it at once."""
    return f"outbound-chat release --{hold.scope} {hold.name}"


def print_holds(holds: Sequence[Hold]) -> None:
    """Prints a line for each hold; one that exists in several budgets is printed with each of them."""
    counts = Counter((hold.owner, hold.scope, hold.name) for hold in holds)
    for hold in holds:
        line = Text(f"{hold.scope} {hold.name}", style="bold")
        if counts[hold.owner, hold.scope, hold.name] > 1:
            line += Text(f"  in budget {hold.budget}")
        line += Text(f"  {held_by(hold)}", style="yellow")
        if hold.probe_at:
            line += Text(f"  next probe {hold.probe_at.astimezone():%H:%M:%S}")
        out.print(line + Text(f"  {hold.code + ': ' if hold.code else ''}{hold.reason}"))


def holds_of(job: Job, holds: Iterable[Hold], settings: Settings) -> list[Hold]:
    """Returns the holds that stop the job."""
    sender = settings.senders.get(job.sender)
    names = {
        "budget": job.id.partition(".")[0],
        "sender": job.sender,
        "instance": sender.instance_id if sender else None,
        "tenant": job.tenant,
        "batch": job.batch_id,
    }
    return [hold for hold in holds if hold.budget == names["budget"] and names[hold.scope] == hold.name]
