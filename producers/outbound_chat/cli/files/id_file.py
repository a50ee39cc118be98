"""Reads ids of jobs: one a line, or the column `id` or `_id` of a CSV file, as `export` writes it."""

import csv
import sys
from pathlib import Path

from outbound_chat.cli.files.row_file import STANDARD_INPUT
from outbound_chat.rows import UnusableFile

COLUMNS = ("id", "_id")


def read_ids(path: Path) -> list[str]:
    """Returns the ids in their order. `-`: standard input.

    Raises:
        UnusableFile: it can't be read, or is a CSV file without such a column.
    """
    try:
        text = (sys.stdin.buffer.read() if path == STANDARD_INPUT else path.read_bytes()).decode("utf-8-sig")
        rows = list(csv.reader(text.splitlines(keepends=True)))
    except OSError as error:
        raise UnusableFile(f"{path} can't be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UnusableFile(f"{path} is not UTF-8 text with an id on each line") from error
    first = rows[0] if rows else []
    column = next((first.index(name) for name in COLUMNS if name in first), None)
    if column is None and len(first) > 1:
        raise UnusableFile(f'{path}: its first line must name a column "id", or each line must be one id')
    found = (row[column or 0].strip() for row in rows[column is not None :] if row[column or 0 :])
    return [id_ for id_ in found if id_]
