"""Reads ids of jobs: one a line, or the column `_id` or `id` of a table or of JSON, as `export` writes them."""

from collections.abc import Iterator
from contextlib import closing
from itertools import chain, islice
from pathlib import Path

from outbound_chat.cli.files.row_file import RowFile
from outbound_chat.rows import CsvReader, Row, UnusableFile

COLUMNS = ("_id", "id")
"""The first of them is read: where `export --join` has written `_id`, `id` is a column of the joined file."""


class _IdFile(RowFile):
    any_columns = any_ending = True

    def __iter__(self) -> Iterator[str]:
        if isinstance(self.reader, CsvReader):
            self.reader.number_columns = COLUMNS
        rows = map(self._checked, self._rows)
        first = [*islice(rows, 1)]
        names = self.reader.columns if self.is_csv else [name for row in first for name in row.cells]
        column = next((name for name in COLUMNS if name in names), None)
        if column is None and names:
            if len(names) > 1 or not self.is_csv:
                raise UnusableFile(f'{self.path}: its first line must name a column "id", or each line must be one id')
            column = names[0]
            yield column
        for row in chain(first, rows):
            yield str(row.cells.get(column or "", ""))

    def _checked(self, row: Row) -> Row:
        if row.fault:
            raise UnusableFile(f"{self.path}, line {row.line}: {row.fault.errors[0].message}")
        return row


def read_ids(path: Path) -> list[str]:
    """Returns the ids in their order. `-`: standard input.

    Raises:
        UnusableFile: it can't be read, or has several columns and none of ids.
    """
    with closing(_IdFile(path)) as file:
        return [id_ for one in file if (id_ := one.strip())]
