"""Streams the rows of a request, and the reports of rejected rows. Neither is kept in memory."""

import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from io import TextIOWrapper
from typing import Any

from starlette.requests import Request

from outbound_chat.client.steps.rejections import FaultCounter
from outbound_chat.http.wire.bodies import parts_of
from outbound_chat.http.wire.turns import Turns
from outbound_chat.model.batches import Rejection
from outbound_chat.model.errors import InvalidJob
from outbound_chat.model.json import to_json
from outbound_chat.request.templates import Template
from outbound_chat.rows import CsvReader, Form, JsonReader, Row, RowReader, UnusableFile
from outbound_chat.rows.writing import RejectsWriter, rejected

CSV_TYPE = "text/csv"
JSON_LINES_TYPES = ("application/x-ndjson", "application/jsonl")
KEPT_ROWS = 2_400
"""Rows whose line is kept: more than two chunks may have, after which a row may still be rejected."""
IN_MEMORY = 262_144
MOST_LISTED = 20_000_000
"""Bytes of reports of rejected rows that are kept, enough for about 100,000. The rest are only counted."""
MOST_REJECTED = 100_000_000
"""Bytes of rejected rows with their errors."""
MOST_BLANK = 50_000_000
"""Bytes accepted without a row. A million empty rows of 20 cells, left over from a spreadsheet, have 21 million."""
_PART = 65_536
_SLICE = 16_384
"""Bytes read without a pause, which is 10 ms if they are all blank lines."""

Given = Mapping[str, Any] | InvalidJob


class RowsBody:
    """Reads the rows of a body, and remembers their lines."""

    def __init__(self, request: Request, media_type: str, template: Template | None, form: Form) -> None:
        self._request = request
        self._turns = Turns(request)
        self.reader: RowReader = (CsvReader if media_type == CSV_TYPE else JsonReader)(template=template, form=form)
        self._lines: dict[int, int] = {}
        self.last = Row(0, 0, {})
        """The row that was read last."""

    def line_of(self, row: int) -> int | None:
        """Returns the line on which one of the last rows begins."""
        return self._lines.get(row)

    async def rows(self) -> AsyncIterator[Given]:
        """Yields each row as it arrives.

        Raises:
            UnusableFile: the rest of the body can't be used.
        """
        blank = 0
        async with aclosing(self._slices()) as slices:
            async for part in slices:
                blank += len(part)
                for row in self.reader.feed(part):
                    blank = 0
                    yield self._noted(row)
                    if self._turns.over:
                        await self._turns.rest()
                if blank > MOST_BLANK:
                    raise UnusableFile(f"the body has {MOST_BLANK:,} bytes without a row; remove the blank lines")
                if self._turns.over:
                    await self._turns.rest()
        for row in self.reader.end():
            yield self._noted(row)

    async def _slices(self) -> AsyncGenerator[bytes, None]:
        async with aclosing(parts_of(self._request)) as parts:
            async for part in parts:
                for start in range(0, len(part), _SLICE):
                    yield part[start : start + _SLICE]

    def _noted(self, row: Row) -> Given:
        self.last = row
        self._lines[row.number] = row.line
        self._lines.pop(row.number - KEPT_ROWS, None)
        return row.job()


class Rejections:
    """Collects why rows were rejected, as JSON in a temporary file, without values of rows."""

    def __init__(self, lines: FaultCounter | None = None) -> None:
        """`lines`: counts their faults by line; 0 if it is not known."""
        self._lines = lines
        self._file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115  # closed by whoever has it
        self._bytes = 0
        self.omitted = 0
        """The number of rejections that did not fit."""

    def add(self, rejection: Rejection, body: RowsBody | None) -> None:
        """Adds one while there is room. `body`: where it stands, if that has lines."""
        line = body.line_of(rejection.row) if body else None
        if self._lines:
            self._lines.add(line or 0, rejection.errors)
        if self._bytes >= MOST_LISTED:
            self.omitted += 1
            return
        separator = b"," if self._bytes else b""
        self._bytes += self._file.write(
            separator + to_json({"row": rejection.row, "line": line, "errors": rejection.errors})
        )

    async def parts(self) -> AsyncIterator[bytes]:
        """Yields all of them, separated by commas, and closes the file."""
        self._file.seek(0)
        with self._file:
            while part := self._file.read(_PART):
                yield part

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


class RejectedRows(Rejections):
    """Collects the rejected rows of a CSV themselves, as `send-batch` writes them, for a spreadsheet.

    Of a preflight: it rejects a row before it reads the next.
    """

    def __init__(self) -> None:
        super().__init__()
        self._text = TextIOWrapper(self._file, "utf-8", "surrogateescape", newline="", write_through=True)
        self._csv: RejectsWriter | None = None

    def add(self, rejection: Rejection, body: RowsBody | None) -> None:
        """Adds one.

        Raises:
            UnusableFile: they are too many.
        """
        if body is None or not isinstance(body.reader, CsvReader):
            raise TypeError("needs rows of CSV")
        if self._csv is None:
            self._csv = RejectsWriter(self._text, body.reader.columns, body.reader.delimiter, for_excel=True)
        self._csv.write(rejected(body.last, rejection.errors))
        if self._file.tell() > MOST_REJECTED:
            raise UnusableFile(
                f"the body has more than {MOST_REJECTED:,} bytes of rejected rows; correct their columns"
            )
