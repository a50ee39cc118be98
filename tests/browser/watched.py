"""A tab of Chromium that is watched: what the browser complains of, and what is asked of other hosts."""

import os
import shutil
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Response, StorageState

PATIENCE_MS = 60_000
"""Bites on failure only: what a busy machine may need."""

_REPORT_VIOLATIONS = """
document.addEventListener('securitypolicyviolation', event =>
  reportViolation(`${event.effectiveDirective} ${event.blockedURI} ${event.sample}`))
"""


class Complaints(list[str]):
    """What went wrong in the tabs of a context; empty when nothing did."""

    def __init__(self, context: "BrowserContext", url: str) -> None:
        super().__init__()
        self._host = urlsplit(url).netloc
        # A binding and a script of the debugger: the policy of the page stays as it is.
        context.expose_function("reportViolation", lambda what: self.append(f"policy: {what}"))
        context.add_init_script(_REPORT_VIOLATIONS)
        context.on("console", self._console)
        context.on("weberror", lambda one: self.append(f"error: {one.error}"))
        context.on("request", self._request)
        context.on("requestfailed", self._failed)
        context.on("response", self._response)

    def _console(self, message: "ConsoleMessage") -> None:
        # Of answers, `_response` tells.
        if message.type in {"error", "warning"} and not message.text.startswith("Failed to load resource: the server"):
            self.append(f"console: {message.text}")

    def _response(self, response: "Response") -> None:
        # Tests ask for pages and send forms that are refused, but no page has a file or a poll that is.
        page = response.request.resource_type == "document" or response.request.method == "POST"
        if response.status >= HTTPStatus.BAD_REQUEST and not page:
            self.append(f"answered: {response.url} {response.status}")

    def _request(self, request: "Request") -> None:
        if urlsplit(request.url).netloc != self._host and not request.url.startswith(("data:", "blob:")):
            self.append(f"elsewhere: {request.url}")

    def _failed(self, request: "Request") -> None:
        # A tab that goes on gives up what it waits for, and a download is no page.
        if request.failure != "net::ERR_ABORTED":
            self.append(f"failed: {request.url} {request.failure}")


@contextmanager
def running_browser() -> "Iterator[Browser]":
    """Debian's Chromium, for the length of a block."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  # only `make ui` installs it

    # Chromium's own sandbox needs another user than root.
    arguments = [] if os.geteuid() else ["--no-sandbox"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium") or "chromium", args=arguments)
        yield browser
        browser.close()


@contextmanager
def watched_tab(browser: "Browser", url: str, **options: Any) -> "Iterator[Page]":
    """A tab of a new context; at the end there must have been no complaint.

    `options`: those of the context, such as `color_scheme`.
    """
    context = browser.new_context(**options)
    context.set_default_timeout(PATIENCE_MS)
    complaints = Complaints(context, url)
    try:
        yield context.new_page()
    finally:
        context.close()
    if complaints:
        raise AssertionError("\n".join(complaints))


def sign_in(browser: "Browser", url: str, token: str) -> "StorageState":
    """Signs in by the form, as people do, and returns the session for other contexts."""
    with watched_tab(browser, url) as tab:
        tab.goto(f"{url}/ui/login")
        tab.get_by_label("API key").fill(token)
        tab.get_by_role("button", name="Sign in").click()
        tab.get_by_role("button", name="Sign out").wait_for()
        return tab.context.storage_state()
