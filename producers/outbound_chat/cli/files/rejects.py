"""Writes the rejected rows of a file of jobs, so that they can be corrected and sent again."""

import json
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, TextIO

from outbound_chat.cli.errors import at_place
from outbound_chat.cli.files.job_file import JobFile
from outbound_chat.cli.files.writing import settle, writing
from outbound_chat.cli.output import talk
from outbound_chat.model.batches import Rejection
from outbound_chat.model.errors import InvalidJob
from outbound_chat.rows import Row
from outbound_chat.rows.writing import RejectsWriter, rejected

NAMED = 20
"""Rejected rows that are shown."""
_HINT = "; fix that, then run the same command again: it writes the whole file, and sends no row twice"


class Rejects:
    """Writes rejected rows to a file like the one they came from, with `_line` and `_errors`.

    A row that can't be read is written whole to `_row`, without other cells: unless corrected, it is rejected again.
    They are collected in a temporary file until `close`: what is at `path` may be of another run, or edited since.
    """

    def __init__(self, path: Path, source: JobFile) -> None:
        self.path = path
        """Where they are. After `close` that may be another name, since no file is overwritten."""
        self.first: list[dict[str, Any]] = []
        """The first rejected rows with line, row and errors, to be shown; the file has all."""
        self._source = source
        self._file: TextIO | None = None
        self._csv: RejectsWriter | None = None

    @property
    def errors(self) -> list[InvalidJob]:
        """The errors of the first rejected rows, with their lines."""
        return [at_place(f"line {one['line']}", one["errors"]) for one in self.first]

    def add(self, rejection: Rejection) -> None:
        """Writes one rejected row.

        Raises:
            CannotWrite: it can't be written.
        """
        row, errors = rejection.row, rejection.errors
        found = self._source.recent.get(row) or Row(row, 0, {})
        self._source.swallowers.pop(row, None)
        if len(self.first) < NAMED:
            self.first.append({"line": found.line, "row": row, "errors": errors})
        try:
            with writing(self.path, _HINT):
                self._write(rejected(found, errors))
        except BaseException:
            self._abandon()
            raise

    def _write(self, cells: dict[str, Any]) -> None:
        if self._file is None:
            # It has no name, so nothing is left of it if the process is killed; the next run collects them again.
            self._file = TemporaryFile("w+", encoding="utf-8", errors="surrogateescape", newline="")  # noqa: SIM115  # closed below
        if not self._source.is_csv:
            self._file.write(json.dumps(cells, ensure_ascii=True) + "\n")
            return
        if self._csv is None:
            source = self._source
            self._csv = RejectsWriter(self._file, source.columns, source.delimiter, for_excel=source.is_for_excel)
        self._csv.write(cells)

    def _abandon(self) -> None:
        """Closes the temporary file; that closing fails must not hide another error."""
        if self._file:
            with suppress(OSError):
                self._file.close()
            self._file = None

    def close(self) -> None:
        """Puts the rows into their file, if there are any; a file of other rows stays as it is.

        Raises:
            CannotWrite: they can't be written.
        """
        if not self._file:
            return
        wanted = self.path
        try:
            with writing(wanted, _HINT):
                self._file.flush()
                self.path = settle(self._file.buffer, wanted)
        finally:
            self._abandon()
        if self.path != wanted:
            talk.print(
                f"{wanted} has other rows, of another run or edited since, and was not overwritten; the rejected rows "
                f"are in {self.path}",
                style="yellow",
            )
