"""Shows a snapshot of `watch` as tables that fit 80 columns, and the number of lines of the terminal."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from outbound_chat.cli.output import when
from outbound_chat.cli.watch_snapshot import Snapshot
from outbound_chat.model.batches import Batch, batch_state, failed, is_held
from outbound_chat.model.durations import after
from outbound_chat.model.operations import BudgetStatus, LaneStatus
from outbound_chat.model.why import WaitReason
from outbound_chat.model.words import HELD_BY

USUAL = 80
"""Columns of a terminal that has room for two blanks between columns."""
LEAST_REASON = 10
"""Columns that the reason of a lane gets at least: the names beside it are broken into lines then, and never cut."""
WIDE = 100
"""Columns of a terminal that has room for the names of batches."""
MOST_END = 16
"""Columns of a reason why the end of a batch is not known."""
NARROWEST = 60
"""Columns that tables get at least; a narrower terminal shows their left sides, where the names are."""
_NAMES = frozenset({"budget", "sender", "tenant", "batch", "name"})
_WORDS = frozenset({"priority", "stopped by", "ends"})
BUDGET_HEADS = ("budget", "queued", "sending", "sent/s", "rate/s", "workers", "pumps")
LANE_HEADS = ("sender", "tenant", "batch", "queued", "due", "priority")
BATCH_HEADS = ("done", "of", "failed", "rate/s", "ends")
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


def snapshot_tables(
    snapshot: Snapshot, *, width: int, height: int | None = None, note: str = "", fault: str = ""
) -> RenderableType:
    """Returns a snapshot as it is printed. `height`: lines to use; None: as many as it needs. `note`: the last line.

    `fault`: the first line, if there is no newer snapshot; rates are marked then.
    """
    width = max(width, NARROWEST)
    above = [*([fault_line(fault)] if fault else []), *_budgets(snapshot, width, mark="?" if fault else "")]
    lines = sum(1 + table.row_count if isinstance(table, Table) else 1 for table in above)
    # Two headings with their empty lines, two column heads, and the note.
    room = max(2 * FEWEST, height - lines - 8) if height else 10**9
    for_batches = min(len(snapshot.batches), max(FEWEST, room // 2))
    for_lanes = max(FEWEST, room - for_batches)
    batches = _batches(snapshot, for_batches, width, mark="?" if fault else "")
    parts = [*above, Text(), *_lanes(snapshot, for_lanes, width), Text(), *batches]
    return _Wide(Group(*parts, Text(note, style="dim")))


@dataclass(frozen=True, slots=True)
class _Wide:
    """Something that is not squeezed into a terminal that is too narrow for it, but cut."""

    whole: RenderableType

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from console.render(self.whole, options.update(width=max(NARROWEST, options.max_width)))


def fault_line(fault: str) -> Text:
    """Returns the line that says why there is nothing newer."""
    return Text(fault, style="bold red", no_wrap=True, overflow="ellipsis")


def _table(*columns: str, width: int, reason: int = 0) -> Table:
    """Returns a table. Where there is too little room, only names are broken into lines, and only the reason is cut.

    `reason`: the columns of the terminal that it has.
    """
    table = Table(box=None, padding=(0, _gap(width), 0, 0), pad_edge=False, header_style="dim", expand=False)
    for column in columns:
        if column in _NAMES:
            table.add_column(column, overflow="fold", min_width=len(column))
        else:
            side: Literal["right", "left"] = "left" if column in _WORDS else "right"
            most = {"ends": MOST_END // (3 - _gap(width)), "stopped by": reason}.get(column)
            table.add_column(column, justify=side, no_wrap=True, overflow="ellipsis", max_width=most)
    return table


def _gap(width: int) -> int:
    return 2 if width >= USUAL else 1


def _budgets(snapshot: Snapshot, width: int, *, mark: str) -> Iterator[RenderableType]:
    table = _table(*BUDGET_HEADS, width=width)
    for budget in snapshot.budgets:
        speed = snapshot.sent_per_second[budget.name]
        table.add_row(
            Text(budget.name, style="bold"),
            f"{budget.counts['waiting']:,}",
            f"{budget.counts['leased']:,}",
            "" if speed is None else f"{speed:.1f}{mark}",
            _rate(budget).append(mark if budget.ceiling else ""),
            Text(f"{budget.workers:,}", style="" if budget.workers else "bold red"),
            f"{budget.pumps:,}",
        )
    yield table
    for budget in snapshot.budgets:
        for hold in budget.holds:
            line = Text(f"{hold.scope} {hold.name}", style="bold", no_wrap=True, overflow="ellipsis")
            said = f"  {HELD_BY[hold.owner]}: {hold.code + ': ' if hold.code else ''}{hold.reason}"
            yield line.append(said, style="yellow").append(f"  since {when(hold.since, brief=True)}", style="dim")


def _rate(budget: BudgetStatus) -> Text:
    """Returns the current rate, with the ceiling if that is higher."""
    if not budget.ceiling:
        return Text("")
    if budget.rate >= budget.ceiling * 0.995:
        return Text(f"{budget.ceiling:g}")
    return Text(f"{budget.rate:.3g} of {budget.ceiling:g}", style="yellow")


def _lanes(snapshot: Snapshot, most: int, width: int) -> Iterator[RenderableType]:
    shown = snapshot.lanes.lanes[:most]
    words = f"lanes: {snapshot.lanes.total:,}"
    if snapshot.lanes.total > len(shown):
        words += f", the longest {len(shown)}"
    if snapshot.lanes.looked < snapshot.lanes.total:
        words += f" of {snapshot.lanes.looked:,} that were read"
    yield Text(words, style="bold")
    if not shown:
        return
    rows = [_cells(lane) for lane in shown]
    used = sum(_gap(width) + max(map(len, column)) for column in zip(LANE_HEADS, *rows, strict=True))
    table = _table(*LANE_HEADS, "stopped by", width=width, reason=max(LEAST_REASON, width - used))
    for row, lane in zip(rows, shown, strict=True):
        table.add_row(*map(Text, row), _stop(lane, snapshot.at))
    yield table


def _cells(lane: LaneStatus) -> tuple[str, ...]:
    batch = f"…{lane.batch_id[-6:]}" if lane.batch_id else ""
    return lane.sender, lane.tenant or "", batch, f"{lane.waiting:,}", f"{lane.due:,}", lane.priority.name.lower()


def _stop(lane: LaneStatus, now: datetime) -> Text:
    if lane.stopped_by:
        words = _STOPS.get(lane.stopped_by, lane.stopped_by.value)
        return Text(f"{words}: {lane.stop_reason}" if lane.stop_reason else words, style="yellow")
    if not lane.due and lane.next_due:
        return Text(f"next due {after(lane.next_due - now)}", style="dim")
    return Text()


def _batches(snapshot: Snapshot, most: int, width: int, *, mark: str) -> Iterator[RenderableType]:
    shown = snapshot.batches[:most]
    more = snapshot.more_batches or len(snapshot.batches) > len(shown)
    plus = f", the newest {len(shown)}" if more else ""
    yield Text(
        f"unfinished batches: {len(snapshot.batches):,}{'+' if snapshot.more_batches else ''}{plus}", style="bold"
    )
    if not shown:
        return
    names = ("batch", "name") if width >= WIDE else ("batch",)
    table = _table(*names, *BATCH_HEADS, width=width)
    for batch in shown:
        done = batch.accepted - batch.remaining
        table.add_row(
            *map(Text, (batch.id, batch.name)[: len(names)]),
            f"{done:,}",
            f"{batch.accepted:,}",
            Text(f"{failed(batch):,}" if failed(batch) else "", style="red"),
            f"{batch.rate:.3g}{mark}" if batch.rate else "",
            _end(batch, snapshot.at),
        )
    yield table


def _end(batch: Batch, now: datetime) -> Text:
    if batch.held_by:
        return Text("held" if is_held(batch) else batch.held_by, style="yellow")
    if batch.expected_end:
        return Text(after(batch.expected_end - now))
    return Text(batch_state(batch), style="dim")
