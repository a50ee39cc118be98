"""The page of the routes at /docs."""

import re

import pytest
from playwright.sync_api import Browser, expect

from .stack import Seed
from .watched import watched_tab

pytestmark = pytest.mark.browser


def test_it_lists_the_operations(browser: Browser, seed: Seed) -> None:
    """By its own policy, without a key, and without a word in the console."""
    with watched_tab(browser, seed.service.url) as tab:
        answer = tab.goto(f"{seed.service.url}/docs")
        assert answer
        assert "default-src" in answer.headers["content-security-policy"]
        expect(tab.locator(".opblock-summary-path").filter(has_text=re.compile("^/v1/jobs$"))).not_to_have_count(0)
        tab.locator(".opblock-summary").first.click()
        expect(tab.get_by_role("button", name="Try it out")).to_be_visible()
