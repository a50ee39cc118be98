"""JavaScript off: all but live updates and charts works."""

from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.support.harness import number
from tests.support.waiting import wait_until

from .conftest import Visit
from .pages import PAGES
from .stack import TEXT, Seed
from .test_live import new_batch

pytestmark = pytest.mark.browser


@pytest.fixture
def plain(visit: Visit) -> Visit:
    return partial(visit, java_script_enabled=False)


@pytest.mark.parametrize("path", PAGES)
def test_every_page_renders(plain: Visit, path: str) -> None:
    tab = plain(path)
    expect(tab.get_by_role("heading", level=1)).to_be_visible()
    moment = tab.locator("main time").first
    if moment.count():
        expect(moment).to_contain_text("UTC")


def test_a_batch_is_held_and_released(plain: Visit, seed: Seed) -> None:
    batch = new_batch(seed, "plain")
    tab = plain(f"batches/{batch}")
    tab.get_by_role("button", name="Release").click()
    expect(tab.locator("main")).to_contain_text("The hold has ended")
    wait_until(lambda: tab.reload() and "final" in tab.inner_text("main"), what="the end of the batch")


def test_a_message_is_sent(plain: Visit) -> None:
    tab = plain("send")
    tab.get_by_label("Sender").select_option("support")
    tab.get_by_label("To", exact=True).fill(number(90))
    tab.get_by_label("Text", exact=True).fill(TEXT)
    tab.get_by_role("button", name="Check").click()
    tab.get_by_role("button", name="Send it").click()
    tab.wait_for_url("**/ui/jobs/**")
    expect(tab.locator("main")).not_to_contain_text(TEXT)


def test_a_file_is_checked_and_sent(plain: Visit, tmp_path: Path) -> None:
    """The browser forgets the file, so the page asks for it again."""
    path = tmp_path / "plain.csv"
    path.write_text(f"to\n{number(91)}\n{number(92)}\n", encoding="utf-8")
    tab = plain("upload")
    tab.get_by_label("Sender").select_option("support")
    tab.get_by_label("Text of all rows").fill(TEXT)
    for button in ("Check the file", "Send 2 messages"):
        tab.get_by_label("CSV file").set_input_files(path)
        tab.get_by_role("button", name=button).click()
    tab.wait_for_url("**/ui/batches/*")
    expect(tab.get_by_role("heading", level=1)).to_be_visible()


def test_another_file_than_the_checked_one_is_refused(plain: Visit, tmp_path: Path) -> None:
    path = tmp_path / "changed.csv"
    tab = plain("upload")
    tab.get_by_label("Sender").select_option("support")
    tab.get_by_label("Text of all rows").fill(TEXT)
    for rows, button in ((number(93), "Check the file"), (f"{number(93)}\n{number(94)}", "Send 1 message")):
        path.write_text(f"to\n{rows}\n", encoding="utf-8")
        tab.get_by_label("CSV file").set_input_files(path)
        tab.get_by_role("button", name=button).click()
    expect(tab.locator("main")).to_contain_text("file")
    assert tab.url.endswith("/ui/upload")
