"""Reads phone numbers from CSV files and workbooks, row by row. Ignores all columns but that of the numbers."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from outbound_chat.cli.files.row_file import RowFile
from outbound_chat.model.errors import InvalidJob
from outbound_chat.rows import CsvReader, Form, UnusableFile

if TYPE_CHECKING:
    from outbound_chat.model.errors import FieldError

COLUMNS = ("to", "number")
"""Names that the column of the numbers may have."""


class NumberFile(RowFile):
    """A file of numbers. Iterating yields each as it is written, or in E.164 form if the form has a country; empty text
    if a row has none.
    """

    any_columns = any_ending = True

    def __init__(self, path: Path, form: Form | None = None) -> None:
        """Opens the file and reads its header.

        Raises:
            UnusableFile: it can't be read, or has no column of numbers.
        """
        super().__init__(path, None, form)
        self.line = 1
        """Line on which the last row begins: a quote that is never closed swallows those after it."""
        self.fault: FieldError | None = None
        """Why that row can't be read, if it can't."""
        try:
            self._names = (self.form.columns["to"],) if "to" in self.form.columns else COLUMNS
            if isinstance(self.reader, CsvReader):
                self.reader.number_columns = self._names
            self._first = next(self._rows, None)
            self._column = self._checked_column()
        except UnusableFile:
            self.close()
            raise

    def _checked_column(self) -> str:
        if not self.is_csv:
            raise UnusableFile(f"{self.path} is JSON; give the numbers as CSV or as a workbook")
        found = [name for name in self.reader.columns if name in self._names]
        if len(found) != 1:
            names = " or ".join(f'"{name}"' for name in self._names)
            raise UnusableFile(
                f"{self.path}: its first line must name one column {names}, and no second one; a column of another "
                f"name is given with {self.form.option('column')} to=NAME"
            )
        return found[0]

    def __iter__(self) -> Iterator[str]:
        row, self._first = self._first, None
        while row:
            self.line = row.line
            self.fault = row.fault.errors[0] if row.fault else None
            self._note_swallower(row)
            number = self.form.number(row.cells.get(self._column, ""))
            if isinstance(number, InvalidJob):
                self.fault = number.errors[0]
            yield "" if isinstance(number, InvalidJob) else number
            row = next(self._rows, None)
