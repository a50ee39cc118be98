"""A file or pipe of events, read as they arrive: one event a line, a JSON list, or one event over several lines."""

import sys
from collections.abc import Iterable, Iterator
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
            if b"\n" in begins.lstrip() or len(begins) > LONGEST_LINE:
                break
        first = begins.lstrip().partition(b"\n")[0].rstrip()
        parts = chain((begins,), parts)
        name = "standard input" if self._path == STANDARD_INPUT else str(self._path)
        if first == b"{":
            # One event over several lines is a list of one.
            yield from _listed(chain((b"[",), parts, (b"]",)), f"{name}, which has one event over several lines,")
        elif first.startswith(b"["):
            yield from _listed(parts, name)
        else:
            yield from _lines(parts)

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


def _listed(parts: Iterable[bytes], name: str) -> Iterator[list[Event]]:
    rows = ArrayReader(name)
    for part in parts:
        yield [_event(row) for row in rows.feed(part)]
    yield [_event(row) for row in rows.end()]


def _event(row: Row) -> Event:
    return row.line, row.cells.get(WHOLE_ROW, row.cells)


def _lines(parts: Iterable[bytes]) -> Iterator[list[Event]]:
    rest, line, is_too_long = b"", 0, False
    for part in chain(parts, (b"\n",)):
        *whole, rest = (rest + part).split(b"\n")
        found: list[Event] = []
        for text in whole:
            line += 1
            if is_too_long or len(text) > LONGEST_LINE:
                found.append((line, b""))
            elif text.strip():
                found.append((line, text))
            is_too_long = False
        if len(rest) > LONGEST_LINE:
            rest, is_too_long = b"", True
        yield found
