"""Writes CSV that can be read back exactly, and files of rejected rows."""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import IO, Any

from outbound_chat.model.errors import FieldError
from outbound_chat.rows._form import DELIMITERS
from outbound_chat.rows._reader import WHOLE_ROW
from outbound_chat.rows._tables import text_of
from outbound_chat.rows._values import Row

OUR_COLUMNS = ("_line", "_errors", WHOLE_ROW)
"""What a file of rejected rows adds to the columns of its source."""
_NEEDS_QUOTES = re.compile(r"\s|.*[\r\n]", re.DOTALL).match
"""Finds leading blanks, which our reader skips outside quotes, and line ends, of which `csv` quotes only its own."""

_BEGIN_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "'")
_MAY_BE_NUMBER = re.compile(r"(?=.*\d)(?:.{1,40}|[\W\d_eE]*)", re.DOTALL).fullmatch
"""Numbers and times have at most 40 characters, or no letters but that of an exponent; other cells are text for Excel.
"""
_IS_WORD = re.compile(r"(?i:true|false)").fullmatch
LONGEST_LITERAL = 255
"""Characters of a text in a formula.
https://support.microsoft.com/en-us/office/excel-specifications-and-limits-1672b34d-7043-467e-8e27-269d656771c3
"""


class CsvWriter:
    """Writes rows of CSV that our reader reads back exactly."""

    def __init__(self, file: IO[str], delimiter: str = ",", *, for_excel: bool = False) -> None:
        """`for_excel`: Excel shows what is written and keeps it when it saves the file."""
        ends = "\r\n" if for_excel else "\n"
        self._plain = csv.writer(file, lineterminator=ends, delimiter=delimiter)
        self._quoted = csv.writer(file, lineterminator=ends, delimiter=delimiter, quoting=csv.QUOTE_ALL)
        self._for_excel = for_excel
        self._is_begun = False
        if for_excel:
            file.write("\ufeff")

    def write(self, cells: Iterable[Any]) -> None:
        """Writes one row, the names of the columns first."""
        row = [self._kept(cell) if isinstance(cell, str) else cell for cell in cells]
        # The delimiter of the file is found by the marks outside quotes in its first line.
        marks = frozenset() if self._is_begun else frozenset(DELIMITERS)
        self._is_begun = True
        quoted = any(isinstance(cell, str) and (_NEEDS_QUOTES(cell) or not marks.isdisjoint(cell)) for cell in row)
        (self._quoted if quoted else self._plain).writerow(row)

    def _kept(self, cell: str) -> str:
        # Also without Excel, our reader would read a formula of a text as that text.
        return kept_by_excel(cell) if self._for_excel or text_of(cell) != cell else cell


def kept_by_excel(cell: str) -> str:
    """Returns a cell as a formula that gives its text, if Excel would take it for a number, time or formula.

    Opened as CSV, `+12025550101` would be a number without `+`, and `=HYPERLINK(…)` would run. Our readers read such a
    formula as its text.
    """
    if not (cell.startswith(_BEGIN_FORMULAS) or _MAY_BE_NUMBER(cell) or _IS_WORD(cell)):
        return cell
    parts = (cell[start : start + LONGEST_LITERAL] for start in range(0, len(cell), LONGEST_LITERAL))
    return "=" + "&".join('"{}"'.format(part.replace('"', '""')) for part in parts)


class RejectsWriter:
    """Writes rejected rows as CSV like the one they came from, with `OUR_COLUMNS`."""

    def __init__(self, file: IO[str], columns: Iterable[str], delimiter: str, *, for_excel: bool) -> None:
        """`columns`: those of the source."""
        self._csv = CsvWriter(file, delimiter, for_excel=for_excel)
        self._columns = [*(name for name in columns if name not in OUR_COLUMNS), *OUR_COLUMNS]
        self._csv.write(self._columns)

    def write(self, cells: Mapping[str, Any]) -> None:
        """Writes what `rejected` returned."""
        self._csv.write(cells.get(name, "") for name in self._columns)


def rejected(row: Row, errors: Sequence[FieldError]) -> dict[str, Any]:
    """Returns the cells of a rejected row, with its line and errors."""
    return {**row.cells, "_line": row.line, "_errors": "; ".join(map(str, errors))}
