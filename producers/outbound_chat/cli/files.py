"""Reads files of jobs, CSV or JSONL, row by row, in bounded memory.

Columns are the names of the short form: `to`, `text`, `send_at` …; `attributes.NAME` and `segment_attributes.NAME` fill
the maps. Columns whose name begins with `_` are passed over: those of a file of rejects do.
"""

import csv
import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from outbound_chat.cli.jobs import parse_time
from outbound_chat.client import ROW_OPTIONS
from outbound_chat.errors import FieldError, InvalidJob
from outbound_chat.request import Code

MAPS = ("attributes", "segment_attributes")
JSON_ONLY = frozenset(
    {
        "participant_details",
        "initial_system_message",
        "initial_templated_system_message",
        "supported_messaging_content_types",
    }
)
"""Options that no cell of a CSV can hold."""
COLUMNS = ROW_OPTIONS - JSON_ONLY - set(MAPS)
TIMES = ("send_at", "expires_at")
NUMBERS = ("chat_duration_in_minutes",)

# A message is at most 16,384 bytes and attributes 32,768: a field beyond that is no job.
LONGEST_FIELD = 131_072
LONGEST_LINE = 1_000_000
KEPT_ROWS = 1_200
"""Rows remembered for the rejects: more than the jobs of one round trip."""


class UnusableFile(ValueError):
    """Nothing of the file can be used; the text names the fault and the fix."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row as the file has it."""

    line: int
    cells: Mapping[str, Any]
    fault: InvalidJob | None = None
    """Why it can't be a job at all."""


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
        self.columns: list[str] = []
        self._line = 0
        self._row_bytes = 0
        self._lines = self._decoded_lines()
        self.recent: dict[int, Row] = {}
        """The last rows by their number, from 1."""
        self.own_minutes: Counter[int] = Counter()
        """How many rows so far brought which `chat_duration_in_minutes` of their own."""
        if self.is_csv:
            self._reader = csv.reader(self._lines, strict=True)
            try:
                self.columns = self._read_header(path)
            except UnusableFile:
                self.close()
                raise

    @property
    def position(self) -> int:
        """Bytes read so far."""
        return self._bytes.tell()

    def _decoded_lines(self) -> Iterator[str]:
        """Lines as text. Bytes that are not UTF-8 stay marked, so that only their own row is refused."""
        while line := self._bytes.readline(LONGEST_LINE + 1):
            self._line += 1
            self._row_bytes += len(line)
            if self._row_bytes > LONGEST_LINE:
                # Quotes let a row go on over many lines.
                raise UnusableFile(
                    f"the row at line {self._line} has more than {LONGEST_LINE:,} bytes; no job is that long"
                )
            text = line.decode("utf-8", "surrogateescape")
            yield text.removeprefix("\ufeff") if self._line == 1 else text

    def _read_header(self, path: Path) -> list[str]:
        csv.field_size_limit(LONGEST_FIELD)
        try:
            columns = [column.strip() for column in next(self._reader, [])]
        except csv.Error as error:
            raise UnusableFile(f"{path}, line 1: {error}") from error
        if any("\0" in column for column in columns):
            raise UnusableFile(f"{path} has NUL bytes, as UTF-16 does; save it as UTF-8")
        unknown = [name for name in columns if not _known(name)]
        if "to" not in columns:
            raise UnusableFile(f'{path} has no column "to" for the phone numbers; its first line must name the columns')
        if unknown:
            names = (
                ", ".join(f'"{name}"' for name in (name[:64] for name in unknown[:5]))
                .encode("utf-8", "replace")
                .decode()
            )
            raise UnusableFile(
                f"{path} has unknown columns: {names}; use {', '.join(sorted(COLUMNS))}, attributes.NAME or "
                "segment_attributes.NAME, or begin the name with _ to pass a column over"
            )
        if twice := [name for name, times in Counter(columns).items() if times > 1]:
            raise UnusableFile(f"{path} has the column {twice[0][:64]!r} twice; remove one")
        return columns

    def __iter__(self) -> Iterator[Mapping[str, Any] | InvalidJob]:
        for number, row in enumerate(self._rows(), start=1):
            self.recent[number] = row
            self.recent.pop(number - KEPT_ROWS, None)
            job = row.fault or _converted(row.cells)
            if not isinstance(job, InvalidJob) and isinstance(minutes := job.get("chat_duration_in_minutes"), int):
                self.own_minutes[minutes] += 1
            yield job

    def _rows(self) -> Iterator[Row]:
        return self._csv_rows() if self.is_csv else self._json_rows()

    def _csv_rows(self) -> Iterator[Row]:
        while True:
            self._row_bytes = 0
            try:
                cells = next(self._reader, None)
            except csv.Error as error:
                yield Row(self._line, {}, _refused(Code.WRONG_TYPE, f"is not valid CSV: {error}"))
                continue
            if cells is None:
                return
            if not cells:
                continue
            fault = None
            if len(cells) != len(self.columns):
                message = f"has {len(cells)} fields where the first line names {len(self.columns)} columns"
                fault = _refused(Code.WRONG_TYPE, message)
            yield Row(self._line, dict(zip(self.columns, cells, strict=False)), fault)

    def _json_rows(self) -> Iterator[Row]:
        for line in self._lines:
            self._row_bytes = 0
            if not line.strip():
                continue
            try:
                cells = json.loads(line, object_pairs_hook=_once)
            except (ValueError, RecursionError):
                cells = None
            if isinstance(cells, dict):
                yield Row(self._line, cells)
            else:
                fault = _refused(Code.INVALID_JSON, "must be one JSON object on a line of its own, with no name twice")
                yield Row(self._line, {"_row": line.rstrip("\n")}, fault)

    def lines_of(self, rows: Collection[int]) -> dict[int, int]:
        """The lines of rows by their number; reads the file again up to the last of them."""
        found: dict[int, int] = {}
        if rows:
            again = JobFile(self.path)
            for number, row in enumerate(again._rows(), start=1):
                if number in rows:
                    found[number] = row.line
                if number >= max(rows):
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


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; two values by one name are refused, since one of them would be lost."""
    if len(found := dict(pairs)) < len(pairs):
        raise ValueError("a name stands there twice")
    return found


def _known(column: str) -> bool:
    base, _, key = column.partition(".")
    return column.startswith("_") or column in COLUMNS or bool(key and base in MAPS)


def _refused(code: Code, message: str) -> InvalidJob:
    return InvalidJob([FieldError("row", code, message)])


def _converted(cells: Mapping[str, Any]) -> Mapping[str, Any] | InvalidJob:
    """A row of a file as `enqueue_batch` takes it; an empty cell is an option that is not given."""
    row: dict[str, Any] = {}
    errors: list[FieldError] = []
    for column, value in cells.items():
        base, dot, key = column.partition(".")
        if column.startswith("_") or value is None or value == "":
            continue
        if isinstance(value, str) and not _is_text(value):
            errors.append(FieldError(column, Code.NOT_UNICODE, "is not UTF-8; save the file as UTF-8"))
        elif dot and base in MAPS:
            row.setdefault(base, {})[key] = value
        elif column in TIMES and isinstance(value, str):
            try:
                row[column] = parse_time(column, value)
            except InvalidJob as error:
                errors += error.errors
        elif column in NUMBERS and isinstance(value, str):
            row[column] = int(value) if value.isascii() and value.isdigit() else value
        else:
            row[column] = value
    return InvalidJob(errors) if errors else row


def _is_text(value: str) -> bool:
    """Whether all bytes were UTF-8: the others came in as lone surrogates."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
