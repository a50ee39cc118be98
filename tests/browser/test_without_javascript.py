"""JavaScript off: all but live updates and charts works."""

from functools import partial

import pytest
from playwright.sync_api import expect

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
    tab.get_by_label("Phone number").fill("+12025550123")
    tab.get_by_label("Text").fill(TEXT)
    tab.get_by_role("button", name="Check").click()
    tab.get_by_role("button", name="Send").click()
    tab.wait_for_url("**/ui/jobs/**")
    expect(tab.locator("main")).not_to_contain_text(TEXT)
