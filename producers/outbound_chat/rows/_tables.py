"""Readers of rows that have columns: CSV, and the sheets of workbooks."""

import csv
import json
import re
from collections.abc import Iterator

from outbound_chat.model.errors import FieldError, InvalidJob
from outbound_chat.request import FieldCode
from outbound_chat.request.templates import Template
from outbound_chat.rows._columns import UnusableFile, broken, checked_columns, misfit
from outbound_chat.rows._form import DELIMITERS, Form
from outbound_chat.rows._reader import LONGEST_LINE, SHORT_ROW, WHOLE_ROW, Found, RowReader
from outbound_chat.rows._values import refused

_NOTHING = f'{DELIMITERS}" \r\n'
_QUOTED = re.compile(r'"(?:[^"]|"")*(?:"|\Z)')
_SEPARATOR_LINE = re.compile(r'\s*"?sep=([^\s"\w]|\t)"?\s*', re.IGNORECASE)
"""The first line that Excel writes and reads to name the delimiter."""
_FORMULA_OF_TEXT = re.compile(r'="(?:[^"]|"")*"(?:&"(?:[^"]|"")*")*')
_TEXT_IN_FORMULA = re.compile(r'"((?:[^"]|"")*)"')


class _MoreWanted(Exception):
    """The row continues in a line that was not fed yet."""


class CsvReader(RowReader):
    """Reads CSV, whose first line names the columns, and shows the delimiter unless the form says another.

    Rows without values, as spreadsheets leave them, are skipped.
    """

    def __init__(self, name: str = "the body", template: Template | None = None, form: Form | None = None) -> None:
        super().__init__(name, template, form)
        csv.field_size_limit(LONGEST_LINE)
        self.delimiter = ","
        self.number_columns: tuple[str, ...] = (self.form.columns.get("to", "to"),)
        """Names that the column of the numbers may have."""
        self._reader: Iterator[list[str]] | None = None
        self._begun: list[str] = []
        self._begun_size = self._begun_lines = 0
        self._last = self._ran_out = False
        self._names: list[str] = []
        """All columns; those without a name as empty text."""

    def next_line(self) -> str:
        """Returns the next line of the unfinished row."""
        if not self._lines:
            if self._last:
                self._ran_out = True
                raise StopIteration
            raise _MoreWanted
        line, lines = self._lines.popleft()
        self.line += lines
        self._begun_lines += lines
        self._begun.append(line)
        self._begun_size += len(line)
        if self._begun_size > LONGEST_LINE:
            # Quotes let a row continue over many lines.
            self._too_long(self._first_line)
        return line

    @property
    def _first_line(self) -> int:
        return self.line - self._begun_lines + 1

    def _found(self, *, last: bool) -> Iterator[Found]:
        while True:
            try:
                cells = self._cells(last=last)
            except _MoreWanted:
                return
            if isinstance(cells, InvalidJob):
                if not self._names:
                    message = cells.errors[0].message
                    raise UnusableFile(f"{self._name}, line {self._first_line}: the row {message}")
                yield self._unread(cells)
                continue
            if cells is not None and not any(map(str.strip, cells)):
                continue
            if not self._names:
                to_send = not self.any_columns
                self._names = checked_columns(cells or [], self._name, self._template, self.form, to_send=to_send)
                self.columns = [name for name in self._names if name]
            elif cells is not None:
                yield self._row(cells)
            if cells is None:
                return

    def _row(self, cells: list[str]) -> Found:
        if not self.any_columns and (message := misfit(cells, self._names, self._begun[0], self.delimiter)):
            return self._unread(refused(FieldCode.WRONG_TYPE, message + self._extent()))
        row = dict(zip(self._names, cells, strict=False))
        row.pop("", None)
        return self._first_line, self._begun_lines, row, None

    def _unread(self, fault: InvalidJob) -> Found:
        """Returns a row without its cells, which are not known for sure, so that no wrong value is accepted."""
        return self._first_line, self._begun_lines, {WHOLE_ROW: "".join(self._begun).rstrip("\r\n")}, fault

    def _extent(self) -> str:
        """Says which lines a row has, if more than one: an open quote also takes those of other rows."""
        if self._begun_lines == 1:
            return ""
        return f"; the row takes {self._begun_lines:,} lines, {self._first_line:,} to {self.line:,}"

    def _cells(self, *, last: bool) -> list[str] | InvalidJob | None:
        """Returns the cells of the next row, or why it can't be read; None after the last.

        Raises:
            _MoreWanted: the row continues in a line that was not fed yet.
        """
        self._last = last
        if self._reader is None:
            self._find_delimiter()
            # `csv` asks for more lines only inside a row.
            lines = iter(self.next_line, None)
            self._reader = csv.reader(lines, strict=True, skipinitialspace=True, delimiter=self.delimiter)
        self._begun, self._begun_size, self._begun_lines = [], 0, 0
        try:
            cells = next(self._reader, None)
        except _MoreWanted:
            self._put_back()
            raise
        except csv.Error as error:
            return refused(FieldCode.WRONG_TYPE, broken(error, ran_out=self._ran_out) + self._extent())
        for line in self._begun:
            if '="' in line:
                return list(map(text_of, cells or ()))
        return cells

    def _find_delimiter(self) -> None:
        """Finds the delimiter in the first line that has a value, and skips one that does nothing but name it."""
        header = self._header()
        if found := _SEPARATOR_LINE.fullmatch(header):
            while not self._lines.popleft()[0].strip():
                self.line += 1
            self.line += 1
            self.delimiter = self.form.delimiter or found[1]
            return
        plain = _QUOTED.sub("", header)
        marks = [mark for mark in DELIMITERS if mark in plain]
        if len(marks) > 1 and not self.form.delimiter:
            marks = [mark for mark in marks if any(name in self.number_columns for name in _split(header, mark))]
            if len(marks) != 1 and not self.any_columns:
                option = f"{self.form.option('delimiter')} ';'"
                raise UnusableFile(f"{self._name} may have several delimiters in its first line; name one, as {option}")
        self.delimiter = self.form.delimiter or next(iter(marks), ",")

    def _header(self) -> str:
        """Returns the first line that has a value, to the end of its quotes."""
        header: list[str] = []
        quotes = size = 0
        for line, _ in self._lines:
            if header or line.strip(_NOTHING):
                header.append(line)
                quotes, size = quotes + line.count('"'), size + len(line)
                if quotes % 2 == 0 or size > SHORT_ROW:
                    return "".join(header)
        if not self._last:
            raise _MoreWanted
        return "".join(header)

    def _put_back(self) -> None:
        """Has the row read again from its first line, when more of it was fed."""
        if self._begun:
            # In one piece: every line end so far is inside quotes, or the row would have ended there.
            self._lines.appendleft(("".join(self._begun), self._begun_lines))
            self._begun = []
        self.line -= self._begun_lines


