"""Readers that are fed bytes and give rows: whoever has the bytes, waiting for them or not, decides when.

Holds no more than the row it is in the middle of.
"""

import csv
import json
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Iterator
from typing import Any

from outbound_chat.errors import InvalidJob
from outbound_chat.request import Code
from outbound_chat.rows._values import COLUMNS, Row, each_once, known_column, refused
from outbound_chat.templates import Template

# A message is at most 16,384 bytes and attributes 32,768: a field beyond that is no job.
LONGEST_FIELD = 131_072
LONGEST_LINE = 1_000_000
SHORT_ROW = 16_384
"""Bytes of a row in hand up to which it is read again with each part."""


class UnusableFile(ValueError):
    """Nothing more of the rows can be used; the text names the fault and the fix."""


class RowReader(ABC):
    """Gives rows as bytes come. `feed` each part, then `end` once; read what they give to its end before the next."""

    def __init__(self, name: str = "the body", template: Template | None = None) -> None:
        """`name`: what errors call the source. `template`: names further columns."""
        self.any_columns = False
        """Columns are taken as they come: the rows are not to be sent."""
        self._name = name
        self._named = template.names if template else frozenset()
        self._needed = template.needed if template else frozenset()
        self._held = bytearray()
        """What came and was not looked at yet."""
        self._rest = b""
        self._lines: deque[tuple[str, int]] = deque()
        """Text to be read, and how many lines of the source it is."""
        self._split = 0
        self.line = 0
        """Lines taken so far."""
        self.rows = 0
        """Rows given so far."""
        self.columns: list[str] = []
        """The first line of a CSV, once it came."""

    def feed(self, part: bytes) -> Iterator[Row]:
        """Takes a part and gives the rows that are whole now; after a long row, with the parts that follow.

        Raises:
            UnusableFile: a line is longer than any job, or the columns are not those of jobs.
        """
        self._held += part
        if len(self._held) < self._enough:
            return iter(())
        self._split_held()
        return self._counted(last=False)

    @property
    def _enough(self) -> int:
        """Bytes that are waited for: the row in hand is read from its first line again, and must not be with each."""
        in_hand = len(self._rest) + sum(len(text) for text, _ in self._lines)
        return in_hand // 4 if in_hand > SHORT_ROW else 0

    def end(self) -> Iterator[Row]:
        """Gives what is left, when no more parts come.

        Raises:
            UnusableFile: as `feed`.
        """
        self._split_held()
        self._take([self._rest] if self._rest else [])
        self._rest = b""
        return self._counted(last=True)

    def _split_held(self) -> None:
        *whole, self._rest = (self._rest + self._held).split(b"\n")
        self._held.clear()
        self._take([line + b"\n" for line in whole])
        if len(self._rest) > LONGEST_LINE:
            self._too_long(self._split + 1)

    def _take(self, lines: list[bytes]) -> None:
        """Bytes that are not UTF-8 stay marked, so that only their own row is refused."""
        for line in lines:
            self._split += 1
            if len(line) > LONGEST_LINE:
                self._too_long(self._split)
            text = line.decode("utf-8", "surrogateescape")
            self._lines.append((text.removeprefix("\ufeff") if self._split == 1 else text, 1))

    def _too_long(self, line: int) -> None:
        raise UnusableFile(f"the row at line {line} has more than {LONGEST_LINE:,} bytes; no job is that long")

    def _counted(self, *, last: bool) -> Iterator[Row]:
        for line, cells, fault in self._found(last=last):
            self.rows += 1
            yield Row(self.rows, line, cells, fault, self._named)

    @abstractmethod
    def _found(self, *, last: bool) -> Iterator[tuple[int, dict[str, Any], InvalidJob | None]]:
        """Line, cells and fault of each row that is whole; `last`: no more lines come."""


class JsonReader(RowReader):
    """Reads one JSON object a line."""

    def _found(self, *, last: bool) -> Iterator[tuple[int, dict[str, Any], InvalidJob | None]]:  # noqa: ARG002  # lines are whole
        while self._lines:
            line, _ = self._lines.popleft()
            self.line += 1
            if not line.strip():
                continue
            try:
                cells = json.loads(line, object_pairs_hook=each_once)
            except (ValueError, RecursionError):
                cells = None
            if isinstance(cells, dict):
                yield self.line, cells, None
            else:
                fault = refused(Code.INVALID_JSON, "must be one JSON object on a line of its own, with no name twice")
                yield self.line, {"_row": line.rstrip("\n")}, fault


