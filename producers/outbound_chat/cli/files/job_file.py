"""Reads files of jobs: `outbound_chat.rows` turns their rows into jobs."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from outbound_chat.cli.files.row_file import STANDARD_INPUT, RowFile
from outbound_chat.model.errors import InvalidJob
from outbound_chat.request.templates import Template
from outbound_chat.rows import Form, Row, UnusableFile, is_known

KEPT_ROWS = 2_400
"""Rows kept for the rejects: more than two chunks may have; see `MOST_ROWS`."""


class JobFile(RowFile):
    """A file of jobs. Iterating yields a job for each row, or the `InvalidJob` that says what is wrong with it."""

    def __init__(
        self, path: Path, template: Template | None = None, form: Form | None = None, *, any_columns: bool = False
    ) -> None:
        """Opens the file and reads its header.

        `template`: names more columns than those of jobs. `any_columns`: accepts all, since nothing is sent.

        Raises:
            UnusableFile: it can't be read, or its columns are not those of jobs.
        """
        self.any_columns = any_columns
        super().__init__(path, template, form)
        self.recent: dict[int, Row] = {}
        """The last rows by their number, from 1."""
        self.own_minutes: Counter[int] = Counter()
        """The number of rows so far by their own `chat_duration_in_minutes`."""
        try:
            self._first = next(self._rows, None)
        except UnusableFile:
            self.close()
            raise

    def rewind(self) -> None:
        """Goes back to the first row, and forgets what was read."""
        for seen in (self.recent, self.own_minutes, self.swallowers):
            seen.clear()
        self.reader, self._rows = self._rewound()
        self._first = next(self._rows, None)

    @property
    def name(self) -> str:
        """What to call the file."""
        return "standard input" if self.path == STANDARD_INPUT else self.path.name

    @property
    def columns(self) -> list[str]:
        """The first line of a CSV or sheet."""
        return self.reader.columns

    @property
    def ignored(self) -> list[str]:
        """The columns that are ignored because they are not known."""
        known = {*self.form.columns.values(), *(self._template.names if self._template else ())}
        unknown = (name for name in self.columns if not is_known(name) and name not in known)
        return [*unknown] if self.form.ignore_columns else []

    def rows(self) -> Iterator[Row]:
        """Yields each row as the file has it."""
        if self._first is not None:
            yield self._first
            yield from self._rows

    def __iter__(self) -> Iterator[Mapping[str, Any] | InvalidJob]:
        for row in self.rows():
            self.recent[row.number] = row
            self.recent.pop(row.number - KEPT_ROWS, None)
            job = row.job()
            if not isinstance(job, InvalidJob) and isinstance(minutes := job.get("chat_duration_in_minutes"), int):
                self.own_minutes[minutes] += 1
            self._note_swallower(row)
            yield job

    def lines_of(self, rows: Collection[int]) -> dict[int, int]:
        """Returns the lines of rows by their number. Reads the file again, which ends any iteration."""
        found: dict[int, int] = {}
        if rows:
            for row in self._rewound()[1]:
                if row.number in rows:
                    found[row.number] = row.line
                if row.number >= max(rows):
                    break
        return found
