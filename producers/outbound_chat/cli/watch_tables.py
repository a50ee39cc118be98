"""Shows a snapshot of `watch` as tables that fit 80 columns, and the number of lines of the terminal."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from outbound_chat.cli.output import batch_state, clock_time
from outbound_chat.cli.show_holds import HELD_BY
from outbound_chat.cli.watch_snapshot import Snapshot
from outbound_chat.model.batches import Batch
from outbound_chat.model.jobs import JobState
from outbound_chat.model.operations import BudgetStatus, LaneStatus
from outbound_chat.model.why import WaitReason

WIDE = 100
"""Columns of a terminal that has room for the names of batches."""
FEWEST = 3
"""Lines that each table gets at least, however low the terminal is."""
_STOPS = {
    WaitReason.BUDGET_HELD: "budget held",
    WaitReason.HELD_BY_PERSON: "held",
    WaitReason.HELD_BY_SYSTEM: "AWS refuses",
    WaitReason.PROBING: "being probed",
    WaitReason.CANCELLING: "being cancelled",
    WaitReason.SENDER_CALLS: "calls at a time of its sender",
    WaitReason.BATCH_CALLS: "calls at a time of the batch",
    WaitReason.OPEN_CHATS: "open chats",
    WaitReason.NUMBER_PACE: "pace of its number",
}


def snapshot_tables(snapshot: Snapshot, *, width: int, height: int | None = None, note: str = "") -> RenderableType:
    """Returns a snapshot as it is printed. `height`: lines to use; None: as many as it needs. `note`: the last line."""
    above = list(_budgets(snapshot))
    lines = sum(1 + table.row_count if isinstance(table, Table) else 1 for table in above)
    # Two headings with their empty lines, two column heads, and the note.
    room = max(2 * FEWEST, height - lines - 8) if height else 10**9
    for_batches = min(len(snapshot.batches), max(FEWEST, room // 2))
    for_lanes = max(FEWEST, room - for_batches)
    parts = [*above, Text(), *_lanes(snapshot, for_lanes), Text(), *_batches(snapshot, for_batches, wide=width >= WIDE)]
    return Group(*parts, Text(note, style="dim"))


def _table(*columns: str, right: int) -> Table:
    """Returns a table whose last column takes the space that is left; the first `right` columns are numbers."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim", expand=False)
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place < right else "left", no_wrap=True, overflow="ellipsis")
    return table


def _budgets(snapshot: Snapshot) -> Iterator[RenderableType]:
    table = _table("waiting", "calling", "sent/s", "rate/s", "workers", "pumps", "budget", right=6)
    for budget in snapshot.budgets:
        speed = snapshot.sent_per_second[budget.name]
        table.add_row(
            f"{budget.counts['waiting']:,}",
            f"{budget.counts['leased']:,}",
            "" if speed is None else f"{speed:.1f}",
            _rate(budget),
            Text(str(budget.workers), style="" if budget.workers else "bold red"),
            str(budget.pumps),
            Text(budget.name, style="bold"),
        )
    yield table
    for budget in snapshot.budgets:
        for hold in budget.holds:
            line = Text(f"{hold.scope} {hold.name}", style="bold", no_wrap=True, overflow="ellipsis")
            said = f"  {HELD_BY[hold.owner]}: {hold.code + ': ' if hold.code else ''}{hold.reason}"
            yield line.append(said, style="yellow").append(f"  since {clock_time(hold.since)}", style="dim")


def _rate(budget: BudgetStatus) -> Text:
    """Returns the current rate, with the ceiling if that is higher."""
    if not budget.ceiling:
        return Text("")
    if budget.rate >= budget.ceiling * 0.995:
        return Text(f"{budget.ceiling:g}")
    return Text(f"{budget.rate:.3g} of {budget.ceiling:g}", style="yellow")


def _lanes(snapshot: Snapshot, most: int) -> Iterator[RenderableType]:
    shown = snapshot.lanes.lanes[:most]
    words = f"lanes: {snapshot.lanes.total:,}"
    if snapshot.lanes.total > len(shown):
        words += f", the longest {len(shown)}"
    if snapshot.lanes.looked < snapshot.lanes.total:
        words += f" of {snapshot.lanes.looked:,} that were read"
    yield Text(words, style="bold")
    if not shown:
        return
    table = _table("waiting", "due", "priority", "sender", "tenant", "batch", "stopped by", right=2)
    for lane in shown:
        batch = f"…{lane.batch_id[-6:]}" if lane.batch_id else ""
        names = (lane.priority.name.lower(), Text(lane.sender), Text(lane.tenant or ""))
        table.add_row(f"{lane.waiting:,}", f"{lane.due:,}", *names, batch, _stop(lane))
    yield table


def _stop(lane: LaneStatus) -> Text:
    if lane.stopped_by:
        words = _STOPS.get(lane.stopped_by, lane.stopped_by.value)
        return Text(f"{words}: {lane.stop_reason}" if lane.stop_reason else words, style="yellow")
    if not lane.due and lane.next_due:
        return Text(f"next due {clock_time(lane.next_due)}", style="dim")
    return Text()


def _batches(snapshot: Snapshot, most: int, *, wide: bool) -> Iterator[RenderableType]:
    shown = snapshot.batches[:most]
    more = snapshot.more_batches or len(snapshot.batches) > len(shown)
    plus = f", the newest {len(shown)}" if more else ""
    yield Text(f"open batches: {len(snapshot.batches):,}{'+' if snapshot.more_batches else ''}{plus}", style="bold")
    if not shown:
        return
    table = _table("done", "of", "failed", "rate/s", "ends", "batch", *(["name"] if wide else []), right=4)
    for batch in shown:
        done = batch.accepted - batch.remaining
        failed = done - batch.counts[JobState.SENT] - batch.counts[JobState.CANCELLED]
        table.add_row(
            f"{done:,}",
            f"{batch.accepted:,}",
            Text(f"{failed:,}" if failed else "", style="red"),
            f"{batch.rate:.3g}" if batch.rate else "",
            _end(batch),
            batch.id,
            *([Text(batch.name)] if wide else []),
        )
    yield table


def _end(batch: Batch) -> Text:
    if batch.held_by:
        return Text("held" if "hold" in batch.held_by else batch.held_by, style="yellow")
    if batch.expected_end:
        return Text(clock_time(batch.expected_end))
    return Text(batch_state(batch), style="dim")
