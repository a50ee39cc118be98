"""Checks the columns of a CSV, and rows that do not fit them."""

import csv
import re
import shlex
from collections import Counter

from outbound_chat.model.errors import OutboundChatError
from outbound_chat.request import nearest
from outbound_chat.request.templates import Template
from outbound_chat.rows._form import Form
from outbound_chat.rows._values import COLUMNS, known_column

_BLANK_BEFORE_QUOTE = re.compile(r'[^\S \r\n]\s*"')
"""Tabs and the like: `csv` skips only spaces, and would read the quote as text and split the cell at a comma in it."""

_NEAR = 0.7
"""How alike names are that are suggested; `first_name` is nearer to `display_name` than most misspellings."""
_WORDS = {",": "commas", ";": "semicolons", "\t": "tabs"}


class UnusableFile(OutboundChatError, ValueError, code="unusable_file"):
    """No further rows can be read; the text names the fault and the fix."""


def checked_columns(
    cells: list[str], source: str, template: Template | None, form: Form, *, to_send: bool = True
) -> list[str]:
    """Returns the names of the columns as they are written, empty text for those without one.

    `to_send`: with `form` they must be those of jobs, or of the template.

    Raises:
        UnusableFile: they are not.
    """
    columns = [column.strip() for column in cells]
    if any("\0" in column for column in columns):
        raise UnusableFile(f"{source} has NUL bytes, as UTF-16 does; save it as UTF-8")
    if not to_send:
        return columns
    ours = _renamed(columns, source, template, form)
    named, needed = (template.names, template.needed) if template else (frozenset(), frozenset())
    if "to" not in ours:
        raise UnusableFile(f'{source} has no column "to" for the phone numbers; {_hint(columns, form)}')
    if missing := sorted(needed.difference(ours)):
        raise UnusableFile(
            f"{source} lacks columns that the template names: {_list(missing)}; add them, or write {{name|default}}"
        )
    unknown = [name for name in ours if name and not known_column(name) and name not in named]
    if unknown and not form.ignore_columns:
        raise UnusableFile(
            f"{source} has unknown columns: {_suggested(unknown)}; rename them, say what they are with "
            f"{form.option('column')} text=NAME, name them in a template, or ignore them with "
            f"{form.option('ignore_columns')}"
        )
    if twice := [name for name, times in Counter(columns).items() if name and times > 1]:
        raise UnusableFile(f"{source} has the column {twice[0][:64]!r} twice; remove one")
    return columns


def _renamed(columns: list[str], source: str, template: Template | None, form: Form) -> list[str]:
    """Returns the names under which the form has the columns sent."""
    named = template.names if template else frozenset()
    if absent := [name for name in form.columns.values() if name not in columns]:
        near = nearest(absent[0], columns)
        hint = f"; did you mean {_list([near])}?" if near else ""
        raise UnusableFile(f"{source} has no column {_list(absent[:1])}, which {form.option('column')} names{hint}")
    if wrong := [name for name in form.columns if not known_column(name) and name not in named]:
        raise UnusableFile(
            f"{form.option('column')} gives columns unknown names: {_suggested(wrong)}; known are "
            f"{', '.join(sorted(COLUMNS))}, attributes.NAME, segment_attributes.NAME and those of the template"
        )
    taken = {*form.columns.values()} - named
    return [name for name in columns if name not in taken] + [*form.columns]


def _hint(columns: list[str], form: Form) -> str:
    near = next((name for name in columns if nearest(name, ["to"])), None)
    if near is None:
        return f"its first line must name the columns, and {form.option('column')} to=NAME says which has the numbers"
    return f"did you mean {_list([near])}? Then add {form.option('column')} {shlex.quote(f'to={near[:64]}')}"


def _list(names: list[str]) -> str:
    return ", ".join(f'"{name[:64]}"' for name in names[:5]).encode("utf-8", "replace").decode()


def _suggested(names: list[str]) -> str:
    known = [*COLUMNS, "attributes.NAME"]
    near = ((name, nearest(name, known, _NEAR)) for name in names[:5])
    return ", ".join(_list([name]) + (f' (did you mean "{other}"?)' if other else "") for name, other in near)


def misfit(cells: list[str], columns: list[str], line: str, delimiter: str) -> str:
    """Says why the cells of a row don't fit the columns; empty if they do. `line`: the first line of the row."""
    if len(cells) != len(columns):
        return (
            f"has {len(cells)} fields where the first line names {len(columns)} columns; put a text that has "
            f"{_WORDS.get(delimiter, repr(delimiter))} in quotes"
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
