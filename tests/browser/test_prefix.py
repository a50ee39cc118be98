"""Behind a proxy that serves the pages below a path of its own, without a setting: links, files and sessions work."""

import http.client
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect

from .pages import PAGES
from .stack import Seed
from .watched import sign_in, watched_tab

pytestmark = pytest.mark.browser

PREFIX = "/tools/sms"
NOT_PASSED_ON = {"connection", "transfer-encoding"}


class Proxy(ThreadingHTTPServer):
    """Passes on what is below `PREFIX`, and nothing else."""

    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = target
        self.url = f"http://127.0.0.1:{self.server_port}{PREFIX}"


class _Handler(BaseHTTPRequestHandler):
    server: Proxy

    def do_GET(self) -> None:  # the name is the library's
        if not self.path.startswith(f"{PREFIX}/"):
            self.send_error(404)
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        asking = http.client.HTTPConnection(self.server.target)
        asking.request(self.command, self.path.removeprefix(PREFIX), body, dict(self.headers.items()))
        answer = asking.getresponse()
        content = answer.read()
        asking.close()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name not in NOT_PASSED_ON:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET  # noqa: N815  # the name is the library's

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name is the library's
        """Stays silent."""


@pytest.fixture(scope="module")
def url(seed: Seed) -> Iterator[str]:
    """Where the proxy is."""
    with Proxy(urlsplit(seed.service.url).netloc) as proxy:
        thread = Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield proxy.url
        proxy.shutdown()
        thread.join()


def test_every_page_and_every_link_of_the_menu(browser: Browser, seed: Seed, url: str) -> None:
    session = sign_in(browser, url, seed.tokens["all"])
    with watched_tab(browser, url, storage_state=session) as tab:
        for path in PAGES:
            answer = tab.goto(f"{url}/ui/{path.format_map(seed.ids)}".removesuffix("/"))
            assert answer
            assert answer.ok
            assert urlsplit(tab.url).path.startswith(f"{PREFIX}/ui")
            expect(tab.get_by_role("heading", level=1)).to_be_visible()
        tab.goto(f"{url}/ui")
        menu = tab.get_by_role("navigation").get_by_role("link")
        targets = menu.evaluate_all("links => links.map(link => link.href)")
        assert {tab.request.get(target).status for target in targets} == {200}
        assert all(target.startswith(f"{url}/ui") for target in targets)
