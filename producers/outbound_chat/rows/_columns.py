"""Checks the columns of a CSV, and rows that do not fit them."""

import csv
import re
from collections import Counter

from outbound_chat.model.errors import OutboundChatError
from outbound_chat.request.templates import Template
from outbound_chat.rows._values import COLUMNS, known_column

_BLANK_BEFORE_QUOTE = re.compile(r'[^\S \r\n]\s*"')
"""Tabs and the like: `csv` skips only spaces, and would read the quote as text and split the cell at a comma in it."""


class UnusableFile(OutboundChatError, ValueError, code="unusable_file"):
    """No further rows can be read; the text names the fault and the fix."""


def checked_columns(cells: list[str], source: str, template: Template | None, *, to_send: bool = True) -> list[str]:
    """Returns the names of the columns, empty text for those without one.

    `to_send`: they must be those of jobs, or of the template.

    Raises:
        UnusableFile: they are not.
    """
    columns = [column.strip() for column in cells]
    if any("\0" in column for column in columns):
        raise UnusableFile(f"{source} has NUL bytes, as UTF-16 does; save it as UTF-8")
    if not to_send:
        return columns
    if "to" not in columns:
        raise UnusableFile(f'{source} has no column "to" for the phone numbers; its first line must name the columns')
    named, needed = (template.names, template.needed) if template else (frozenset(), frozenset())
    if missing := sorted(needed.difference(columns)):
        names = ", ".join(f'"{name[:64]}"' for name in missing[:5])
        raise UnusableFile(
            f"{source} lacks columns that the template names: {names}; add them, or write {{name|default}}"
        )
    if unknown := [name for name in columns if name and not known_column(name) and name not in named]:
        names = ", ".join(f'"{name[:64]}"' for name in unknown[:5]).encode("utf-8", "replace").decode()
        raise UnusableFile(
            f"{source} has unknown columns: {names}; use {', '.join(sorted(COLUMNS))}, attributes.NAME or "
            "segment_attributes.NAME, or begin the name with _ to ignore a column"
        )
    if twice := [name for name, times in Counter(columns).items() if name and times > 1]:
        raise UnusableFile(f"{source} has the column {twice[0][:64]!r} twice; remove one")
    return columns


def misfit(cells: list[str], columns: list[str], line: str) -> str:
    """Says why the cells of a row don't fit the columns; empty if they do. `line`: the first line of the row."""
    if len(cells) != len(columns):
        return (
            f"has {len(cells)} fields where the first line names {len(columns)} columns; put a text that has commas "
            "in quotes"
        )
    if "" in columns:
        for place, (name, cell) in enumerate(zip(columns, cells, strict=True), start=1):
            if not name and cell.strip():
                return f"has a value in column {place}, which has no name; name the column, or remove the value"
    if _BLANK_BEFORE_QUOTE.search(line) and any(map(_BLANK_BEFORE_QUOTE.match, cells)):
        return "has blanks before a quote; remove them"
    return ""


def broken(error: csv.Error, *, ran_out: bool) -> str:
    """Explains an error of `csv`. `ran_out`: the source ended in the middle of the row."""
    if ran_out:
        return 'has a quote that is not closed; close it, and write a quote inside a cell as ""'
    if "new-line" in str(error):
        return "has a line break outside quotes; put the text in quotes"
    return 'has text after a closing quote; write a quote inside a cell as ""'
