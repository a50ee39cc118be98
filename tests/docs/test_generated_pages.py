"""What the code decides on the pages is as the code says; `make docs-reference` writes it."""

from collections import defaultdict
from pathlib import Path

import pytest

from docs.generate import Table, generated, rewrite, tables

from .pages import DOCS, read, section, table, tables as all_tables

# Cells of these columns may be empty: not every setting has a unit, nor every metric a label.
MAY_BE_EMPTY = {"unit", "labels"}
PAGE = """# Things

## First

| name | size | meaning |
|---|---|---|
| `a` | 1 | Written by hand. |
| `gone` | 2 | Of the past. |

The end.
"""
TABLE = Table(
    "things.md",
    "## First",
    [{"name": "`a`", "size": "3", "meaning": "Said."}, {"name": "`b`", "size": "", "meaning": "Said | here."}],
    frozenset({"meaning"}),
)


@pytest.mark.parametrize("page", generated(), ids=lambda page: page.name)
def test_a_page_says_what_the_code_says(page: Path) -> None:
    assert page.read_text(encoding="utf-8") == generated()[page], "run: make docs-reference"


def test_every_cell_that_people_write_is_written() -> None:
    for one in tables():
        text = (DOCS / one.page).read_text(encoding="utf-8")
        for row in table(section(text, one.heading), next(iter(one.rows[0]))):
            empty = [column for column in one.by_hand - MAY_BE_EMPTY if not row[column]]
            assert not empty, f"{one.page}, {one.heading}: {row}"


@pytest.mark.parametrize("page", ["http-api.md", "python-api.md"])
def test_a_generated_reference_says_what_each_row_means(page: str) -> None:
    rows = [row for rows in all_tables(read(page)) for row in rows if "meaning" in row]
    assert len(rows) > 100
    assert [row for row in rows if not row["meaning"]] == []


def test_tables_are_found_on_the_pages_of_reference() -> None:
    """Were the list empty, the tests above would pass with nothing."""
    found: dict[str, int] = defaultdict(int)
    for one in tables():
        found[one.page] += len(one.rows)
    assert {"settings.md", "cli.md", "errors.md", "retry.md", "redis.md", "http.md", "why.md"} == found.keys()
    assert min(found.values()) > 10


def test_rows_are_the_codes_and_words_of_people_stay() -> None:
    assert rewrite(PAGE, TABLE) == PAGE.replace("| `a` | 1 |", "| `a` | 3 |").replace(
        "| `gone` | 2 | Of the past. |", "| `b` | | Said \\| here. |"
    )


def test_a_page_that_is_right_stays_as_it_is() -> None:
    once = rewrite(PAGE, TABLE)
    assert rewrite(once, TABLE) == once


@pytest.mark.parametrize("heading", ["## Second", "# Things"])
def test_a_table_that_is_not_where_it_should_be_is_an_error(heading: str) -> None:
    with pytest.raises(LookupError, match=r"heading|table"):
        rewrite(PAGE, Table("things.md", heading, TABLE.rows))
