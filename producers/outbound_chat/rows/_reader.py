"""Readers that are fed bytes and give rows, so that they serve blocking and asynchronous callers.

Only the row in progress is in memory.
"""

import csv
import re
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

from outbound_chat.model.errors import InvalidJob
from outbound_chat.request import FieldCode
from outbound_chat.request.templates import Template
from outbound_chat.rows._columns import UnusableFile, broken, checked_columns, misfit
from outbound_chat.rows._values import Row, TooManyMembers, parse_json, refused

# A message is at most 16,384 bytes and attributes 32,768: a row beyond that is no job.
LONGEST_LINE = 1_000_000
WHOLE_ROW = "_row"
"""Cell of a row that can't be read: its text as in the source. Without a `to` the row stays refused."""
SHORT_ROW = 16_384
"""Bytes up to which an unfinished row is read again with each part."""

_LINE_END = re.compile(rb"(?<!\r)(?:\r*\n|\r+(?=[^\r\n]))")
_WIDE = re.compile(rb"\xff\xfe|\xfe\xff|\0*[^\0]\0").match
"""Matches the beginning of UTF-16 and UTF-32, with or without a byte-order mark."""
_Found = tuple[int, int, dict[str, Any], InvalidJob | None]


class RowReader(ABC):
    """Gives rows as bytes arrive. `feed` each part, then `end` once; read what they give to its end before the next."""

    def __init__(self, name: str = "the body", template: Template | None = None) -> None:
        """`name`: what errors call the source. `template`: names further columns."""
        self.any_columns = False
        """Whether any columns are accepted, because the rows are not to be sent."""
        self._name = name
        self._template = template
        self._named = template.names if template else frozenset()
        self._held = bytearray()
        """Bytes that were fed and not looked at yet."""
        self._rest = b""
        self._line_end = b""
        """A line feed; or a carriage return if the first line ends with only that, as old spreadsheets write them."""
        self._lines: deque[tuple[str, int]] = deque()
        """Text to read, and how many lines of the source it is."""
        self._split = 0
        self.line = 0
        """Lines read so far."""
        self.rows = 0
        """Rows given so far."""
        self.columns: list[str] = []
        """The first line of a CSV, once it was read."""

    def feed(self, part: bytes) -> Iterator[Row]:
        """Takes a part and gives the rows that are whole now; a long row may come with a later part.

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
        """Bytes to wait for: an unfinished row is read from its first line again, which would be slow for each part."""
        unfinished = len(self._rest) + sum(len(text) for text, _ in self._lines)
        return unfinished // 4 if unfinished > SHORT_ROW else 0

    def end(self) -> Iterator[Row]:
        """Gives what is left, after the last part.

        Raises:
            UnusableFile: as `feed`.
        """
        self._split_held()
        self._take([self._rest] if self._rest else [])
        self._rest = b""
        return self._counted(last=True)

    def _split_held(self) -> None:
        self._rest += self._held
        self._held.clear()
        if not self._line_end and (found := _LINE_END.search(self._rest)):
            self._line_end = found[0][-1:]
        if self._line_end:
            *whole, self._rest = self._rest.split(self._line_end)
            self._take(line + self._line_end for line in whole)
        if len(self._rest) > LONGEST_LINE:
            self._take([self._rest])

    def _take(self, lines: Iterable[bytes]) -> None:
        """Decodes lines; bytes that are not UTF-8 become surrogates, so that only their own row is refused."""
        for line in lines:
            self._split += 1
            if self._split == 1 and _WIDE(line):
                raise UnusableFile(
                    f"{self._name} is UTF-16 or UTF-32, which some programs call Unicode; save it as UTF-8"
                )
            if len(line) > LONGEST_LINE:
                self._too_long(self._split)
            text = line.decode("utf-8", "surrogateescape")
            self._lines.append((text.removeprefix("\ufeff") if self._split == 1 else text, 1))

    def _too_long(self, line: int) -> None:
        raise UnusableFile(f"the row at line {line} has more than {LONGEST_LINE:,} bytes; no job is that long")

    def _counted(self, *, last: bool) -> Iterator[Row]:
        for line, lines, cells, fault in self._found(last=last):
            self.rows += 1
            yield Row(self.rows, line, cells, fault, self._named, lines)

    @abstractmethod
    def _found(self, *, last: bool) -> Iterator[_Found]:
        """Yields first line, number of lines, cells and fault of each row that is whole; `last`: no more lines come."""


class JsonReader(RowReader):
    """Reads one JSON object a line."""

    def _found(self, *, last: bool) -> Iterator[_Found]:  # noqa: ARG002  # lines are whole
        while self._lines:
            line, _ = self._lines.popleft()
            self.line += 1
            if not line.strip():
                continue
            cells, fault = None, None
            try:
                cells = parse_json(line)
            except TooManyMembers as error:
                fault = refused(FieldCode.TOO_LONG, str(error))
            except (ValueError, RecursionError):
                pass
            if isinstance(cells, dict):
                yield self.line, 1, cells, None
            else:
                message = "must be one JSON object on a line of its own, with no name twice, NaN or Infinity"
                fault = fault or refused(FieldCode.INVALID_JSON, message)
                yield self.line, 1, {WHOLE_ROW: line.rstrip("\r\n")}, fault


class _MoreWanted(Exception):
    """The row continues in a line that was not fed yet."""


class CsvReader(RowReader):
    """Reads CSV, whose first line names the columns. Rows without values, as spreadsheets leave them, are skipped."""

    def __init__(self, name: str = "the body", template: Template | None = None) -> None:
        super().__init__(name, template)
        csv.field_size_limit(LONGEST_LINE)
        # `csv` asks for more lines only inside a row.
        self._reader = csv.reader(iter(self.next_line, None), strict=True, skipinitialspace=True)
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

    def _found(self, *, last: bool) -> Iterator[_Found]:
        self._last = last
        while True:
            self._begun, self._begun_size, self._begun_lines = [], 0, 0
            try:
                cells = next(self._reader, None)
            except _MoreWanted:
                self._put_back()
                return
            except csv.Error as error:
                fault = refused(FieldCode.WRONG_TYPE, broken(error, ran_out=self._ran_out) + self._extent())
                if not self._names:
                    raise UnusableFile(
                        f"{self._name}, line {self._first_line}: the row {fault.errors[0].message}"
                    ) from None
                yield self._unread(fault)
                continue
            if cells is not None and not any(map(str.strip, cells)):
                continue
            if not self._names:
                self._names = checked_columns(cells or [], self._name, self._template, to_send=not self.any_columns)
                self.columns = [name for name in self._names if name]
            elif cells is not None:
                yield self._row(cells)
            if cells is None:
                return

    def _put_back(self) -> None:
        """Has the row read again from its first line, when more of it was fed."""
        if self._begun:
            # In one piece: every line end so far is inside quotes, or the row would have ended there.
            self._lines.appendleft(("".join(self._begun), self._begun_lines))
            self._begun = []
        self.line -= self._begun_lines

    def _row(self, cells: list[str]) -> _Found:
        if not self.any_columns and (message := misfit(cells, self._names, self._begun[0])):
            return self._unread(refused(FieldCode.WRONG_TYPE, message + self._extent()))
        row = dict(zip(self._names, cells, strict=False))
        row.pop("", None)
        return self._first_line, self._begun_lines, row, None

    def _unread(self, fault: InvalidJob) -> _Found:
        """Returns a row without its cells, which are not known for sure, so that no wrong value is accepted."""
        return self._first_line, self._begun_lines, {WHOLE_ROW: "".join(self._begun).rstrip("\r\n")}, fault

    def _extent(self) -> str:
        """Says which lines a row has, if more than one: an open quote also takes those of other rows."""
        if self._begun_lines == 1:
            return ""
        return f"; the row takes {self._begun_lines:,} lines, {self._first_line:,} to {self.line:,}"