class _MoreWanted(Exception):
    """The row in hand goes on in a line that has not come yet."""


class CsvReader(RowReader):
    """Reads CSV, whose first line names the columns."""

    def __init__(self, name: str = "the body", template: Template | None = None) -> None:
        super().__init__(name, template)
        csv.field_size_limit(LONGEST_FIELD)
        self._reader = csv.reader(self._next_lines(), strict=True)
        self._begun: list[str] = []
        self._begun_size = self._begun_lines = 0
        self._last = False

    def _next_lines(self) -> Iterator[str]:
        return _Lines(self)

    def next_line(self) -> str:
        """The next line of the row in hand."""
        if not self._lines:
            if self._last:
                raise StopIteration
            raise _MoreWanted
        line, lines = self._lines.popleft()
        self.line += lines
        self._begun_lines += lines
        self._begun.append(line)
        self._begun_size += len(line)
        if self._begun_size > LONGEST_LINE:
            # Quotes let a row go on over many lines.
            self._too_long(self.line)
        return line

    def _found(self, *, last: bool) -> Iterator[tuple[int, dict[str, Any], InvalidJob | None]]:
        self._last = last
        while True:
            self._begun, self._begun_size, self._begun_lines = [], 0, 0
            try:
                cells = next(self._reader, None)
            except _MoreWanted:
                self._put_back()
                return
            except csv.Error as error:
                if not self.columns:
                    raise UnusableFile(f"{self._name}, line 1: {error}") from error
                yield self.line, {}, refused(Code.WRONG_TYPE, f"is not valid CSV: {error}")
                continue
            if not self.columns and (cells is not None or last):
                self.columns = self._checked_columns(cells or [])
            elif cells is None:
                return
            elif cells:
                yield self.line, dict(zip(self.columns, cells, strict=False)), self._fault(cells)

    def _put_back(self) -> None:
        """The row is read again from its first line, when more of it has come."""
        if self._begun:
            # In one piece: every line end so far stands in quotes, or the row would have ended there.
            self._lines.appendleft(("".join(self._begun), self._begun_lines))
            self._begun = []
        self.line -= self._begun_lines

    def _fault(self, cells: list[str]) -> InvalidJob | None:
        if len(cells) == len(self.columns):
            return None
        message = f"has {len(cells)} fields where the first line names {len(self.columns)} columns"
        return refused(Code.WRONG_TYPE, message)

    def _checked_columns(self, cells: list[str]) -> list[str]:
        columns = [column.strip() for column in cells]
        if any("\0" in column for column in columns):
            raise UnusableFile(f"{self._name} has NUL bytes, as UTF-16 does; save it as UTF-8")
        unknown = [
            name for name in columns if not self.any_columns and not known_column(name) and name not in self._named
        ]
        if "to" not in columns and not self.any_columns:
            raise UnusableFile(
                f'{self._name} has no column "to" for the phone numbers; its first line must name the columns'
            )
        if missing := sorted(self._needed.difference(columns)):
            names = ", ".join(f'"{name[:64]}"' for name in missing[:5])
            raise UnusableFile(
                f"{self._name} lacks columns that the template names: {names}; add them, or write {{name|default}}"
            )
        if unknown:
            names = ", ".join(f'"{name[:64]}"' for name in unknown[:5]).encode("utf-8", "replace").decode()
            raise UnusableFile(
                f"{self._name} has unknown columns: {names}; use {', '.join(sorted(COLUMNS))}, attributes.NAME or "
                "segment_attributes.NAME, or begin the name with _ to pass a column over"
            )
        if twice := [name for name, times in Counter(columns).items() if times > 1]:
            raise UnusableFile(f"{self._name} has the column {twice[0][:64]!r} twice; remove one")
        return columns


class _Lines:
    """What `csv` draws its lines from; it asks for more only inside of a row."""

    def __init__(self, reader: CsvReader) -> None:
        self._reader = reader

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        return self._reader.next_line()
