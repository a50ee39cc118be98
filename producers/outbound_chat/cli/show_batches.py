"""Shows batches: one as a record, several as a table; and the words for their states."""

from collections.abc import Iterable

from rich.text import Text

from outbound_chat.cli.output import when
from outbound_chat.cli.show_jobs import COLOURS
from outbound_chat.cli.tables import make_table, print_record, print_table, time_cell
from outbound_chat.model.batches import Batch, batch_state, failed, is_held
from outbound_chat.model.jobs import JobState


def print_batches(batches: Iterable[Batch]) -> None:
    """Prints a table of batches. A narrow terminal has no room for more than their states, counts and names.

    `sent` is the number of jobs that were sent, of all that were accepted.
    """
    columns = ("batch", "state", "sent", "failed", "cancelled", "rejected", "name", "created", "sender", "tenant")
    lesser = ("held by", "tenant", "sender", "created", "rejected", "cancelled", "failed")
    numbers = ("sent", "failed", "cancelled", "rejected")
    table = make_table(*columns, "held by", numbers=numbers, folds={"name": 11, "held by": 30}, extras=lesser)
    for one in batches:
        table.add_row(
            one.id,
            Text(batch_state(one), style="yellow" if is_held(one) else ""),
            f"{one.counts[JobState.SENT]:,}/{one.accepted:,}",
            _number(failed(one), "red"),
            _number(one.counts[JobState.CANCELLED], COLOURS[JobState.CANCELLED]),
            _number(one.rejected),
            one.name,
            time_cell(one.created_at),
            one.sender,
            one.tenant or "",
            Text(one.held_by, style="yellow"),
        )
    print_table(table)


def print_batch(batch: Batch) -> None:
    """Prints one batch as lines of a name and a value: what it is, how many of its jobs are in each state, its end."""
    counts = [(state, Text(f"{number:,}", style=COLOURS.get(state, ""))) for state, number in batch.counts.items()]
    print_record(
        [
            ("batch", batch.id),
            ("name", batch.name),
            ("state", batch_state(batch)),
            ("rows", f"{batch.accepted:,} accepted, {batch.rejected:,} rejected"),
            *((state, text) for state, text in counts if batch.counts[state]),
            ("unreadable", _number(batch.unreadable, "red")),
            ("delivery", deliveries_of(batch)),
            ("outlook", outlook_of(batch)),
        ]
    )


def deliveries_of(batch: Batch) -> str:
    """Describes what is known of the delivery of its sent jobs, such as `12 delivered, 988 unknown`; empty: none was
    sent.
    """
    known = [(state, number) for state, number in batch.deliveries.items() if number]
    return ", ".join(f"{number:,} {state}" for state, number in reversed(known))


def outlook_of(batch: Batch, *, brief: bool = False) -> str:
    """Describes the rate and the expected end of a batch; empty when none of it is left."""
    if batch.held_by:
        return f"{'held, ' if is_held(batch) else ''}no end known: {batch.held_by}"
    if batch.expected_end is None:
        return ""
    # While nothing is due, there is no rate.
    rate = f"{batch.rate:.3g}/s, " if batch.rate else ""
    return f"{rate}expected to end {when(batch.expected_end, brief=brief)}"


def _number(count: int, style: str = "") -> Text:
    return Text(f"{count:,}" if count else "", style=style)
