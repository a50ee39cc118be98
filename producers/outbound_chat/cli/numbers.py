"""Reads phone numbers from CSV files, row by row. Columns other than that of the numbers are passed over."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from outbound_chat.rows import LONGEST_FIELD, LONGEST_LINE, UnusableFile

COLUMNS = ("to", "number")
"""Names that the column of the numbers may have."""


class NumberFile:
    """A CSV file of numbers. Iterating gives each as it is written; an empty text where a row has none."""

    def __init__(self, path: Path) -> None:
        """Opens the file and reads its header.

        Raises:
            UnusableFile: it can't be read, or has no column of numbers.
        """
        try:
            self._bytes: IO[bytes] = path.open("rb")
            self.size = path.stat().st_size
        except OSError as error:
            raise UnusableFile(f"{path} can't be read: {error.strerror}") from error
        self.line = 1
        """Line on which the row that was read last begins: a quote that is never closed swallows those behind it."""
        self._lines_read = self._row_bytes = 0
        csv.field_size_limit(LONGEST_FIELD)
        self._reader = csv.reader(self._lines(), strict=True)
        try:
            self._place = self._read_header(path)
        except UnusableFile:
            self.close()
            raise

    def _read_header(self, path: Path) -> int:
        """Place of the column of the numbers."""
        try:
            names = [name.strip() for name in next(self._reader, [])]
        except csv.Error as error:
            raise UnusableFile(f"{path}, line 1: {error}") from error
        found = [place for place, name in enumerate(names) if name in COLUMNS]
        if len(found) != 1:
            message = 'its first line must name one column "to" or "number", and no second one; commas separate columns'
            raise UnusableFile(f"{path}: {message}")
        return found[0]

    @property
    def position(self) -> int:
        """Bytes read so far."""
        return self._bytes.tell()

    def _lines(self) -> Iterator[str]:
        while line := self._bytes.readline(LONGEST_LINE + 1):
            self._lines_read += 1
            self._row_bytes += len(line)
            if self._row_bytes > LONGEST_LINE:
                message = (
                    f"the row at line {self._lines_read} has more than {LONGEST_LINE:,} bytes; no row is that long"
                )
                raise UnusableFile(message)
            # Bytes that are not UTF-8 matter in the column of the numbers alone, and no number has them.
            yield line.decode("utf-8-sig" if self._lines_read == 1 else "utf-8", "replace")

    def __iter__(self) -> Iterator[str]:
        while True:
            self.line = self._lines_read + 1
            self._row_bytes = 0
            try:
                cells = next(self._reader, None)
            except csv.Error:
                yield ""
                continue
            if cells is None:
                return
            if cells:
                yield cells[self._place] if len(cells) > self._place else ""

    def close(self) -> None:
        """Closes the file."""
        self._bytes.close()
