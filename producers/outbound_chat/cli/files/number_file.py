"""Reads phone numbers from CSV files, row by row. Ignores all columns but that of the numbers."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from outbound_chat.cli.files.job_file import RowFile, unpacked
from outbound_chat.rows import CsvReader, Row, UnusableFile

if TYPE_CHECKING:
    from outbound_chat.model.errors import FieldError

COLUMNS = ("to", "number")
"""Names that the column of the numbers may have."""


class NumberFile(RowFile):
    """A CSV file of numbers, plain or gzip. Iterating yields each as it is written; empty text if a row has none."""

    def __init__(self, path: Path) -> None:
        """Opens the file and reads its header.

        Raises:
            UnusableFile: it can't be read, or has no column of numbers.
        """
        try:
            super().__init__(path.open("rb"), path.stat().st_size)
        except OSError as error:
            raise UnusableFile(f"{path} can't be read: {error.strerror}") from error
        self.line = 1
        """Line on which the last row begins: a quote that is never closed swallows those after it."""
        self.fault: FieldError | None = None
        """Why that row can't be read, if it can't."""
        self._reader = CsvReader(str(path))
        self._reader.any_columns = True
        self._rows = self._read(path)
        try:
            self._first = next(self._rows, None)
            self._column = self._checked_column(path)
        except UnusableFile:
            self.close()
            raise

    def _read(self, path: Path) -> Iterator[Row]:
        for piece in unpacked(self._bytes, path):
            yield from self._reader.feed(piece)
        yield from self._reader.end()

    def _checked_column(self, path: Path) -> str:
        found = [name for name in self._reader.columns if name in COLUMNS]
        if len(found) != 1:
            message = 'its first line must name one column "to" or "number", and no second one; commas separate columns'
            raise UnusableFile(f"{path}: {message}")
        return found[0]

    def __iter__(self) -> Iterator[str]:
        row, self._first = self._first, None
        while row:
            self.line = row.line
            self.fault = row.fault.errors[0] if row.fault else None
            self._note_swallower(row)
            yield row.cells.get(self._column, "")
            row = next(self._rows, None)
