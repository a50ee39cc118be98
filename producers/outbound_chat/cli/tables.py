"""Tables with heads: what `list`, `status`, `dead`, `keys`, `doctor` and the dry run print for people.

On a terminal they fit its width: one column, the last that may be long, is broken into lines. Into files and pipes each
row goes as one line.
"""

from collections.abc import Iterable

from rich.console import RenderableType
from rich.table import Table

from outbound_chat.cli.output import out

_WHOLE = 10_000
"""Columns for a file or a pipe: no row is broken."""


def make_table(*columns: str, numbers: Iterable[str] = (), folds: Iterable[str] = ()) -> Table:
    """Returns an empty table. `numbers`: columns that are aligned to the right; `folds`: those that may be broken into
    lines where the terminal is too narrow; all others are always whole.
    """
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    right, broken = frozenset(numbers), frozenset(folds)
    for name in columns:
        folded = name in broken
        table.add_column(
            name,
            justify="right" if name in right else "left",
            no_wrap=not folded,
            overflow="fold" if folded else "crop",
        )
    return table


def print_table(table: RenderableType) -> None:
    """Prints a table: within the width of a terminal, and each row in one line elsewhere."""
    out.print(table, width=None if out.is_terminal else _WHOLE)
