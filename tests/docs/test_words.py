"""The pages are in plain English: words of a private dialect, which readers had to translate, do not come back."""

import re
from pathlib import Path

import pytest

from .pages import pages, read, section, table

DIALECT = re.compile(
    r"\b(?:anew|beside|lest|mend(?:s|ed)?|stood|(?:is|are|be) told|go(?:es)? on|in the place of|so long as|goes by|"
    r"as it stands|nobody knows)\b",
    re.IGNORECASE,
)
# Generated from docstrings and from the OpenAPI document, or figures of a program; the changelog names old words.
NOT_WRITTEN_HERE = {"http-api.md", "python-api.md", "benchmarks.md", "CHANGELOG.md"}
PLAIN = [page for page in pages() if page.name not in NOT_WRITTEN_HERE]


@pytest.mark.parametrize("page", PLAIN, ids=lambda page: page.name)
def test_a_page_has_no_words_of_a_private_dialect(page: Path) -> None:
    text = re.sub(r"```.*?```|`[^`]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert DIALECT.findall(text) == []


def test_pages_are_found() -> None:
    """Were the list empty, the test above would pass with nothing."""
    assert {"README.md", "quickstart.md", "CONTRIBUTING.md", "redis-lost.md"} <= {page.name for page in PLAIN}


def test_the_words_of_watch_are_linked_to_the_glossary() -> None:
    """Lane and due are words of this project."""
    assert "](glossary.md)" in section(read("cli.md"), "## `watch`")
    explained = {row["word"] for row in table(read("glossary.md"), "word")}
    assert {"lane", "pump", "due", "budget", "hold", "batch", "in progress"} <= explained
