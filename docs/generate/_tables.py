"""A table on a page: its rows are the code's, in the code's order; some of its cells are written by hand."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

# A pipe inside of code does not end a cell when it is escaped.
_CELL = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True, slots=True)
class Table:
    """What the code knows of one table of a page."""

    page: str
    """Name of the page in `docs/`."""
    heading: str
    """The heading that it stands under, with its `#`."""
    rows: Sequence[dict[str, str]]
    """Column → cell, the first column being what tells rows apart."""
    by_hand: frozenset[str] = frozenset()
    """Columns whose cells on the page are kept; those of `rows` serve new rows only."""


def rewrite(text: str, table: Table) -> str:
    """The page with the rows that the table should have; lines that say the same already stay as they are.

    Raises:
        LookupError: the heading, or a table with that first column below it, is not on the page.
    """
    lines = text.splitlines()
    first = next(iter(table.rows[0]))
    start = _line_of(lines, table.heading, first)
    end = next((number for number in range(start, len(lines)) if not lines[number].startswith("|")), len(lines))
    columns = _cells(lines[start])
    present = {_cells(line)[0]: line for line in lines[start + 2 : end]}
    rows = [_row(row, columns, table.by_hand, present.get(row[first])) for row in table.rows]
    return "\n".join([*lines[: start + 2], *rows, *lines[end:]]) + "\n"


def _line_of(lines: list[str], heading: str, first: str) -> int:
    if heading not in lines:
        raise LookupError(f"no heading {heading!r}")
    for number in range(lines.index(heading) + 1, len(lines)):
        if lines[number].startswith("#"):
            break
        if lines[number].startswith(f"| {first} |"):
            return number
    raise LookupError(f"no table with the first column {first!r} under {heading!r}")


def _row(row: dict[str, str], columns: list[str], by_hand: frozenset[str], present: str | None) -> str:
    cells = [row[column].replace("|", "\\|") for column in columns]
    if present is not None:
        kept = _cells(present)
        cells = [old if column in by_hand else new for column, old, new in zip(columns, kept, cells, strict=True)]
        if cells == kept:
            return present
    return "".join(f"| {cell} " if cell else "| " for cell in cells) + "|"


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in _CELL.split(line.strip())[1:-1]]
