"""All generated pages."""

from collections.abc import Iterator
from pathlib import Path

from docs.generate import _commands, _errors_page, _http_api, _metrics, _rules, _settings, python_api
from docs.generate._tables import Table, rewrite

DOCS = Path(__file__).parents[1]
SERVED_ERRORS = DOCS.parent / "producers/outbound_chat/http/errors.html"


def tables() -> Iterator[Table]:
    """Every table that the code decides."""
    yield from _settings.tables()
    yield from _commands.tables()
    yield from _rules.tables()
    yield _metrics.table()


def generated() -> dict[Path, str]:
    """Each page as it should be; of one with tables, all else as it stands."""
    pages: dict[Path, str] = {}
    for table in tables():
        file = DOCS / table.page
        pages[file] = rewrite(pages.get(file) or file.read_text(encoding="utf-8"), table)
    pages[SERVED_ERRORS] = _errors_page.page(pages[DOCS / "errors.md"])
    pages[DOCS / "python-api.md"] = python_api.page()
    pages[DOCS / "http-api.md"] = _http_api.page(DOCS / "openapi.json")
    return pages
