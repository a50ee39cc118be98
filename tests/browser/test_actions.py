"""A replay of many jobs is started, watched and stopped on the pages."""

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, expect

from tests.http.conftest import start_service
from tests.support.harness import Harness

from .stack import INVALID, TEXT
from .watched import watched_tab

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

OF_SUPPORT, OF_CHAT = 4, 2


@pytest.fixture
def tab(browser: Browser, stack: Harness) -> "Iterator[Page]":
    """The dead letters of two senders, whose worker is gone. Nobody needs a key there."""
    worker, chat = stack.start_worker(), stack.chat()
    for sender, count in (("support", OF_SUPPORT), ("chat", OF_CHAT)):
        chat.wait_batch(chat.enqueue_batch([{"to": INVALID}] * count, sender=sender, text=TEXT).id, 60)
    worker.terminate()
    worker.wait(60)
    service = start_service(stack)
    with watched_tab(browser, service.url) as one:
        one.goto(f"{service.url}/ui/dead")
        yield one


def replay_all(tab: "Page") -> None:
    tab.get_by_text("Replay all…").click()
    tab.get_by_role("button", name="Replay all").click()
    tab.wait_for_url("**/ui/actions*")


def test_it_is_stopped_then_done_while_one_looks(tab: "Page", stack: Harness) -> None:
    chat, live = stack.chat(), tab.locator("#live")
    replay_all(tab)
    expect(tab.locator("main")).to_contain_text("Workers replay them.")
    expect(live).to_contain_text("running")
    tab.get_by_role("button", name="Stop").click()
    expect(live).to_contain_text("stopped")
    expect(tab.get_by_role("button", name="Stop")).to_have_count(0)
    assert len(chat.dead_letters().jobs) == OF_SUPPORT + OF_CHAT

    tab.get_by_role("link", name="Dead letters").first.click()
    replay_all(tab)
    expect(live).to_contain_text(f"0 of {OF_SUPPORT + OF_CHAT}")
    tab.evaluate("window.same = true")
    # The worker that comes does not know one of the senders any more.
    stack.configure(senders={"support": stack.values["senders"]["support"]})
    stack.start_worker()
    expect(live).to_contain_text(f"{OF_SUPPORT} replayed, {OF_CHAT} left as they are: unknown_sender")
    expect(live).to_contain_text(f"{OF_SUPPORT + OF_CHAT} of {OF_SUPPORT + OF_CHAT}")
    expect(live).not_to_contain_text("running")
    assert tab.evaluate("window.same")

    left = live.get_by_role("link")
    expect(left).to_have_count(OF_CHAT)
    job = left.first.inner_text()
    left.first.click()
    expect(tab.get_by_role("heading", level=1)).to_contain_text(job)
    assert chat.status(job).replayed_by is None
