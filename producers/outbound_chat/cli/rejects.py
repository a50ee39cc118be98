"""Writes rejected rows of a file of jobs, so that they can be mended and sent again."""

import csv
import json
from pathlib import Path
from typing import IO, Any

from outbound_chat.cli.files import JobFile, Row
from outbound_chat.jobs import Rejection

NAMED = 20
"""Rejected rows that are shown."""


class Rejects:
    """The rejected rows in a file like the one they came from, with `_line` and `_errors`; made at the first one."""

    def __init__(self, path: Path, source: JobFile) -> None:
        self.path = path
        self.first: list[dict[str, Any]] = []
        """The first of them with line, row and errors, to be shown; the file has all."""
        self._source = source
        self._file: IO[str] | None = None

    def add(self, rejection: Rejection) -> None:
        """Writes one rejected row."""
        row, errors = rejection.row, rejection.errors
        found = self._source.recent.get(row) or Row(row, 0, {})
        if len(self.first) < NAMED:
            self.first.append({"line": found.line, "row": row, "errors": errors})
        first = self._file is None
        if self._file is None:
            self._file = self.path.open("w", encoding="utf-8", errors="surrogateescape", newline="")
        reasons = "; ".join(map(str, errors))
        if not self._source.is_csv:
            line = {**found.cells, "_line": found.line, "_errors": reasons}
            self._file.write(json.dumps(line, ensure_ascii=True) + "\n")
            return
        columns = [name for name in self._source.columns if name not in {"_line", "_errors"}]
        writer = csv.writer(self._file)
        if first:
            writer.writerow([*columns, "_line", "_errors"])
        writer.writerow([*(found.cells.get(name, "") for name in columns), found.line, reasons])

    def close(self) -> None:
        """Closes the file, if there is one."""
        if self._file:
            self._file.close()
