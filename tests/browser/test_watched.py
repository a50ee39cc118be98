"""What is wrong with a page is noticed."""

import pytest
from playwright.sync_api import Browser

from outbound_chat.http.ui.rendering import CSP

from .axe import violations
from .watched import watched_tab

pytestmark = pytest.mark.browser

URL = "http://127.0.0.1:9"
BAD = """<!doctype html><title>Bad</title>
<body style="color: red"><img src=x onerror="document.title='struck'"><script>document.title='struck'</script>
<script src="https://example.com/x.js"></script><script src="script"></script><img src="gone">"""
SCRIPT = "console.error('said'); missing()"


def complaints(browser: Browser, body: str, policy: str) -> str:
    """What is said of a page and its script."""
    with pytest.raises(AssertionError) as raised, watched_tab(browser, URL) as tab:  # noqa: PT012  # raised at the end
        tab.route("**/bad", lambda route: route.fulfill(body=body, headers={"Content-Security-Policy": policy}))
        tab.route("**/script", lambda route: route.fulfill(body=SCRIPT))
        tab.route("**/gone", lambda route: route.fulfill(status=404))
        tab.goto(f"{URL}/bad")
        assert tab.title() == "Bad"
    return str(raised.value)


def test_complaints_of_the_browser(browser: Browser) -> None:
    told = complaints(browser, BAD, CSP)
    for wrong in (
        "policy: style-src-attr inline",
        "policy: script-src-attr inline",
        "policy: script-src-elem inline",
        "policy: script-src-elem https://example.com/x.js",
        "console: said",
        "missing is not defined",
        f"failed: {URL}/x",
        f"answered: {URL}/gone 404",
    ):
        assert wrong in told


def test_requests_to_other_hosts(browser: Browser) -> None:
    elsewhere = "http://127.0.0.2:9/x.png"
    assert f"elsewhere: {elsewhere}" in complaints(browser, f'<title>Bad</title><img src="{elsewhere}">', "")


def test_violations_of_axe(browser: Browser) -> None:
    with watched_tab(browser, URL) as tab:
        tab.route("**/*", lambda route: route.fulfill(body='<p style="color: #888; background: #999">pale</p>'))
        tab.goto(URL)
        assert {one.partition(":")[0] for one in violations(tab)} >= {"color-contrast", "document-title"}
        assert {one.partition(":")[0] for one in violations(tab, "color-contrast")} == {"color-contrast"}
