"""Keeps the tables of the pages that the code decides, and the pages of the APIs: `make docs-reference`.

The result is checked in, so that the pages read well on a code host too; `tests/docs` compares it with the code. Cells
that no code can know, such as what to do about an error, are written by hand on the page and stay as they are. A new
row comes with what the code says of it, and an empty cell where only a person can fill it, which `tests/docs` refuses.
"""

from docs.generate import python_api
from docs.generate._commands import commands, group
from docs.generate._pages import generated, tables
from docs.generate._rules import of_status
from docs.generate._settings import heading, models
from docs.generate._tables import Table, rewrite

__all__ = [
    "Table",
    "commands",
    "generated",
    "group",
    "heading",
    "models",
    "of_status",
    "python_api",
    "rewrite",
    "tables",
]
