"""`outbound-chat ui`: the browser that it opens is a script here, which writes down the address."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.http.conftest import start_service
from tests.support.harness import Harness, free_port, running_harness

NO_BROWSER = {"BROWSER": "/nosuch/browser", "DISPLAY": "", "WAYLAND_DISPLAY": "", "PATH": "/nosuch"}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    """A stack whose settings name the address of a service that runs."""
    with running_harness(tmp_path_factory.mktemp("ui")) as harness:
        service = start_service(harness)
        harness.configure(http={"port": int(service.url.rpartition(":")[2])})
        yield harness


def test_it_opens_the_pages_of_the_service(running: Harness, tmp_path: Path) -> None:
    browser, opened = tmp_path / "browser", tmp_path / "opened"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}\n', encoding="utf-8")
    browser.chmod(0o755)
    done = running.run("ui", environment={"BROWSER": f"{browser} %s"})
    address = f"http://127.0.0.1:{running.settings.http.port}/ui"

    assert (done.returncode, done.stdout, done.stderr) == (0, f"{address}\n", "")
    assert opened.read_text(encoding="utf-8") == f"{address}\n"


def test_without_a_browser_it_only_prints_the_address(running: Harness) -> None:
    done = running.run("ui", environment=NO_BROWSER)

    assert (done.returncode, done.stdout) == (0, f"http://127.0.0.1:{running.settings.http.port}/ui\n")


def test_a_service_that_does_not_run_is_one_sentence(running: Harness) -> None:
    for host, shown in (("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("::1", "[::1]")):  # noqa: S104  # as in settings
        port = free_port()
        settings = {"OUTBOUND_CHAT_HTTP__HOST": host, "OUTBOUND_CHAT_HTTP__PORT": str(port)}
        done = running.run("ui", environment=NO_BROWSER | settings)
        said = f"error: nothing listens at http://{shown}:{port}/ui; start the service with: outbound-chat http\n"
        assert (done.returncode, done.stdout, done.stderr) == (2, "", said)
