"""A file of rows: CSV, JSON or a workbook, plain or gzip, read row by row in bounded memory."""

import hashlib
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryFile, gettempdir
from typing import IO, Any

from outbound_chat.cli.files import workbook
from outbound_chat.model.errors import FieldError, InvalidJob
from outbound_chat.request.templates import Template
from outbound_chat.rows import (
    ArrayReader,
    CsvReader,
    Form,
    JsonReader,
    Row,
    RowReader,
    SheetReader,
    Unpacker,
    UnusableFile,
)

PART = 65_536
KEPT_SWALLOWERS = 100
STANDARD_INPUT = Path("-")
_SWALLOWED = re.compile(r'[\r\n](?:[^\r\n]*[,;"])?\s*\+[1-9][0-9]{6,14}(?![0-9])').search
"""Finds a line inside a cell that looks like a row: it begins with a phone number, or has one as a cell of its own."""
_IS_LIST = re.compile(rb"\[\s*[{\]]").match
_TABLES, _JSON = (".csv", ".tsv"), (".jsonl", ".ndjson", ".json")


class RowFile:
    """A file that is read row by row, several times if need be: a copy of it, since somebody may save it meanwhile.

    `-`: standard input.
    """

    any_columns = False
    """Whether all columns are accepted, since nothing is sent."""
    any_ending = False
    """Whether a name may end otherwise, so that the first bytes decide."""

    def __init__(self, path: Path, template: Template | None = None, form: Form | None = None) -> None:
        """Opens the file.

        Raises:
            UnusableFile: it can't be read.
            MissingExtra: it is a workbook, whose reader is not installed.
        """
        ending = unpacked_name(path).suffix.lower()
        is_named = ending in (*_TABLES, *_JSON, *workbook.ENDINGS)
        if not (is_named or self.any_ending or path == STANDARD_INPUT):
            raise UnusableFile(
                f"{path}: the name must end with .csv or .jsonl, followed by .gz if the file is packed; or with .tsv, "
                ".json, .xlsx, .xls or .ods"
            )
        self.path, self.form = path, form or form_of()
        self.swallowers: dict[int, int] = {}
        """The first rows that seem to have other rows in a cell, each with the line on which it begins."""
        self._template = template
        self.file, self.size = _copied(path)
        self._bytes, self._start = self.file, 0
        try:
            begins = self._beginning()
            is_json = ending in _JSON or (not is_named and begins[:1] in {b"{", b"["})
            self._kind: type[RowReader] = CsvReader
            if is_json:
                self._kind = ArrayReader if _IS_LIST(begins) else JsonReader
            elif ending in workbook.ENDINGS or (not is_named and begins.startswith(workbook.MAGIC)):
                self._kind = SheetReader
                self.sheet, self._bytes, self.size = workbook.opened_sheet(self.file, path, self.form)
                self._start = self._bytes.tell()
            self.reader, self._rows = self._rewound()
        except BaseException:
            self.close()
            raise

    @property
    def is_csv(self) -> bool:
        """Whether it has columns, as CSV and workbooks do; otherwise it is JSON."""
        return issubclass(self._kind, CsvReader)

    @property
    def is_for_excel(self) -> bool:
        """Whether it comes from a spreadsheet, in which its rejected rows will be repaired as well."""
        return self._kind is SheetReader or self.reader.has_mark or self.delimiter == ";"

    @property
    def delimiter(self) -> str:
        """What separates its columns; a comma if it has no delimiters."""
        return self.reader.delimiter if isinstance(self.reader, CsvReader) else ","

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
        if several and self.is_csv and any(map(_SWALLOWED, row.cells.values())):
            self.swallowers[row.number] = row.line

    def _beginning(self) -> bytes:
        begins = b""
        for piece in self._pieces():
            begins = (begins + piece).removeprefix(b"\xef\xbb\xbf").lstrip()
            if len(begins) > len(workbook.MAGIC[0]):
                break
        return begins

    def _pieces(self) -> Iterator[bytes]:
        self._bytes.seek(self._start)
        return unpacked(self._bytes, self.path if self._bytes is self.file else Path())

    def _rewound(self) -> tuple[RowReader, Iterator[Row]]:
        """Returns a reader at the beginning of the file, and its rows."""
        reader = self._kind(str(self.path), self._template, self.form)
        reader.any_columns = self.any_columns

        def rows() -> Iterator[Row]:
            for piece in self._pieces():
                yield from reader.feed(piece)
            yield from reader.end()

        return reader, rows()

    def content_hash(self) -> str:
        """Returns a hash of the file's bytes, and of its sheet or delimiter, by which its rows are recognized."""
        digest = self._digest.copy()
        if self._kind is SheetReader:
            digest.update(f"\0{self.sheet}".encode())
        elif self.delimiter != ",":
            digest.update(f"\0{self.delimiter}".encode())
        return str(digest.hexdigest())

    @cached_property
    def _digest(self) -> Any:
        """SHA-256 of the file's bytes."""
        place = self.file.tell()
        try:
            return _digest_of(self.file)
        finally:
            self.file.seek(place)

    def check_unchanged(self) -> None:
        """Checks that the file still is what is read, and that nobody wrote it while it was copied.

        Raises:
            UnusableFile: it is not.
        """
        if self.path == STANDARD_INPUT:
            return
        with _opened(self.path) as file:
            if _digest_of(file).digest() != self._digest.digest():
                raise UnusableFile(f"{self.path} changed while it was read; run the command again")

    def close(self) -> None:
        """Closes the file."""
        self._bytes.close()
        self.file.close()


