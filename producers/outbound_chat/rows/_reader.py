"""Readers that are fed bytes and give rows, so that they serve blocking and asynchronous callers.

Only the row in progress is in memory.
"""

import re
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, NoReturn

from outbound_chat.model.errors import InvalidJob
from outbound_chat.request import FieldCode
from outbound_chat.request.templates import Template
from outbound_chat.rows._columns import UnusableFile
from outbound_chat.rows._form import Form
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
Found = tuple[int, int, dict[str, Any], InvalidJob | None]


class RowReader(ABC):
    """Gives rows as bytes arrive. `feed` each part, then `end` once; read what they give to its end before the next."""

    def __init__(self, name: str = "the body", template: Template | None = None, form: Form | None = None) -> None:
        """`name`: what errors call the source. `template`: names further columns. `form`: how the rows are written."""
        self.any_columns = False
        """Whether any columns are accepted, because the rows are not to be sent."""
        self.form = form or Form()
        self._form = self.form if self.form.read_as else None
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
        """The names of the columns of a table, once they were read."""
        self.has_mark = False
        """Whether it begins with a byte-order mark, as spreadsheets write it."""

    def feed(self, part: bytes) -> Iterator[Row]:
        """Takes a part and gives the rows that are whole now; a long row may come with a later part.

        Raises:
            UnusableFile: a line is longer than any job, or the columns are not those of jobs.
        """
        self._held += part
        # An unfinished row is read from its beginning again, which would be slow for each part.
        unfinished = self._unfinished
        if len(self._held) < (unfinished // 4 if unfinished > SHORT_ROW else 0):
            return iter(())
        self._split_held(last=False)
        return self._counted(last=False)

    def end(self) -> Iterator[Row]:
        """Gives what is left, after the last part.

        Raises:
            UnusableFile: as `feed`.
        """
        self._split_held(last=True)
        return self._counted(last=True)

    def _too_long(self, line: int) -> NoReturn:
        raise UnusableFile(f"the row at line {line} has more than {LONGEST_LINE:,} bytes; no job is that long")

    def _counted(self, *, last: bool) -> Iterator[Row]:
        for line, lines, cells, fault in self._found(last=last):
            self.rows += 1
            yield Row(self.rows, line, cells, fault, self._named, lines, self._form)

    @abstractmethod
    def _found(self, *, last: bool) -> Iterator[Found]:
        """Yields first line, number of lines, cells and fault of each row that is whole; `last`: no more lines come."""

    @property
    def _unfinished(self) -> int:
        """The size of the row that is not whole yet."""
        return len(self._rest) + sum(len(text) for text, _ in self._lines)

    def _split_held(self, *, last: bool) -> None:
        self._rest += self._held
        self._held.clear()
        if not self._line_end and (found := _LINE_END.search(self._rest)):
            self._line_end = found[0][-1:]
        if self._line_end:
            *whole, self._rest = self._rest.split(self._line_end)
            self._take(line + self._line_end for line in whole)
        if len(self._rest) > LONGEST_LINE:
            self._take([self._rest])
        if last:
            self._take([self._rest] if self._rest else [])
            self._rest = b""

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
            if self._split == 1:
                self.has_mark, text = text.startswith("\ufeff"), text.removeprefix("\ufeff")
            self._lines.append((text, 1))


class JsonReader(RowReader):
    """Reads one JSON object a line."""

    def _found(self, *, last: bool) -> Iterator[Found]:  # noqa: ARG002  # lines are whole
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
