"""Shows holds, and which of them stop a job."""

from collections import Counter
from collections.abc import Iterable, Sequence

from rich.text import Text

from outbound_chat.cli.tables import make_table, print_table, time_cell
from outbound_chat.model.jobs import Job
from outbound_chat.model.operations import Hold
from outbound_chat_config import Settings

_OWNERS = {"person": "a person", "system": "the system", "cancel": "a cancellation"}


def print_holds(holds: Sequence[Hold]) -> None:
    """Prints a table of holds; one that exists in several budgets is printed with each of them."""
    counts = Counter((hold.owner, hold.scope, hold.name) for hold in holds)
    columns, lesser = ("scope", "name", "budget", "held by", "reason"), ("next try", "since", "budget")
    table = make_table(*columns, "since", "next try", folds={"reason": 20}, extras=lesser)
    for hold in holds:
        in_several = counts[hold.owner, hold.scope, hold.name] > 1
        reason = f"{hold.code + ': ' if hold.code else ''}{hold.reason}"
        names = (hold.scope, Text(hold.name, style="bold"), hold.budget if in_several else "", _OWNERS[hold.owner])
        table.add_row(*names, Text(reason, style="yellow"), time_cell(hold.since), time_cell(hold.probe_at))
    print_table(table)


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