def form_of(column: list[str] | None = None, errors: list[FieldError] | None = None, **given: Any) -> Form:
    """Returns the form that the options of a command say; adds what is wrong with them to `errors`, or raises it."""
    found: list[FieldError] = [] if errors is None else errors
    form = Form.parse(found, column=column or (), option=lambda name: f"--{name.replace('_', '-')}", **given)
    if errors is None and found:
        raise InvalidJob(found)
    return form


def unpacked_name(path: Path) -> Path:
    """Returns the path without `.gz`."""
    return path.with_suffix("") if path.suffix.lower() == ".gz" else path


def unpacked(file: IO[bytes], path: Path) -> Iterator[bytes]:
    """Yields the rest of the file, unpacked if it is gzip."""
    unpacker = Unpacker(str(path), packed=path.suffix.lower() == ".gz")
    while part := file.read(PART):
        yield from unpacker.unpack(part)
    yield from unpacker.end()


def _digest_of(file: IO[bytes]) -> Any:
    file.seek(0)
    digest = hashlib.sha256()
    while part := file.read(PART):
        digest.update(part)
    return digest


def _copied(path: Path) -> tuple[IO[bytes], int]:
    """Copies the file to a temporary one without a name; returns that and its size. Raises `UnusableFile`."""
    copy = TemporaryFile()  # noqa: SIM115  # closed by whoever has it
    try:
        with nullcontext(sys.stdin.buffer) if path == STANDARD_INPUT else _opened(path) as source:
            shutil.copyfileobj(source, copy, PART)
        copy.flush()
    except BaseException as error:
        with suppress(OSError):
            copy.close()
        if isinstance(error, OSError):
            raise UnusableFile(
                f"{path} can't be copied to {gettempdir()}: {error.strerror}; set TMPDIR to another folder"
            ) from error
        raise
    return copy, copy.tell()


def _opened(path: Path) -> IO[bytes]:
    """Opens the file. Raises `UnusableFile` if it can't be read, or is a pipe or device."""
    try:
        if path.exists() and not path.is_file():
            raise UnusableFile(f"{path} is not a regular file; write the rows to one first")
        return path.open("rb")
    except OSError as error:
        raise UnusableFile(f"{path} can't be read: {error.strerror}") from error
