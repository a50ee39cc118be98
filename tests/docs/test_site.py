"""The site builds without a warning, needs no network, and has every page in its navigation."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from docs.navigation import navigation

from .pages import DOCS, ROOT, pages

REMOTE = re.compile(
    r"<(?:script|img|iframe)[^>]+src=\"(?:https?:)?//|<link[^>]+href=\"(?:https?:)?//|url\([\"']?(?:https?:)?//"
)


def build(source: Path, site: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """As `make docs` does."""
    options = ["-q", "-W", "--keep-going", "-E", "-d", str(site.parent / "doctrees"), "-c", "docs", *more]
    return subprocess.run(
        [sys.executable, "-m", "sphinx", *options, ".", str(site)],
        cwd=source,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site."""
    folder = tmp_path_factory.mktemp("site") / "html"
    built = build(ROOT, folder)
    assert built.returncode == 0, built.stderr
    assert built.stderr == ""
    return folder


def test_every_page_is_in_the_navigation_once() -> None:
    listed = [(DOCS / f"{page}.md").resolve() for _, rows in navigation(index()) for _, page in rows]
    assert sorted(listed) == sorted(page for page in pages() if page != DOCS / "index.md")


def index() -> str:
    return (DOCS / "index.md").read_text(encoding="utf-8")


def test_the_navigation_has_the_four_kinds_of_pages() -> None:
    titles = [title for title, _ in navigation(index())]
    assert titles == ["Start", "How to", "Discussions", "Reference", "The project"]


def test_every_page_is_built_and_the_first_one_is_found_at_the_root(site: Path) -> None:
    for page in pages():
        assert (site / page.relative_to(ROOT)).with_suffix(".html").exists()
    (target,) = re.findall(r"url=([\w/.]+)", (site / "index.html").read_text(encoding="utf-8"))
    assert (site / target).exists()


def test_nothing_is_fetched_when_the_site_is_read(site: Path) -> None:
    files = [*site.rglob("*.html"), *site.rglob("*.css")]
    assert len(files) > len(pages())
    for file in files:
        assert REMOTE.findall(file.read_text(encoding="utf-8")) == [], file.name


def test_a_wide_block_of_code_shows_on_a_phone_that_it_scrolls(site: Path) -> None:
    """Phones hide scrollbars: the style gives such a block a shadow at the side where there is more."""
    (style,) = site.rglob("site.css")
    (rule,) = re.findall(
        r"^\.highlight pre, \.table-wrapper \{(.*?)^\}", style.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    assert rule.count("no-repeat local") == rule.count("no-repeat scroll") == 2
    assert style.name in (site / "docs" / "quickstart.html").read_text(encoding="utf-8")


def test_search_needs_no_server(site: Path) -> None:
    """The index of words is a script, which a browser loads from a file too."""
    words = (site / "searchindex.js").read_text(encoding="utf-8")
    assert words.startswith("Search.setIndex(")
    assert "quiet_hour" in words  # the stem of it


def test_a_page_without_a_place_and_links_to_nowhere_fail_the_build(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("docs", "examples"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ROOT.glob("*.md"):
        shutil.copy(file, source)
    (source / "docs" / "howto" / "forgotten.md").write_text("# Forgotten\n", encoding="utf-8")
    links = "[gone](no-such-page.md) [gone](settings.md#no-such-heading)"
    (source / "docs" / "glossary.md").write_text(f"# Glossary\n\n{links}\n", encoding="utf-8")
    built = build(source, tmp_path / "html", "-b", "dummy")
    assert built.returncode != 0
    for said in ("forgotten.md: WARNING: document isn't included in any toctree", "no-such-page.md", "no-such-heading"):
        assert said in built.stderr
