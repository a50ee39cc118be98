"""Reads files of jobs, CSV or JSONL, plain or gzip, row by row, in bounded memory.

`outbound_chat.rows` turns rows into jobs.
"""

import hashlib
import re
import shutil
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, BinaryIO

from outbound_chat.model.errors import InvalidJob
from outbound_chat.request.templates import Template
from outbound_chat.rows import CsvReader, JsonReader, Row, RowReader, Unpacker, UnusableFile

PART = 65_536
KEPT_ROWS = 2_400
"""Rows kept for the rejects: more than two chunks may have; see `MOST_ROWS`."""
KEPT_SWALLOWERS = 100
STANDARD_INPUT = Path("-")
_SWALLOWED = re.compile(r'[\r\n](?:[^\r\n]*[,;"])?\s*\+[1-9][0-9]{6,14}(?![0-9])').search
"""Finds a line inside a cell that looks like a row: it begins with a phone number, or has one as a cell of its own."""
_ENDINGS = (".csv", ".jsonl", ".ndjson")


class RowFile:
    """A file that is read row by row."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._bytes, self.size = file, size
        self.swallowers: dict[int, int] = {}
        """The first rows that seem to have other rows in a cell, each with the line on which it begins."""

    @property
    def position(self) -> int:
        """Bytes read so far."""
        return self._bytes.tell()

    @property
    def warning(self) -> str | None:
        """A warning about rows that seem to have others in a cell, because of a stray quote; None if there are none."""
        lines = [f"{line:,}" for line in self.swallowers.values()]
        if not lines:
            return None
        more = f" and {len(lines) - 10} more" if len(lines) > 10 else ""  # noqa: PLR2004  # as many as fit a line
        return (
            "accepted rows have a line with a phone number inside a cell, as if a quote swallowed the rows after it; "
            f"check the rows that begin on line {', '.join(lines[:10])}{more}"
        )

    def _note_swallower(self, row: Row) -> None:
        several = row.lines > 1 and not row.fault and len(self.swallowers) < KEPT_SWALLOWERS
        if several and any(map(_SWALLOWED, row.cells.values())):
            self.swallowers[row.number] = row.line

    def close(self) -> None:
        """Closes the file."""
        self._bytes.close()


class JobFile(RowFile):
    """A file of jobs. Iterating yields a job for each row, or the `InvalidJob` that says what is wrong with it."""

    def __init__(self, path: Path, template: Template | None = None, *, any_columns: bool = False) -> None:
        """Opens the file and reads its header. `-`: standard input, which is copied to a temporary file first.

        `template`: names more columns than those of jobs. `any_columns`: accepts all, since nothing is sent.

        Raises:
            UnusableFile: it can't be read, or its columns are not those of jobs.
        """
        ending = unpacked_name(path).suffix.lower()
        if path != STANDARD_INPUT and ending not in _ENDINGS:
            raise UnusableFile(f"{path}: the name must end with .csv or .jsonl, followed by .gz if the file is packed")
        self.path = path
        self._template, self._any_columns = template, any_columns
        self.recent: dict[int, Row] = {}
        """The last rows by their number, from 1."""
        self.own_minutes: Counter[int] = Counter()
        """The number of rows so far by their own `chat_duration_in_minutes`."""
        super().__init__(*(_spooled(sys.stdin.buffer) if path == STANDARD_INPUT else _opened(path)))
        try:
            self.is_csv = ending == ".csv" if ending else not self._begins_with_an_object()
            self.rewind()
        except UnusableFile:
            self.close()
            raise

    def rewind(self) -> None:
        """Goes back to the first row, and forgets what was read."""
        for seen in (self.recent, self.own_minutes, self.swallowers):
            seen.clear()
        self._reader, self._begun = self._rewound()
        self._first = next(self._begun, None)

    @property
    def name(self) -> str:
        """What to call the file."""
        return "standard input" if self.path == STANDARD_INPUT else self.path.name

    def _begins_with_an_object(self) -> bool:
        begins = next(self._pieces(), b"").removeprefix(b"\xef\xbb\xbf")
        return begins.lstrip()[:1] == b"{"

    def _pieces(self) -> Iterator[bytes]:
        self._bytes.seek(0)
        return unpacked(self._bytes, self.path)

    def _rewound(self) -> tuple[RowReader, Iterator[Row]]:
        """Returns a reader at the beginning of the file, and its rows."""
        reader = (CsvReader if self.is_csv else JsonReader)(str(self.path), self._template)
        reader.any_columns = self._any_columns

        def rows() -> Iterator[Row]:
            for piece in self._pieces():
                yield from reader.feed(piece)
            yield from reader.end()

        return reader, rows()

    def content_hash(self) -> str:
        """Returns a hash of the file's bytes, by which it is recognized when it is given again."""
        place = self._bytes.tell()
        self._bytes.seek(0)
        digest = hashlib.sha256()
        while part := self._bytes.read(PART):
            digest.update(part)
        self._bytes.seek(place)
        return digest.hexdigest()

    @property
    def columns(self) -> list[str]:
        """The first line of a CSV."""
        return self._reader.columns

    def rows(self) -> Iterator[Row]:
        """Yields each row as the file has it."""
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
            self._note_swallower(row)
            yield job

    def lines_of(self, rows: Collection[int]) -> dict[int, int]:
        """Returns the lines of rows by their number. Reads the file again, which ends any iteration."""
        found: dict[int, int] = {}
        if rows:
            for row in self._rewound()[1]:
                if row.number in rows:
                    found[row.number] = row.line
                if row.number >= max(rows):
                    break
        return found


def unpacked_name(path: Path) -> Path:
    """Returns the path without `.gz`."""
    return path.with_suffix("") if path.suffix.lower() == ".gz" else path


def unpacked(file: IO[bytes], path: Path) -> Iterator[bytes]:
    """Yields the rest of the file, unpacked if it is gzip."""
    unpacker = Unpacker(str(path), packed=path.suffix.lower() == ".gz")
    while part := file.read(PART):
        yield from unpacker.unpack(part)
    yield from unpacker.end()


def _spooled(source: BinaryIO) -> tuple[IO[bytes], int]:
    """Copies a source that can be read only once to a temporary file without a name; returns it and its size."""
    spool = TemporaryFile()  # noqa: SIM115  # closed by whoever has it
    shutil.copyfileobj(source, spool, PART)
    return spool, spool.tell()


def _opened(path: Path) -> tuple[IO[bytes], int]:
    """Opens the file; returns it and its size. Raises `UnusableFile` if it can't be read, or is a pipe or device."""
    try:
        if path.exists() and not path.is_file():
            raise UnusableFile(f"{path} is not a regular file; write the rows to one first")
        return path.open("rb"), path.stat().st_size
    except OSError as error:
        raise UnusableFile(f"{path} can't be read: {error.strerror}") from error
