"""Groups the faults of a file's rows, with their lines, and shows them."""

from collections.abc import Callable
from typing import Any

from rich.console import Console

from outbound_chat.cli.files.job_file import JobFile
from outbound_chat.cli.output import number_of
from outbound_chat.client.steps.rejections import FaultCounter
from outbound_chat.model.batches import FaultCount, Rejection
from outbound_chat.model.json import json_default

MOST_SHOWN = 20


class LineFaults:
    """Counts what is wrong with the rows of a file, by field and code."""

    def __init__(self, rows: JobFile, then: Callable[[Rejection], None] | None = None, *, known_rows: int = 0) -> None:
        """`then`: is called with each rejection too. `known_rows`: rows that are stored already."""
        self._rows, self._then, self._known_rows = rows, then, known_rows
        self._counter = FaultCounter()
        self.new = 0
        """Rejected rows behind those that are stored already."""

    def add(self, rejection: Rejection) -> None:
        """Counts a rejected row, one of the last that were read."""
        row = self._rows.recent.get(rejection.row)
        self._counter.add(row.line if row else 0, rejection.errors)
        self.new += rejection.row > self._known_rows
        if self._then:
            self._then(rejection)

    @property
    def lines(self) -> list[tuple[int, ...]]:
        """The first lines of each group, in the order of `Preflight.faults`."""
        return [one.first_rows for one in self._counter.faults]

    def print(self, console: Console) -> None:
        """Prints how often each fault occurs, on which lines, and the message of the first."""
        found = self._counter.faults
        for one in found[:MOST_SHOWN]:
            console.print(f"  {one.count:,} \N{MULTIPLICATION SIGN} {one.field}: {one.code} ({_lines(one)})")
            console.print(f"    {one.message}")
        if len(found) > MOST_SHOWN:
            console.print(f"  and {number_of(len(found) - MOST_SHOWN, 'other kind of fault', 'other kinds of faults')}")


def _lines(fault: FaultCount) -> str:
    more = ", …" if fault.count > len(fault.first_rows) else ""
    return f"{'line' if fault.count == 1 else 'lines'} {', '.join(f'{line:,}' for line in fault.first_rows)}{more}"


def with_lines(faults: tuple[FaultCount, ...], lines: list[tuple[int, ...]]) -> list[dict[str, Any]]:
    """Returns the faults of a preflight as JSON has them: with the lines of their rows."""
    return [{**json_default(one), "first_lines": own} for one, own in zip(faults, lines, strict=True)]