class SheetReader(CsvReader):
    """Reads a sheet whose rows arrive as JSON lists of texts, a line each, as `read_sheet` writes them.

    An error in a cell, or a formula without a saved value, arrives as empty text. So a row without its own text is
    refused, because it could send the text of all rows or none.
    """

    def _row(self, cells: list[str]) -> Found:
        line, lines, row, fault = super()._row(cells)
        if fault or self.any_columns or row.get(self.form.columns.get("text", "text"), "-").strip():
            return line, lines, row, fault
        message = (
            "is empty, or has an error or a formula without a saved value; write a text, or remove the column and give "
            f"all rows their text with {self.form.option('text')}"
        )
        return self._unread(InvalidJob([FieldError("text", FieldCode.REQUIRED, message)]))

    def _cells(self, *, last: bool) -> list[str] | InvalidJob | None:
        if not self._lines:
            if last:
                return None
            raise _MoreWanted
        line, _ = self._lines.popleft()
        self.line += 1
        self._begun, self._begun_lines = [line], 1
        cells: list[str] = json.loads(line)
        return cells


def text_of(cell: str) -> str:
    """Returns the text of a cell; `="…"`, which spreadsheets write and read, stands for the text in its quotes."""
    if not _FORMULA_OF_TEXT.fullmatch(cell):
        return cell
    return "".join(text.replace('""', '"') for text in _TEXT_IN_FORMULA.findall(cell))


def _split(header: str, mark: str) -> list[str]:
    try:
        return [name.strip() for name in next(csv.reader([header], delimiter=mark, skipinitialspace=True), [])]
    except csv.Error:
        return []
