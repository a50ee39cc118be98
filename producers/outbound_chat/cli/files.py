"""Reads files of jobs, CSV or JSONL, row by row, in bounded memory.

What a row is made of, `outbound_chat.rows` says.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from outbound_chat.errors import InvalidJob
from outbound_chat.rows import CsvReader, JsonReader, Row, RowReader, UnusableFile

__all__ = ["JobFile", "Row", "UnusableFile", "open_file"]

PART = 65_536
KEPT_ROWS = 1_200
"""Rows remembered for the rejects: more than the jobs of one round trip."""


class JobFile:
    """A file of jobs. Iterating gives each row, or the `InvalidJob` that says why it can't be one."""

    def __init__(self, path: Path) -> None:
        """Opens the file and reads its header.

        Raises:
            UnusableFile: it can't be read, or its columns are not those of jobs.
        """
        if path.suffix.lower() not in {".csv", ".jsonl", ".ndjson"}:
            raise UnusableFile(f"{path}: name the kind of file by its ending, .csv or .jsonl")
        self.path = path
        self.is_csv = path.suffix.lower() == ".csv"
        self._bytes, self.size = open_file(path)
        self._reader: RowReader = (CsvReader if self.is_csv else JsonReader)(str(path))
        self._begun = self._parts()
        self.recent: dict[int, Row] = {}
        """The last rows by their number, from 1."""
        self.own_minutes: Counter[int] = Counter()
        """How many rows so far brought which `chat_duration_in_minutes` of their own."""
        try:
            self._first = next(self._begun, None)
        except UnusableFile:
            self.close()
            raise

    @property
    def columns(self) -> list[str]:
        """The first line of a CSV."""
        return self._reader.columns

    @property
    def position(self) -> int:
        """Bytes read so far."""
        return self._bytes.tell()

    def _parts(self) -> Iterator[Row]:
        while part := self._bytes.read(PART):
            yield from self._reader.feed(part)
        yield from self._reader.end()

    def rows(self) -> Iterator[Row]:
        """Each row as the file has it."""
        if self._first is not None:
            yield self._first
            yield from self._begun

    def __iter__(self) -> Iterator[Mapping[str, Any] | InvalidJob]:
        for row in self.rows():
            self.recent[row.number] = row
            self.recent.pop(row.number - KEPT_ROWS, None)
            job = row.job()
            if not isinstance(job, InvalidJob) and isinstance(minutes := job.get("chat_duration_in_minutes"), int):
                self.own_minutes[minutes] += 1
            yield job

    def lines_of(self, rows: Collection[int]) -> dict[int, int]:
        """The lines of rows by their number; reads the file again up to the last of them."""
        found: dict[int, int] = {}
        if rows:
            again = JobFile(self.path)
            for row in again.rows():
                if row.number in rows:
                    found[row.number] = row.line
                if row.number >= max(rows):
                    break
            again.close()
        return found

    def close(self) -> None:
        """Closes the file."""
        self._bytes.close()


def open_file(path: Path) -> tuple[IO[bytes], int]:
    """The file, and its size; `UnusableFile` where it can't be read or is none, as pipes and devices without end."""
    try:
        if path.exists() and not path.is_file():
            raise UnusableFile(f"{path} is no file; write the rows to one first")
        return path.open("rb"), path.stat().st_size
    except OSError as error:
        raise UnusableFile(f"{path} can't be read: {error.strerror}") from error
