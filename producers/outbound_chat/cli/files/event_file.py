"""A file or pipe of events, read as they arrive: one event a line, one document over several lines, or a JSON list."""

import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from outbound_chat.cli.files.row_file import PART, STANDARD_INPUT
from outbound_chat.rows import WHOLE_ROW, ArrayReader, Row, Unpacker, UnusableFile

LONGEST_LINE = 262_144
"""Bytes of the longest event. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html"""
Event = tuple[int, Any]
"""The line on which it begins, and the event; `b""` in place of one that is too long."""


class EventFile:
    """Gives events in lists: those that have arrived meanwhile. Only these are in memory."""

    def __init__(self, path: Path) -> None:
        """Opens the file; `-`: standard input. Raises `UnusableFile` if it can't be read."""
        self._path = path
        try:
            self._file: Any = sys.stdin.buffer if path == STANDARD_INPUT else path.open("rb")
            self.size = 0 if path == STANDARD_INPUT else path.stat().st_size
        except OSError as error:
            raise UnusableFile(f"{path} can't be read: {error.strerror}") from error
        self.position = 0
        """Bytes read so far."""

    def __iter__(self) -> Iterator[list[Event]]:
        parts, begins = self._parts(), b""
        for part in parts:
            begins = (begins + part).removeprefix(b"\xef\xbb\xbf")
            if begins.strip():
                break
        lines = _Lines()
        if begins.lstrip().startswith(b"["):
            rows = ArrayReader(str(self._path))
            for part in chain((begins,), parts):
                yield [_event(row) for row in rows.feed(part)]
            yield [_event(row) for row in rows.end()]
            return
        for part in chain((begins,), parts):
            yield lines.feed(part)
        yield lines.end()

    def _parts(self) -> Iterator[bytes]:
        unpacker = Unpacker(str(self._path))
        try:
            # A whole buffer would have to fill first.
            while part := self._file.read1(PART):
                self.position += len(part)
                yield from unpacker.unpack(part)
        except OSError as error:
            raise UnusableFile(f"{self._path} can't be read: {error.strerror}") from error
        yield from unpacker.end()

    def close(self) -> None:
        """Closes the file, but not standard input."""
        if self._path != STANDARD_INPUT:
            self._file.close()


def _event(row: Row) -> Event:
    return row.line, row.cells.get(WHOLE_ROW, row.cells)


class _Lines:
    """Splits lines. One that opens a document goes on to the next line that begins with what closes it."""

    def __init__(self) -> None:
        self._rest = b""
        self._too_long = False
        self._line = 0
        self._begun: tuple[int, bytearray] | None = None

    def feed(self, part: bytes) -> list[Event]:
        *whole, self._rest = (self._rest + part).split(b"\n")
        found = [event for line in whole for event in self._add(line)]
        if len(self._rest) > LONGEST_LINE:
            self._rest, self._too_long = b"", True
        return found

    def end(self) -> list[Event]:
        return [*(self._add(self._rest) if self._rest or self._too_long else ()), *self._close()]

    def _add(self, line: bytes) -> Iterator[Event]:
        self._line += 1
        if self._too_long or len(line) > LONGEST_LINE:
            line, self._too_long = b"", False
            yield from self._close()
            yield self._line, line
            return
        text = line.rstrip()
        if self._begun and not text.startswith(b"{"):
            self._begun[1].extend(text if len(self._begun[1]) <= LONGEST_LINE else b"")
            if text.startswith(b"}"):
                yield from self._close()
        elif text:
            yield from self._close()
            if text.startswith(b"{") and not text.endswith(b"}"):
                self._begun = self._line, bytearray(text)
            else:
                yield self._line, text

    def _close(self) -> Iterator[Event]:
        if self._begun:
            line, document = self._begun
            self._begun = None
            yield line, document if len(document) <= LONGEST_LINE else b""
