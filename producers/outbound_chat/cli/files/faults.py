"""Groups the faults of a file's rows, with their lines, and shows them."""

from collections.abc import Callable, Sequence

from rich.console import Console

from outbound_chat.cli.files.job_file import JobFile
from outbound_chat.cli.output import number_of
from outbound_chat.client.steps.rejections import FaultCounter
from outbound_chat.model.batches import FaultCount, Rejection
from outbound_chat.request import LACKS_COUNTRY

MOST_SHOWN = 20


class LineFaults(FaultCounter):
    """Counts what is wrong with the rows of a file, by field, code and message; `first_rows` are their lines."""

    def __init__(self, rows: JobFile, then: Callable[[Rejection], None] | None = None, *, known_rows: int = 0) -> None:
        """`then`: is called with each rejection too. `known_rows`: rows that are stored already."""
        super().__init__()
        self._rows, self._then, self._known_rows = rows, then, known_rows
        self.new = 0
        """Rejected rows behind those that are stored already."""

    def report(self, rejection: Rejection) -> None:
        """Counts a rejected row, one of the last that were read."""
        row = self._rows.recent.get(rejection.row)
        self.add(row.line if row else 0, rejection.errors)
        self.new += rejection.row > self._known_rows
        if self._then:
            self._then(rejection)


def print_faults(found: Sequence[FaultCount], console: Console) -> None:
    """Prints how often each fault of `LineFaults` occurs, on which lines, and the message of the first."""
    for one in found[:MOST_SHOWN]:
        console.print(f"  {one.count:,} \N{MULTIPLICATION SIGN} {one.field}: {one.code} ({_lines(one)})")
        advice = ", or give their country with --country" if one.message.endswith(LACKS_COUNTRY) else ""
        console.print(f"    {one.message}{advice}")
    if len(found) > MOST_SHOWN:
        console.print(f"  and {number_of(len(found) - MOST_SHOWN, 'other kind of fault', 'other kinds of faults')}")


def _lines(fault: FaultCount) -> str:
    more = ", …" if fault.count > len(fault.first_rows) else ""
    return f"{'line' if fault.count == 1 else 'lines'} {', '.join(f'{line:,}' for line in fault.first_rows)}{more}"
